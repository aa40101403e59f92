"""Levels of detail, measured and checked with trimesh."""

import sys
from pathlib import Path

import numpy as np
import pygltflib
import pytest
import trimesh
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from fit_avatar.body import load_body
from fit_avatar.body.model import Body
from fit_avatar.body.state import BodyState
from fit_avatar.errors import MissingDependencyError
from fit_avatar.export import write_glb
from fit_avatar.export.lod import LOD, simplified
from fit_avatar.export.mesh import SplitMesh, rest_mesh, split_seams
from tests.export.test_glb import TEXTURE, read, skinned


@pytest.fixture(scope="module")
def split(body: Body) -> SplitMesh:
    return split_seams(body.faces.numpy(), body.uv_faces.numpy())


def test_the_full_mesh_needs_no_package(split: SplitMesh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "meshoptimizer", None)
    assert simplified(split, np.zeros((split.vertex.max() + 1, 3)), 1.0) is split
    with pytest.raises(MissingDependencyError, match=r"pip install meshoptimizer=="):
        simplified(split, np.zeros((split.vertex.max() + 1, 3)), 0.5)


@pytest.mark.parametrize("part", LOD.levels)
def test_corners_stay_corners_and_the_skin_stays_closed(
    body: Body, state: BodyState, split: SplitMesh, part: float
) -> None:
    pytest.importorskip("meshoptimizer")
    full = rest_mesh(body, state)
    level = simplified(split, full.vertices, part)
    assert (
        0.4 * part < len(level.faces) / len(split.faces) <= part
    )  # the poles' many coordinates cost the egg triangles
    pairs = {tuple(pair) for pair in np.stack([split.vertex, split.uv], 1).tolist()}
    assert {tuple(pair) for pair in np.stack([level.vertex, level.uv], 1).tolist()} <= pairs
    assert np.array_equal(np.unique(level.faces), np.arange(len(level.vertex)))

    faces = level.vertex[level.faces]
    skin = trimesh.Trimesh(full.vertices, faces[body.skin.numpy()[faces].all(1)], process=False)
    assert skin.is_watertight and skin.is_winding_consistent and skin.volume > 0
    assert skin.area_faces.min() > 0
    whole = trimesh.Trimesh(full.vertices, body.faces.numpy()[body.skin.numpy()[body.faces.numpy()].all(1)])
    assert skin.volume == pytest.approx(whole.volume, rel=0.3)


@pytest.fixture(scope="module")
def person() -> tuple[Body, BodyState]:
    """The default body, a little fattened, in one pose."""
    from tests.synthetic import turning_person

    body = load_body(4)
    return body, turning_person(body, 1).state


@pytest.mark.parametrize(("part", "mean_mm", "p95_mm"), [(0.5, 0.2, 0.8), (0.25, 0.6, 2.0), (0.1, 2.0, 5.0)])
def test_a_person_keeps_shape_and_closed_skin(
    person: tuple[Body, BodyState], part: float, mean_mm: float, p95_mm: float
) -> None:
    pytest.importorskip("meshoptimizer")
    body, state = person
    full, faces = rest_mesh(body, state), body.faces.numpy()
    level = simplified(split_seams(faces, body.uv_faces.numpy()), full.vertices, part)
    assert len(level.faces) == pytest.approx(part * len(faces), rel=0.01)
    coarse = level.vertex[level.faces]
    skin = trimesh.Trimesh(full.vertices, coarse[body.skin.numpy()[coarse].all(1)], process=False)
    assert skin.is_watertight and skin.is_winding_consistent and skin.area_faces.min() > 0
    apart = 1000 * np.concatenate([between(full.vertices, faces, coarse), between(full.vertices, coarse, faces)])
    assert apart.mean() < mean_mm and np.percentile(apart, 95) < p95_mm


def between(vertices: NDArray[np.float64], source: NDArray[np.int64], target: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return how far 20,000 points of one surface are from the planes of the other's nearest triangles, in metres."""
    points, _ = trimesh.sample.sample_surface(trimesh.Trimesh(vertices, source, process=False), 20_000, seed=0)
    mesh = trimesh.Trimesh(vertices, target, process=False)
    samples, triangles = trimesh.sample.sample_surface(mesh, 200_000, seed=1)
    _, nearest = cKDTree(samples).query(points)
    return np.abs(((points - samples[nearest]) * mesh.face_normals[triangles[nearest]]).sum(1))


def test_the_file_is_the_full_one_with_less_triangles(tmp_path: Path, body: Body, state: BodyState) -> None:
    pytest.importorskip("meshoptimizer")
    whole, part = (
        pygltflib.GLTF2().load(str(write_glb(tmp_path / f"{d}.glb", body, state, 25.0, TEXTURE, detail=d)))
        for d in (1.0, 0.5)
    )
    for frame in (None, 3):  # where a vertex goes does not depend on the level
        fine, coarse = ({tuple(p) for p in np.round(skinned(g, frame), 4).tolist()} for g in (whole, part))
        assert coarse < fine
    weights = read(part, part.meshes[0].primitives[0].attributes.WEIGHTS_0)
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-6)
    assert part.accessors[part.meshes[0].primitives[0].indices].count == pytest.approx(len(body.faces) * 1.5, rel=0.1)
