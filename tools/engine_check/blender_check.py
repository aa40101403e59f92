"""Does Blender import what was exported, with armature, weights, picture and motion? And the way on to FBX.

python3.11 -m venv /tmp/blender && /tmp/blender/bin/pip install "bpy==4.5.*"
/tmp/blender/bin/python tools/engine_check/blender_check.py RESULTS [--out FOLDER] [--up z] [--unit cm] [--most-mm 10]

RESULTS is a folder of fit-avatar's, written with ``--export bvh usd lods frames``, and with the same ``--up`` and
``--unit``. Every imported and animated mesh is compared with ``frames/``, every imported and animated armature with
``joints.npz``. With ``--bind``, the mesh may differ by millimetres where a pose is far from the fitted ones.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import struct
import subprocess
import sys
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix

MOST_MM = 0.1
SHAPES = 52
Z_UP = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
FBX = (
    "import bpy, sys; bpy.ops.wm.read_factory_settings(use_empty=True); bpy.context.scene.render.fps = 30; "
    "bpy.ops.import_scene.gltf(filepath=sys.argv[1], disable_bone_shape=True); "
    "bpy.ops.export_scene.fbx(filepath=sys.argv[2], path_mode='COPY', embed_textures=True, add_leaf_bones=False, "
    "bake_anim_simplify_factor=0)"
)
"""The documented line that makes an FBX of a GLB."""


class Truth:
    """The captured motion in Blender's axes: z up, metres."""

    def __init__(self, results: Path) -> None:
        content = (results / "avatar.glb").read_bytes()
        (length,) = struct.unpack("<I", content[12:16])
        document = json.loads(content[20 : 20 + length])
        self.extras = document["animations"][0]["extras"]
        self.names = [document["nodes"][joint]["name"] for joint in document["skins"][0]["joints"]]
        to_world = np.array(self.extras["world_from_camera"])
        self.turn, self.shift = Z_UP @ to_world[:3, :3], Z_UP @ to_world[:3, 3]
        with np.load(results / "joints.npz") as z:
            self.joints = z["joints"] @ self.turn.T + self.shift
            self.seconds = (z["frame_index"] - self.extras["first_frame"]) / self.extras["fps"]
            self.names = self.names[: self.joints.shape[1]]  # behind them there may be joints of the face
            self.files = [results / "frames" / f"{index:06d}.obj" for index in z["frame_index"]]

    def vertices(self, frame: int) -> np.ndarray:
        """Return the posed mesh. [V, 3]"""
        rows = [line.split()[1:] for line in self.files[frame].read_text().splitlines() if line.startswith("v ")]
        return np.array(rows, float) @ self.turn.T + self.shift


