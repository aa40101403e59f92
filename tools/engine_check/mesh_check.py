"""Are the exported surfaces sound, and how far are the levels of detail from the full mesh?

python tools/engine_check/mesh_check.py RESULTS

RESULTS is a folder of fit-avatar's. Needs open3d and trimesh.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import open3d as o3d
import trimesh
from reference import attributes

SAMPLES = 200_000
DEGENERATE_MM2 = 1e-4
MOST_TURNED = 0.005
MOST_MEAN_MM = {0.5: 1.0, 0.25: 3.0, 0.1: 6.0}


def main() -> int:
    """Return 0 if everything is sound."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path)
    folder = parser.parse_args().results
    full = attributes(folder / "avatar.glb")
    passed = _sound("avatar.glb", full)
    obj = trimesh.load(folder / "avatar.obj", process=False, maintain_order=True)
    passed &= _sound("avatar.obj", {"POSITION": obj.vertices, "indices": obj.faces.ravel()})
    for path in sorted(folder.glob("avatar_lod*.glb")):
        level = attributes(path)
        for check in (_sound(path.name, level), _carried_over(full, level), _near(full, level)):
            passed &= check
    print("passed" if passed else "FAILED")
    return 0 if passed else 1


def _sound(name: str, mesh: dict[str, np.ndarray]) -> bool:
    """Tell whether every component is closed, with neither triangles of no area nor triangles twice."""
    welded = trimesh.Trimesh(mesh["POSITION"], mesh["indices"].reshape(-1, 3), process=False)
    welded.merge_vertices(merge_tex=True, merge_norm=True)
    parts = welded.split(only_watertight=False)
    closed = [part.is_watertight and part.is_winding_consistent and part.volume > 0 for part in parts]
    degenerate = int((welded.area_faces < DEGENERATE_MM2 * 1e-6).sum())
    twice = len(welded.faces) - len(np.unique(np.sort(welded.faces, axis=1), axis=0))
    print(
        f"{name}: {len(welded.faces)} triangles, {sum(closed)} of {len(parts)} components closed "
        f"(skin {'closed' if closed[int(np.argmax([len(p.faces) for p in parts]))] else 'OPEN'}), "
        f"{degenerate} degenerate, {twice} twice, smallest {welded.area_faces.min() * 1e6:.4f} mm²"
    )
    return all(closed) and not degenerate and not twice


def _carried_over(full: dict[str, np.ndarray], level: dict[str, np.ndarray]) -> bool:
    """Tell whether every vertex of a level is one of the full mesh, with all that belongs to it.

    Levels have no joints of jaw and eyes: weights are compared where the full mesh does not use them.
    """
    common = int(level["JOINTS_0"].max()) + 1
    of_face = ((full["JOINTS_0"] >= common) & (full["WEIGHTS_0"] > 0)).any(1)
    places = ("POSITION", "NORMAL", "TEXCOORD_0")
    everything = (*places, "JOINTS_0", "WEIGHTS_0")
    known = _rows(full, everything) | _rows(full, places, of_face)
    own = _rows(level, everything)
    carried = sum(row in known or row[: 4 * 8] in known for row in own)  # eight numbers of four bytes are the places
    print(f"  {carried} of {len(own)} vertices have the full mesh's coordinates and weights")
    return carried == len(own)


def _rows(mesh: dict[str, np.ndarray], names: tuple[str, ...], chosen: np.ndarray | None = None) -> set[bytes]:
    """Return the bytes of the attributes of each vertex, or of those chosen."""
    rows = np.concatenate([mesh[name].astype("<f4") for name in names], axis=1)
    return {row.tobytes() for row in (rows if chosen is None else rows[chosen])}


def _near(full: dict[str, np.ndarray], level: dict[str, np.ndarray]) -> bool:
    """Print the distances between two surfaces, measured both ways, and how many triangles are turned over."""
    fine, coarse = (
        trimesh.Trimesh(mesh["POSITION"], mesh["indices"].reshape(-1, 3), process=False) for mesh in (full, level)
    )
    apart = 1000 * np.concatenate([_distances(fine, coarse), _distances(coarse, fine)])
    part = len(coarse.faces) / len(fine.faces)
    most = MOST_MEAN_MM[min(MOST_MEAN_MM, key=lambda level: abs(level - part))]
    against = int(((coarse.face_normals * level["NORMAL"][coarse.faces].sum(1)).sum(1) < 0).sum())
    print(
        f"  {part:.3f} of the triangles: both ways mean {apart.mean():.3f} mm, "
        f"95 % within {np.percentile(apart, 95):.3f} mm, at most {apart.max():.3f} mm; "
        f"{against} triangles lie against their corners' normals"
    )
    return bool(apart.mean() < most and against <= MOST_TURNED * len(coarse.faces))


def _distances(source: trimesh.Trimesh, target: trimesh.Trimesh) -> np.ndarray:
    """Return how far points of one surface are from the other, in metres."""
    points, _ = trimesh.sample.sample_surface(source, SAMPLES, seed=0)
    return _scene(target).compute_distance(o3d.core.Tensor(points.astype(np.float32))).numpy()


def _scene(mesh: trimesh.Trimesh) -> o3d.t.geometry.RaycastingScene:
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(mesh.vertices.astype(np.float32), mesh.faces.astype(np.uint32))
    return scene


if __name__ == "__main__":
    sys.exit(main())
