"""people.glb: several avatars where the camera saw them, read back and posed in NumPy."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pygltflib
import pytest
import torch
import trimesh
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from fit_avatar.body.model import Body
from fit_avatar.body.skinning import pose_body
from fit_avatar.body.state import BodyState
from fit_avatar.export import write_glb
from fit_avatar.export.scene import write_scene

TEXTURE = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
FRAMES = np.array([10, 12, 13, 14, 20, 21])
DTYPES = {5126: "<f4", 5123: "<u2", 5121: "u1", 5125: "<u4"}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}


def read(gltf: pygltflib.GLTF2, index: int) -> NDArray[np.float64]:
    accessor = gltf.accessors[index]
    view, width = gltf.bufferViews[accessor.bufferView], WIDTHS[accessor.type]
    assert view.byteOffset % 4 == 0
    array = np.frombuffer(gltf.binary_blob(), DTYPES[accessor.componentType], accessor.count * width, view.byteOffset)
    return array.reshape(accessor.count, width).astype(np.float64)


def skinned(gltf: pygltflib.GLTF2, skin: int, frame: int) -> NDArray[np.float64]:
    """Pose the mesh of a skin as a viewer does at one key frame. [N, 3]"""
    nodes = gltf.nodes
    move = [np.array(n.translation or [0, 0, 0]) for n in nodes]
    turn = [np.array(n.rotation or [0, 0, 0, 1]) for n in nodes]
    for channel in gltf.animations[0].channels:
        values = read(gltf, gltf.animations[0].samplers[channel.sampler].output)[frame]
        (turn if channel.target.path == "rotation" else move)[channel.target.node] = values
    world = np.zeros((len(nodes), 4, 4))

    def place(node: int, parent: NDArray[np.float64]) -> None:
        local = np.eye(4)
        local[:3, :3] = Rotation.from_quat(turn[node]).as_matrix() * np.array(nodes[node].scale or [1, 1, 1])
        local[:3, 3] = move[node]
        world[node] = parent @ local
        for child in nodes[node].children:
            place(child, world[node])

    for root in gltf.scenes[0].nodes:
        place(root, np.eye(4))
    (mesh,) = [n.mesh for n in nodes if n.skin == skin]
    attributes = gltf.meshes[mesh].primitives[0].attributes
    inverse_bind = read(gltf, gltf.skins[skin].inverseBindMatrices).reshape(-1, 4, 4).transpose(0, 2, 1)
    matrices = (world[gltf.skins[skin].joints] @ inverse_bind)[read(gltf, attributes.JOINTS_0).astype(int)]
    points = np.c_[read(gltf, attributes.POSITION), np.ones(gltf.accessors[attributes.POSITION].count)]
    faces = read(gltf, gltf.meshes[mesh].primitives[0].indices).astype(int).reshape(-1, 3)
    return np.einsum("nk,nkab,nb->na", read(gltf, attributes.WEIGHTS_0), matrices, points)[faces][..., :3]


def beside(state: BodyState, *move: float) -> BodyState:
    return replace(state, transl=state.transl + torch.tensor(move))


@pytest.fixture
def pair(tmp_path: Path, body: Body, state: BodyState) -> tuple[list[Path], list[BodyState]]:
    """Two people on one floor, who begin at different frames; the second one is seen from two frames later on."""
    state = beside(state, 0.0, 0.0, 2.0)
    states = [state, beside(state, 0.9, 0.0, 0.0)]
    paths = [
        write_glb(tmp_path / f"{k}.glb", body, each, 25.0, TEXTURE, FRAMES + 2 * k) for k, each in enumerate(states)
    ]
    return paths, states


def test_everybody_is_where_the_camera_saw_them(
    tmp_path: Path, pair: tuple[list[Path], list[BodyState]], body: Body
) -> None:
    paths, states = pair
    scales = 1.1, 0.9
    write_scene(tmp_path / "people.glb", paths, scales)
    gltf = pygltflib.GLTF2().load(str(tmp_path / "people.glb"))
    world = np.array(gltf.animations[0].extras["world_from_camera"])
    for number, (state, scale) in enumerate(zip(states, scales, strict=True)):
        seen = scale * pose_body(body, state).vertices[3].double().numpy()[body.faces.numpy()]
        expected = seen @ world[:3, :3].T + world[:3, 3]
        shown = skinned(gltf, number, 3)
        assert np.abs(shown - expected).max() < 1e-5
        assert number or abs(shown[..., 1].min()) < 0.06  # the first one stands on the floor
    assert {n.name for n in gltf.nodes} >= {"person_1", "person_2", "person_1_mesh", "person_2_mesh"}
    assert len(trimesh.load(tmp_path / "people.glb").geometry) == 2
    meshes = {k for k, node in enumerate(gltf.nodes) if node.mesh is not None}
    assert meshes <= set(gltf.scenes[0].nodes)  # below another node, whose place viewers must ignore, it is a warning


def test_motions_begin_when_they_were_seen(tmp_path: Path, pair: tuple[list[Path], list[BodyState]]) -> None:
    write_scene(tmp_path / "people.glb", pair[0], (1.0, 1.0))
    gltf = pygltflib.GLTF2().load(str(tmp_path / "people.glb"))
    (animation,) = gltf.animations
    half = len(animation.samplers) // 2
    first, second = (read(gltf, animation.samplers[k].input)[:, 0] for k in (0, half))
    np.testing.assert_allclose(first, (FRAMES - 10) / 25, atol=1e-6)
    np.testing.assert_allclose(second, first + 2 / 25, atol=1e-6)
    accessor = gltf.accessors[animation.samplers[half].input]
    assert accessor.min == pytest.approx([2 / 25]) and accessor.max == pytest.approx([13 / 25])
    assert animation.channels[0].target.node != animation.channels[half].target.node
