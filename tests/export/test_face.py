"""Morph targets and joints of the face in avatar.glb, read back by pygltflib and applied in NumPy."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pygltflib
import pytest
import torch
import trimesh
from numpy.typing import NDArray

from fit_avatar.body.default_body import face_shapes
from fit_avatar.body.model import Body
from fit_avatar.body.motion import Motion
from fit_avatar.body.state import BodyState
from fit_avatar.export import append_animation, in_bind_pose, write_glb
from fit_avatar.export.face import face_of
from fit_avatar.export.mesh import rest_mesh
from fit_avatar.export.scene import write_scene
from tests.export.whole_person import TEXTURE, somebody

DTYPES = {5126: "<f4", 5123: "<u2", 5121: "u1", 5125: "<u4"}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}


@pytest.fixture(scope="module")
def person() -> tuple[Body, BodyState]:
    body, state = somebody()
    return body, replace(state, betas=torch.linspace(1, -1, 10))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory, person: tuple[Body, BodyState]) -> Path:
    return write_glb(tmp_path_factory.mktemp("face") / "avatar.glb", *person, 25.0, TEXTURE, blendshapes=True)


@pytest.fixture(scope="module")
def gltf(path: Path) -> pygltflib.GLTF2:
    return pygltflib.GLTF2().load(str(path))


def read(gltf: pygltflib.GLTF2, index: int) -> NDArray[np.float64]:
    """Return an array as the standard says; a sparse one is zero but for what is listed."""
    accessor = gltf.accessors[index]
    width = WIDTHS[accessor.type]

    def part(view: int, kind: int, count: int, width: int) -> NDArray[np.float64]:
        start = gltf.bufferViews[view].byteOffset
        return np.frombuffer(gltf.binary_blob(), DTYPES[kind], count * width, start).reshape(count, width)

    if accessor.sparse is None:
        values = part(accessor.bufferView, accessor.componentType, accessor.count, width).astype(np.float64)
    else:
        values, sparse = np.zeros((accessor.count, width)), accessor.sparse
        at = part(sparse.indices.bufferView, sparse.indices.componentType, sparse.count, 1)[:, 0].astype(int)
        assert (np.diff(at) > 0).all() and at.max() < accessor.count
        values[at] = part(sparse.values.bufferView, accessor.componentType, sparse.count, width)
    if accessor.min:
        np.testing.assert_allclose(values.min(0), accessor.min)
        np.testing.assert_allclose(values.max(0), accessor.max)
    return values


def target(gltf: pygltflib.GLTF2, name: str, attribute: str = "POSITION", mesh: int = 0) -> NDArray[np.float64]:
    number = gltf.meshes[mesh].extras["targetNames"].index(name)
    return read(gltf, gltf.meshes[mesh].primitives[0].targets[number][attribute])


def positions(gltf: pygltflib.GLTF2) -> NDArray[np.float64]:
    return read(gltf, gltf.meshes[0].primitives[0].attributes.POSITION)


def test_there_are_52_named_targets(gltf: pygltflib.GLTF2, path: Path, person: tuple[Body, BodyState]) -> None:
    mesh = gltf.meshes[0]
    assert len(mesh.primitives[0].targets) == len(mesh.weights) == 52 and not any(mesh.weights)
    assert set(mesh.extras["targetNames"]) >= {"jawOpen", "eyeBlinkLeft", "mouthSmileRight", "browInnerUp", "tongueOut"}
    assert all(np.abs(target(gltf, name)).max() > 1e-3 for name in mesh.extras["targetNames"])
    assert len(trimesh.load(path).geometry["avatar"].faces) == len(person[0].faces)


def test_the_open_jaw_moves_the_chin(gltf: pygltflib.GLTF2) -> None:
    points, moved = positions(gltf), target(gltf, "jawOpen")
    size = np.linalg.norm(moved, axis=1)
    brows = points[np.linalg.norm(target(gltf, "browInnerUp"), axis=1) > 2e-3]
    chin = points[size > 0.7 * size.max()]
    assert 0.03 < size.max() < 0.06 and moved[size.argmax(), 1] < -0.02
    assert chin[:, 1].max() < brows[:, 1].min() - 0.04
    assert points[size > 0][:, 1].max() < brows[:, 1].max()  # nothing above
    assert (size > 0).mean() < 0.25  # the body stays


@pytest.mark.parametrize(("name", "side"), [("eyeBlinkLeft", 1), ("eyeBlinkRight", -1)])
def test_a_blink_closes_the_eye_of_its_side(gltf: pygltflib.GLTF2, name: str, side: int) -> None:
    points, moved = positions(gltf), target(gltf, name)
    down = moved[:, 1] < -0.005
    assert down.any() and (side * points[down, 0] > 0.01).all()
    other = target(gltf, {"eyeBlinkLeft": "eyeBlinkRight", "eyeBlinkRight": "eyeBlinkLeft"}[name])[:, 1] < -0.005
    assert np.linalg.norm(moved[other], axis=1).max() < 5e-4
    assert np.ptp(points[down], axis=0).max() < 0.06  # an eye wide


def test_normals_are_those_of_the_moved_face(gltf: pygltflib.GLTF2) -> None:
    attributes = gltf.meshes[0].primitives[0].attributes
    before = read(gltf, attributes.NORMAL)
    turned = target(gltf, "jawOpen", "NORMAL")
    after = before + turned
    np.testing.assert_allclose(np.linalg.norm(after, axis=1), 1, atol=6e-3)
    faces = read(gltf, gltf.meshes[0].primitives[0].indices).astype(int).reshape(-1, 3)
    moved = trimesh.Trimesh(positions(gltf) + target(gltf, "jawOpen"), faces, process=False)
    strong = np.linalg.norm(turned, axis=1) > 0.3
    assert (
        (moved.vertex_normals * after).sum(1)[strong].mean()
        > 0.95
        > (moved.vertex_normals * before).sum(1)[strong].mean()
    )


def test_shapes_grow_and_turn_with_the_face() -> None:
    shapes = face_shapes()
    body, large = somebody(size=1.2)
    jaw = shapes.names.index("jawOpen")
    for person, expected in ((somebody()[1], 1.0), (large, 1.2)):
        face = face_of(body, rest_mesh(body, person))
        assert face is not None
        changes = face.shapes[jaw]
        offsets = shapes.offsets[jaw].double().numpy()[changes.moved]
        np.testing.assert_allclose(changes.offsets, expected * offsets, atol=2e-6)
    quarter = torch.tensor([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])  # from +z to +x
    turned = replace(large, offsets=body.template @ quarter.T - body.template)
    face = face_of(body, rest_mesh(body, turned))
    assert face is not None
    changes = face.shapes[jaw]
    offsets = (shapes.offsets[jaw] @ quarter.T).double().numpy()[changes.moved]
    np.testing.assert_allclose(changes.offsets, offsets, atol=2e-6)


def test_another_bind_pose_changes_no_shape(person: tuple[Body, BodyState]) -> None:
    faces = [face_of(body, rest_mesh(body, state)) for body, state in (person, in_bind_pose(*person, "t"))]
    as_modelled, flat = faces
    assert as_modelled is not None and flat is not None
    for one, other in zip(as_modelled.shapes, flat.shapes, strict=True):
        assert abs(np.linalg.norm(one.offsets) / np.linalg.norm(other.offsets) - 1) < 0.02


def test_eyes_and_jaw_have_joints(gltf: pygltflib.GLTF2) -> None:
    names = [gltf.nodes[joint].name for joint in gltf.skins[0].joints]
    assert names[24:] == ["jaw", "left_eye_smplhf", "right_eye_smplhf"]
    assert set(gltf.nodes[names.index("head")].children) == {24, 25, 26}
    attributes = gltf.meshes[0].primitives[0].attributes
    joints, weights = read(gltf, attributes.JOINTS_0).astype(int), read(gltf, attributes.WEIGHTS_0)
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-6)
    points = positions(gltf)
    places = np.linalg.inv(read(gltf, gltf.skins[0].inverseBindMatrices).reshape(-1, 4, 4).transpose(0, 2, 1))[:, :3, 3]
    for joint, look in ((25, "eyeLookOutLeft"), (26, "eyeLookOutRight")):
        own = ((joints == joint) & (weights > 0.999)).any(1)
        assert 50 < own.sum() < 300
        assert np.linalg.norm(target(gltf, look)[own], axis=1).min() > 1e-4
        distances = np.linalg.norm(points[own] - places[joint], axis=1)
        assert distances.std() < 0.05 * distances.mean()  # the joint is the centre of a ball
    follows = (weights * (joints == 24)).sum(1)
    jaw = np.linalg.norm(target(gltf, "jawOpen"), axis=1)
    assert follows[jaw == 0].max() == 0 and follows[jaw > 0.8 * jaw.max()].min() > 0.7


def test_bodies_without_shapes_stay_as_they_are(tmp_path: Path, body: Body, state: BodyState) -> None:
    files = [
        write_glb(tmp_path / f"{each}.glb", body, state, 25.0, TEXTURE, blendshapes=each) for each in (True, False)
    ]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_they_are_left_out_on_request_and_small(tmp_path: Path, path: Path, person: tuple[Body, BodyState]) -> None:
    plain = write_glb(tmp_path / "a.glb", *person, 25.0, TEXTURE)
    gltf = pygltflib.GLTF2().load(str(plain))
    assert not gltf.meshes[0].primitives[0].targets and len(gltf.skins[0].joints) == 24
    assert 5e5 < path.stat().st_size - plain.stat().st_size < 2e6


def test_a_further_animation_keeps_them(tmp_path: Path, path: Path, person: tuple[Body, BodyState]) -> None:
    more = tmp_path / "avatar.glb"
    more.write_bytes(path.read_bytes())
    motion = Motion(np.arange(2), np.arange(2) / 25, person[1])
    append_animation(more, person[0], motion, 25.0, "dance")
    before, after = (pygltflib.GLTF2().load(str(each)) for each in (path, more))
    assert [each.name for each in after.animations] == ["captured", "dance"]
    for name in before.meshes[0].extras["targetNames"]:
        for attribute in ("POSITION", "NORMAL"):
            np.testing.assert_array_equal(target(before, name, attribute), target(after, name, attribute))


def face_tracks(path: Path) -> list[list[tuple[int, NDArray[np.float64]]]]:
    """Return, of each animation, the nodes whose shapes are animated and their weights. [T · 52]"""
    gltf = pygltflib.GLTF2().load(str(path))
    return [
        [
            (c.target.node, read(gltf, a.samplers[c.sampler].output)[:, 0])
            for c in a.channels
            if c.target.path == "weights"
        ]
        for a in gltf.animations
    ]


def test_what_the_face_does_is_animated(tmp_path: Path, path: Path, person: tuple[Body, BodyState]) -> None:
    weights = np.random.default_rng(0).random((2, 52)).astype(np.float32)
    given = (*person, 25.0, TEXTURE)
    file = write_glb(tmp_path / "avatar.glb", *given, blendshapes=True, blendshape_weights=weights)
    motion = Motion(np.arange(2), np.arange(2) / 25, person[1], weights[::-1])
    append_animation(file, person[0], motion, 25.0, "dance")
    (first,), (second,) = face_tracks(file)
    mesh = next(k for k, node in enumerate(pygltflib.GLTF2().load(str(file)).nodes) if node.mesh is not None)
    assert first[0] == second[0] == mesh
    np.testing.assert_array_equal(first[1], weights.ravel())
    np.testing.assert_array_equal(second[1], weights[::-1].ravel())
    once = write_glb(tmp_path / "once.glb", *given, blendshapes=True, blendshape_weights=weights)
    scene = write_scene(tmp_path / "people.glb", [path, once], [1.0, 1.0])
    ((node, values),) = face_tracks(scene)[0]
    np.testing.assert_array_equal(values, weights.ravel())
    assert pygltflib.GLTF2().load(str(scene)).nodes[node].mesh == 1
    assert face_tracks(path) == [[]]
    assert face_tracks(write_glb(tmp_path / "plain.glb", *given, blendshape_weights=weights)) == [[]]


def test_everybody_of_a_scene_has_their_own(tmp_path: Path, path: Path) -> None:
    larger = write_glb(tmp_path / "b.glb", *somebody(size=1.2), 25.0, TEXTURE, blendshapes=True)
    scene = write_scene(tmp_path / "people.glb", [path, larger], [1.0, 1.0])
    whole = pygltflib.GLTF2().load(str(scene))
    for number, file in enumerate((path, larger)):
        alone = pygltflib.GLTF2().load(str(file))
        for name in ("jawOpen", "eyeBlinkLeft"):
            np.testing.assert_array_equal(target(whole, name, mesh=number), target(alone, name))
    assert len(trimesh.load(scene).geometry) == 2


def test_the_joints_of_the_face_change_no_motion(person: tuple[Body, BodyState]) -> None:
    body, state = person
    face = face_of(body, rest_mesh(body, state))
    assert face is not None
    before = body.lbs_weights.double().numpy()
    after = face.weights(before)
    assert after.min() >= 0 and (after > 0).sum(1).max() <= 4
    head = body.joint_names.index("head")
    after[:, head] += after[:, -3:].sum(1)
    np.testing.assert_allclose(after[:, :-3], before, atol=1e-12)
