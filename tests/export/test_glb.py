"""avatar.glb, read back by pygltflib and trimesh, and posed in NumPy."""

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pygltflib
import pytest
import trimesh
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial.transform import Rotation

from fit_avatar.body.model import SMPL_JOINTS, Body
from fit_avatar.body.skinning import pose_body
from fit_avatar.body.state import BodyState
from fit_avatar.export import write_glb
from fit_avatar.export.glb import strongest_influences
from fit_avatar.export.mesh import rest_mesh
from fit_avatar.export.motion import frames_of, root_motion
from fit_avatar.export.normal_map import normal_map

TEXTURE = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
FRAMES = np.array([10, 12, 13, 14, 20, 21])
DTYPES = {5126: "<f4", 5123: "<u2", 5121: "u1", 5125: "<u4"}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory, body: Body, state: BodyState) -> Path:
    return write_glb(tmp_path_factory.mktemp("glb") / "avatar.glb", body, state, 25.0, TEXTURE, FRAMES)


@pytest.fixture(scope="module")
def gltf(path: Path) -> pygltflib.GLTF2:
    return pygltflib.GLTF2().load(str(path))


def read(gltf: pygltflib.GLTF2, index: int) -> NDArray[np.float64]:
    accessor = gltf.accessors[index]
    view = gltf.bufferViews[accessor.bufferView]
    width = WIDTHS[accessor.type]
    array = np.frombuffer(gltf.binary_blob(), DTYPES[accessor.componentType], accessor.count * width, view.byteOffset)
    assert array.nbytes == view.byteLength and view.byteOffset % 4 == 0
    values = array.reshape(accessor.count, width)
    if accessor.min:
        np.testing.assert_allclose(values.min(0), accessor.min)
        np.testing.assert_allclose(values.max(0), accessor.max)
    return values.astype(np.float64)


def skinned(gltf: pygltflib.GLTF2, frame: int | None) -> NDArray[np.float64]:
    """Pose the mesh as a viewer does: at rest, or at one key frame of the animation. [N, 3]"""
    translation = [np.array(n.translation) for n in gltf.nodes if n.mesh is None]
    rotation = [np.array(n.rotation) for n in gltf.nodes if n.mesh is None]
    if frame is not None:
        animation = gltf.animations[0]
        for channel in animation.channels:
            values = read(gltf, animation.samplers[channel.sampler].output)[frame]
            (rotation if channel.target.path == "rotation" else translation)[channel.target.node] = values
    world = np.zeros((len(translation), 4, 4))

    def place(node: int, parent: NDArray[np.float64]) -> None:
        local = np.eye(4)
        local[:3, :3], local[:3, 3] = Rotation.from_quat(rotation[node]).as_matrix(), translation[node]
        world[node] = parent @ local
        for child in gltf.nodes[node].children:
            place(child, world[node])

    place(0, np.eye(4))
    skin, attributes = gltf.skins[0], gltf.meshes[0].primitives[0].attributes
    inverse_bind = read(gltf, skin.inverseBindMatrices).reshape(-1, 4, 4).transpose(0, 2, 1)
    matrices = (world[skin.joints] @ inverse_bind)[read(gltf, attributes.JOINTS_0).astype(int)]
    points = np.c_[read(gltf, attributes.POSITION), np.ones(gltf.accessors[attributes.POSITION].count)]
    return np.einsum("nk,nkab,nb->na", read(gltf, attributes.WEIGHTS_0), matrices, points)[:, :3]


@pytest.mark.parametrize("t", [0, 4])
def test_animation_is_the_captured_motion(gltf: pygltflib.GLTF2, body: Body, state: BodyState, t: int) -> None:
    world_from_camera = np.array(gltf.animations[0].extras["world_from_camera"])
    expected = pose_body(body, state).vertices[t].double().numpy() @ world_from_camera[:3, :3].T
    expected += world_from_camera[:3, 3]
    faces = read(gltf, gltf.meshes[0].primitives[0].indices).astype(int).reshape(-1, 3)
    error = np.linalg.norm(skinned(gltf, t)[faces] - expected[body.faces.numpy()], axis=-1)
    assert error.max() < 1e-5


def test_default_pose_is_the_bind_pose_on_the_floor(gltf: pygltflib.GLTF2) -> None:
    positions = read(gltf, gltf.meshes[0].primitives[0].attributes.POSITION)
    np.testing.assert_allclose(skinned(gltf, None), positions, atol=1e-5)
    assert positions[:, 1].min() == pytest.approx(0, abs=1e-6)


def test_motion_is_upright_near_the_origin(gltf: pygltflib.GLTF2) -> None:
    frames = np.stack([skinned(gltf, t) for t in range(6)])
    assert np.abs(frames[:, :, 1].min(1)).max() < 0.05 and frames[:, :, 1].max() == pytest.approx(1.7, abs=0.15)
    assert np.abs(frames[:, :, [0, 2]].mean((0, 1))).max() < 0.05


def test_a_camera_that_looks_down_is_undone(tmp_path: Path, body: Body, state: BodyState) -> None:
    pitch = Rotation.from_euler("x", 20, degrees=True)
    tilted = replace(
        state,
        global_orient=state.global_orient.new_tensor(
            (pitch * Rotation.from_rotvec(state.global_orient.numpy())).as_rotvec()
        ),
    )
    gltf = pygltflib.GLTF2().load(str(write_glb(tmp_path / "a.glb", body, tilted, 25.0, TEXTURE)))
    assert np.ptp(skinned(gltf, 0)[:, 1]) > 1.65