def main() -> int:
    """Return 0 if everything arrives."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path)
    parser.add_argument("--out", type=Path, default=Path("blender"))
    parser.add_argument("--up", choices=["y", "z"], default="y")
    parser.add_argument("--unit", choices=["m", "cm"], default="m")
    parser.add_argument("--most-mm", type=float, default=MOST_MM, help="how far vertices may be from the fit's")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    results, truth, most_mm = options.results, Truth(options.results), options.most_mm
    forward, up, scale = "Y" if options.up == "z" else "-Z", options.up.upper(), 0.01 if options.unit == "cm" else 1.0
    print("Blender", bpy.app.version_string)

    checks = []
    _empty()
    bpy.ops.import_scene.gltf(filepath=str(results / "avatar.glb"))
    checks.append(_animated("avatar.glb", truth, most_mm))
    _render(options.out / "glb.png")
    for level in sorted(results.glob("avatar_lod*.glb")):
        _empty()
        bpy.ops.import_scene.gltf(filepath=str(level))
        checks.append(_animated(level.name, truth, most_mm))
    _empty()
    bpy.ops.wm.usd_import(filepath=str(results / "avatar.usdz"), import_usd_preview=True)
    checks.append(_animated("avatar.usdz", truth, most_mm, frames_per_second=truth.extras["fps"]))
    _render(options.out / "usd.png")
    _empty()
    bpy.ops.wm.obj_import(
        filepath=str(results / "avatar.obj"),
        forward_axis=forward.replace("-Z", "NEGATIVE_Z"),
        up_axis=up,
        global_scale=scale,
    )
    checks.append(_still("avatar.obj"))
    _empty()
    bpy.ops.import_anim.bvh(
        filepath=str(results / "avatar.bvh"),
        axis_forward=forward,
        axis_up=up,
        global_scale=scale,
        update_scene_fps=True,
    )
    print("avatar.bvh:")
    checks.append(_bones(truth, _armature(), per_key=True))

    fbx = options.out / "avatar.fbx"
    subprocess.run([sys.executable, "-c", FBX, str(results / "avatar.glb"), str(fbx)], check=True, capture_output=True)
    _empty()
    bpy.ops.import_scene.fbx(filepath=str(fbx), anim_offset=0)
    checks.append(_animated(f"avatar.fbx ({fbx.stat().st_size} bytes)", truth, most_mm))
    _render(options.out / "fbx.png")
    print("passed" if all(checks) else "FAILED")
    return 0 if all(checks) else 1


def _empty() -> None:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = 120  # fine enough for the times of any video's frames


def _armature() -> bpy.types.Object:
    return next(o for o in bpy.data.objects if o.type == "ARMATURE")


def _animated(name: str, truth: Truth, most_mm: float, frames_per_second: float | None = None) -> bool:
    """Compare mesh, weights, picture, armature and motion."""
    armature = _armature()
    mesh = next(o for o in bpy.data.objects if o.type == "MESH" and o.find_armature() == armature)
    sums = np.array([sum(group.weight for group in vertex.groups) for vertex in mesh.data.vertices])
    groups = {group.name for group in mesh.vertex_groups}
    pictures = [tuple(image.size) for image in bpy.data.images if image.size[0]]
    _say_rate(frames_per_second)
    worst = 0.0
    for frame in _some(truth):
        _go_to(truth.seconds[frame])
        worst = max(worst, _farthest(_vertices(mesh), truth.vertices(frame)))
    bones = {bone.name for bone in armature.data.bones}
    print(
        f"{name}: {len(mesh.data.vertices)} vertices, {len(mesh.data.polygons)} faces, {len(bones)} bones, "
        f"{len(groups & bones)} weight groups, sums of weights {sums.min():.4f} to {sums.max():.4f}, "
        f"{len(mesh.data.uv_layers)} UV layer, pictures {pictures}, "
        f"{len(bpy.data.actions)} action; vertices at most {1000 * worst:.4f} mm from the fit"
    )
    shapes = _shapes(mesh)
    moves = _bones(truth, armature)
    weighted = abs(sums - 1).max() < 1e-3 and groups <= bones
    alone = sum(o.type == "MESH" and not o.hide_render for o in bpy.data.objects)
    if name.startswith("avatar.fbx") and alone != 1:
        print(f"  {alone} meshes where one should be")
        return False
    whole = not shapes or len(shapes) == SHAPES
    return bool(moves and weighted and whole and pictures and mesh.data.uv_layers and 1000 * worst < most_mm)


def _shapes(mesh: bpy.types.Object) -> list[str]:
    """Return the names of the shapes of the face, and print what the open jaw moves."""
    if mesh.data.shape_keys is None:
        return []
    still, *blocks = mesh.data.shape_keys.key_blocks
    jaw = mesh.data.shape_keys.key_blocks["jawOpen"]
    moved = [(at.co - rest.co).length for at, rest in zip(jaw.data, still.data, strict=True)]
    print(
        f"  {len(blocks)} shape keys; jawOpen moves {sum(x > 0 for x in moved)} vertices, by {1000 * max(moved):.1f} mm"
    )
    return [block.name for block in blocks]


def _bones(truth: Truth, armature: bpy.types.Object, per_key: bool = False) -> bool:
    """Compare the heads of the bones with the joints."""
    action = armature.animation_data.action
    worst = 0.0
    for frame in _some(truth):
        if per_key:  # one Blender frame for each of the file's, counted from 1
            bpy.context.scene.frame_set(1 + round(truth.seconds[frame] * truth.extras["fps"]))
        else:
            _go_to(truth.seconds[frame])
        heads = {_plain(bone.name): np.array(armature.matrix_world @ bone.head) for bone in armature.pose.bones}
        found = np.array([heads[_plain(joint)] for joint in truth.names])
        worst = max(worst, float(np.linalg.norm(found - truth.joints[frame], axis=1).max()))
    print(
        f"  {len(armature.data.bones)} bones, action {action.name!r} of {tuple(action.frame_range)} frames; "
        f"joints at most {1000 * worst:.4f} mm from the fit"
    )
    return 1000 * worst < MOST_MM


def _plain(name: str) -> str:
    """Return a name as USD allows it."""
    return re.sub(r"\W", "_", name)


def _still(name: str) -> bool:
    mesh = next(o for o in bpy.data.objects if o.type == "MESH")
    points = np.array([mesh.matrix_world @ vertex.co for vertex in mesh.data.vertices])
    pictures = [tuple(image.size) for image in bpy.data.images if image.size[0]]
    height = np.ptp(points[:, 2])
    print(f"{name}: {len(points)} vertices, {len(mesh.data.polygons)} faces, {height:.3f} m tall, pictures {pictures}")
    return bool(pictures and mesh.data.uv_layers and 0.5 < height < 2.6 and abs(points[:, 2].min()) < 1e-4)


def _some(truth: Truth) -> list[int]:
    last = len(truth.seconds) - 1
    return sorted({0, last // 2, last})


_RATE: list[float] = []


def _say_rate(rate: float | None) -> None:
    """Remember how many of Blender's frames a second of the file became, counted from frame 0."""
    _RATE[:] = [rate or bpy.context.scene.render.fps / bpy.context.scene.render.fps_base]


