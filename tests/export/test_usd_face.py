"""Blend shapes in avatar.usdz, checked and applied by USD's own code."""

from pathlib import Path

import numpy as np
import pytest

from fit_avatar.body.default_body import face_shapes
from fit_avatar.body.model import Body
from fit_avatar.body.skinning import pose_body
from fit_avatar.body.state import BodyState
from fit_avatar.export import Axes, write_usdz
from fit_avatar.export.motion import root_motion
from tests.export.test_usd import posed
from tests.export.whole_person import TEXTURE, somebody

AXES = Axes("z", "cm")
SIZE = 1.1


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("pxr")
    file = tmp_path_factory.mktemp("usd") / "avatar.usdz"
    return write_usdz(file, *somebody(size=SIZE), 25.0, TEXTURE, axes=AXES, blendshapes=True)


@pytest.fixture
def stage(path: Path):
    from pxr import Usd

    return Usd.Stage.Open(str(path))


def test_no_validator_of_usd_complains(stage) -> None:
    validation = pytest.importorskip("pxr.UsdValidation")
    validators = validation.ValidationRegistry().GetOrLoadAllValidators()
    complaints = validation.ValidationContext(validators).Validate(stage)
    assert [complaint.GetMessage() for complaint in complaints] == []


def test_a_weight_of_one_moves_the_face(stage) -> None:
    from pxr import UsdGeom, UsdSkel, Vt

    shapes = face_shapes()
    mesh = stage.GetPrimAtPath("/avatar/mesh")
    binding = UsdSkel.BindingAPI(mesh)
    names = list(binding.GetBlendShapesAttr().Get())
    assert tuple(names) == shapes.names
    query = UsdSkel.BlendShapeQuery(binding)
    for name in ("jawOpen", "eyeBlinkLeft"):
        weights = Vt.FloatArray([float(each == name) for each in names])
        before = UsdGeom.Mesh(mesh).GetPointsAttr().Get()
        points = Vt.Vec3fArray(before)
        assert query.ComputeDeformedPoints(
            *query.ComputeSubShapeWeights(weights),
            query.ComputeBlendShapePointIndices(),
            query.ComputeSubShapePointOffsets(),
            points,
        )
        moved = (np.array(points, float) - np.array(before, float)) * AXES.metres @ AXES.rotation
        expected = SIZE * shapes.offsets[shapes.names.index(name)].numpy()
        np.testing.assert_allclose(moved, expected, atol=6e-5 * SIZE)


def test_at_rest_the_animation_is_the_captured_motion(stage) -> None:
    body, state = somebody(size=SIZE)
    animation = stage.GetPrimAtPath("/avatar/skeleton/captured")
    assert list(animation.GetAttribute("blendShapeWeights").Get()) == [0.0] * 52
    assert [joint.rpartition("/")[2] for joint in animation.GetAttribute("joints").Get()][24:] == [
        "jaw",
        "left_eye_smplhf",
        "right_eye_smplhf",
    ]
    to_world = root_motion(body, state).world_from_camera
    expected = pose_body(body, state).vertices[1].double().numpy() @ to_world[:3, :3].T + to_world[:3, 3]
    np.testing.assert_allclose(posed(stage, 1.0) * AXES.metres, expected @ AXES.rotation.T, atol=1e-4)


def test_what_the_face_does_is_animated(tmp_path: Path) -> None:
    usd = pytest.importorskip("pxr.Usd")
    weights = np.random.default_rng(0).random((2, 52)).astype(np.float32)
    file = write_usdz(tmp_path / "a.usdz", *somebody(), 25.0, TEXTURE, blendshapes=True, blendshape_weights=weights)
    stage = usd.Stage.Open(str(file))
    animation = stage.GetPrimAtPath("/avatar/skeleton/captured")
    for frame, expected in enumerate(weights):
        np.testing.assert_array_equal(animation.GetAttribute("blendShapeWeights").Get(float(frame)), expected)


def test_bodies_without_shapes_have_none(tmp_path: Path, body: Body, state: BodyState) -> None:
    usd = pytest.importorskip("pxr.Usd")
    path = write_usdz(tmp_path / "a.usdz", body, state, 25.0, TEXTURE, blendshapes=True)
    stage = usd.Stage.Open(str(path))
    assert not stage.GetPrimAtPath("/avatar/mesh").GetChildren()