def test_rig_is_complete(gltf: pygltflib.GLTF2) -> None:
    assert [gltf.nodes[j].name for j in gltf.skins[0].joints] == list(SMPL_JOINTS)
    attributes = gltf.meshes[0].primitives[0].attributes
    weights, joints = read(gltf, attributes.WEIGHTS_0), read(gltf, attributes.JOINTS_0)
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-6)
    assert joints.max() < 24 and (joints[weights == 0] == 0).all()
    np.testing.assert_allclose(np.linalg.norm(read(gltf, attributes.NORMAL), axis=1), 1, atol=1e-5)


def test_animation_turns_every_joint_at_the_videos_times(gltf: pygltflib.GLTF2) -> None:
    animation = gltf.animations[0]
    targets = [(c.target.node, c.target.path) for c in animation.channels]
    assert sorted(targets) == sorted([(j, "rotation") for j in range(24)] + [(0, "translation")])
    np.testing.assert_allclose(read(gltf, animation.samplers[0].input)[:, 0], (FRAMES - 10) / 25, atol=1e-6)
    for sampler in animation.samplers[:24]:
        quaternions = read(gltf, sampler.output)
        np.testing.assert_allclose(np.linalg.norm(quaternions, axis=1), 1, atol=1e-6)
        assert ((quaternions[1:] * quaternions[:-1]).sum(1) >= 0).all()


def test_the_keys_have_the_times_of_the_frames(tmp_path: Path, body: Body, state: BodyState) -> None:
    times = np.array([2.0, 2.1, 2.15, 2.4, 2.41, 3.0])
    path = write_glb(tmp_path / "a.glb", body, state, 25.0, TEXTURE, FRAMES, times_s=times)
    found = pygltflib.GLTF2().load(str(path))
    np.testing.assert_allclose(read(found, found.animations[0].samplers[0].input)[:, 0], times - 2, atol=1e-6)


def test_of_a_long_motion_some_frames_say_where_the_floor_is(body: Body, state: BodyState) -> None:
    chosen = np.resize(np.arange(6), 600)
    long = frames_of(state, chosen)
    whole, short = root_motion(body, long), root_motion(body, state)
    assert len(whole.pelvis) == 600
    np.testing.assert_allclose(whole.world_from_camera, short.world_from_camera, atol=0.01)
    np.testing.assert_allclose(whole.pelvis[:6], short.pelvis, atol=0.01)


def test_texture_is_embedded_and_lies_where_it_belongs(path: Path, gltf: pygltflib.GLTF2, body: Body) -> None:
    view = gltf.bufferViews[gltf.images[0].bufferView]
    content = gltf.binary_blob()[view.byteOffset : view.byteOffset + view.byteLength]
    np.testing.assert_array_equal(np.asarray(Image.open(BytesIO(content)).convert("RGB")), TEXTURE)
    uv = read(gltf, gltf.meshes[0].primitives[0].attributes.TEXCOORD_0)
    faces = read(gltf, gltf.meshes[0].primitives[0].indices).astype(int).reshape(-1, 3)
    np.testing.assert_allclose(uv[faces] * [1, -1] + [0, 1], body.uvs[body.uv_faces].numpy(), atol=1e-6)


def test_a_displacement_becomes_a_normal_map_with_tangents(tmp_path: Path, body: Body, state: BodyState) -> None:
    displacement = (0.002 * np.sin(np.arange(64) / 2) * np.ones((64, 1))).astype(np.float32)
    path = write_glb(tmp_path / "a.glb", body, state, 25.0, TEXTURE, displacement=displacement)
    gltf = pygltflib.GLTF2().load(str(path))
    texture = gltf.textures[gltf.materials[0].normalTexture.index]
    assert gltf.images[texture.source].name == "avatar_normal"
    view = gltf.bufferViews[gltf.images[texture.source].bufferView]
    content = gltf.binary_blob()[view.byteOffset : view.byteOffset + view.byteLength]
    image = np.asarray(Image.open(BytesIO(content)))
    np.testing.assert_array_equal(image, normal_map(displacement, body, rest_mesh(body, state)))
    assert np.ptp(image[..., 0].astype(int)) > 20
    attributes = gltf.meshes[0].primitives[0].attributes
    tangent, normal = read(gltf, attributes.TANGENT), read(gltf, attributes.NORMAL)
    np.testing.assert_allclose(np.linalg.norm(tangent[:, :3], axis=1), 1, atol=1e-6)
    np.testing.assert_allclose((tangent[:, :3] * normal).sum(1), 0, atol=1e-6)
    assert set(np.unique(tangent[:, 3])) <= {-1, 1}
    material = next(iter(trimesh.load(path).geometry.values())).visual.material
    assert material.normalTexture.size == (64, 64)


def test_trimesh_loads_it(path: Path, body: Body) -> None:
    scene = trimesh.load(path)
    assert isinstance(scene, trimesh.Scene)
    assert sum(len(g.faces) for g in scene.geometry.values()) == len(body.faces)


def test_of_more_than_four_influences_the_strongest_stay() -> None:
    weights = np.array([[0.3, 0.25, 0.2, 0.15, 0.07, 0.03], [0.0, 1.0, 0.0, 0.0, 0.0, 0.0]])
    joints, kept = strongest_influences(weights)
    assert joints.tolist() == [[0, 1, 2, 3], [1, 0, 0, 0]]
    np.testing.assert_allclose(kept, [[0.3 / 0.9, 0.25 / 0.9, 0.2 / 0.9, 0.15 / 0.9], [1, 0, 0, 0]])