def _go_to(seconds: float) -> None:
    time = seconds * _RATE[0]
    bpy.context.scene.frame_set(math.floor(time), subframe=time - math.floor(time))


def _vertices(mesh: bpy.types.Object) -> np.ndarray:
    """Return the vertices where armature and motion take them. [N, 3]"""
    evaluated = mesh.evaluated_get(bpy.context.evaluated_depsgraph_get())
    flat = np.empty(3 * len(evaluated.data.vertices), np.float32)
    evaluated.data.vertices.foreach_get("co", flat)
    world = np.array(Matrix(evaluated.matrix_world))
    return flat.reshape(-1, 3) @ world[:3, :3].T + world[:3, 3]


def _farthest(points: np.ndarray, of: np.ndarray) -> float:
    """Return the largest distance from a point to the nearest vertex of the fit."""
    from mathutils.kdtree import KDTree

    tree = KDTree(len(of))
    for index, vertex in enumerate(of):
        tree.insert(vertex, index)
    tree.balance()
    return max(tree.find(point)[2] for point in points)


def _render(path: Path) -> None:
    """Write a picture by Cycles, of the frame that was looked at last."""
    scene = bpy.context.scene
    world = bpy.data.worlds.new("world")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs[0].default_value = (1, 1, 1, 1)
    scene.world = world
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    camera.matrix_world = Matrix.Translation((0, -4, 0.9)) @ Matrix.Rotation(math.pi / 2, 4, "X")
    scene.collection.objects.link(camera)
    scene.camera, scene.render.engine = camera, "CYCLES"
    scene.cycles.samples, scene.cycles.device = 8, "CPU"
    scene.render.resolution_x, scene.render.resolution_y = 320, 320
    scene.view_settings.view_transform = "Standard"
    scene.render.filepath = str(path.resolve())
    bpy.ops.render.render(write_still=True)


if __name__ == "__main__":
    sys.exit(main())
