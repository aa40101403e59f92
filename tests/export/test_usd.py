"""avatar.usdz, checked, read back and posed by USD's own code."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fit_avatar.body.model import Body
from fit_avatar.body.skinning import pose_body
from fit_avatar.body.state import BodyState
from fit_avatar.errors import MissingDependencyError
from fit_avatar.export import Axes, write_usdz
from fit_avatar.export.mesh import rest_mesh
from fit_avatar.export.motion import root_motion

TEXTURE = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
FRAMES = np.array([10, 12, 13, 14, 20, 21])


def test_without_usd_one_sentence_says_how_to_get_it(
    tmp_path: Path, body: Body, state: BodyState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pxr", None)
    with pytest.raises(MissingDependencyError, match=r"pip install usd-core"):
        write_usdz(tmp_path / "a.usdz", body, state, 25.0, TEXTURE)


@pytest.fixture(scope="module", params=[Axes(), Axes("z", "cm")], ids=["y-m", "z-cm"])
def axes(request: pytest.FixtureRequest) -> Axes:
    return request.param


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory, body: Body, state: BodyState, axes: Axes) -> Path:
    pytest.importorskip("pxr")
    return write_usdz(tmp_path_factory.mktemp("usd") / "avatar.usdz", body, state, 25.0, TEXTURE, FRAMES, axes=axes)


@pytest.fixture
def stage(path: Path):
    from pxr import Usd

    return Usd.Stage.Open(str(path))


def test_no_validator_of_usd_complains(stage) -> None:
    validation = pytest.importorskip("pxr.UsdValidation")
    validators = validation.ValidationRegistry().GetOrLoadAllValidators()
    assert len(validators) > 10
    complaints = validation.ValidationContext(validators).Validate(stage)
    assert [complaint.GetMessage() for complaint in complaints] == []


def posed(stage, time: float) -> NDArray[np.float64]:
    """Return the vertices as UsdSkel poses them."""
    from pxr import Usd, UsdGeom, UsdSkel, Vt

    cache = UsdSkel.Cache()
    cache.Populate(UsdSkel.Root(stage.GetDefaultPrim()), Usd.PrimDefaultPredicate)
    skeleton = cache.GetSkelQuery(UsdSkel.Skeleton(stage.GetPrimAtPath("/avatar/skeleton")))
    mesh = stage.GetPrimAtPath("/avatar/mesh")
    points = Vt.Vec3fArray(UsdGeom.Mesh(mesh).GetPointsAttr().Get())
    transforms = skeleton.ComputeSkinningTransforms(time)
    assert cache.GetSkinningQuery(mesh).ComputeSkinnedPoints(transforms, points, time)
    return np.array(points, np.float64)


@pytest.mark.parametrize("frame", [0, 4])
def test_the_animation_is_the_captured_motion(stage, body: Body, state: BodyState, axes: Axes, frame: int) -> None:
    to_world = root_motion(body, state).world_from_camera
    expected = pose_body(body, state).vertices[frame].double().numpy() @ to_world[:3, :3].T + to_world[:3, 3]
    found = posed(stage, float(FRAMES[frame] - FRAMES[0]))
    np.testing.assert_allclose(found * axes.metres, expected @ axes.rotation.T, atol=1e-5)
    low, high = np.array(stage.GetDefaultPrim().GetAttribute("extent").Get())
    assert (found > low - 1e-3).all() and (found < high + 1e-3).all()


def test_axes_unit_and_time(stage, axes: Axes) -> None:
    from pxr import UsdGeom

    assert UsdGeom.GetStageUpAxis(stage) == axes.up.upper()
    assert UsdGeom.GetStageMetersPerUnit(stage) == axes.metres
    assert (stage.GetStartTimeCode(), stage.GetEndTimeCode(), stage.GetTimeCodesPerSecond()) == (0, 11, 25)


def test_time_codes_of_a_rate_that_varies_are_fractions(tmp_path: Path, body: Body, state: BodyState) -> None:
    pytest.importorskip("pxr")
    from pxr import Usd

    times = np.array([2.0, 2.1, 2.15, 2.4, 2.41, 3.0])
    path = write_usdz(tmp_path / "a.usdz", body, state, 25.0, TEXTURE, FRAMES, times_s=times)
    stage = Usd.Stage.Open(str(path))
    codes = stage.GetPrimAtPath("/avatar/skeleton/captured").GetAttribute("rotations").GetTimeSamples()
    np.testing.assert_allclose(np.array(codes) / stage.GetTimeCodesPerSecond(), times - 2, atol=1e-5)
    assert (stage.GetStartTimeCode(), stage.GetEndTimeCode()) == (0, 25)


def test_rest_mesh_texture_and_coordinates(stage, path: Path, body: Body, state: BodyState, axes: Axes) -> None:
    from pxr import Ar, UsdGeom, UsdShade

    mesh = UsdGeom.Mesh(stage.GetPrimAtPath("/avatar/mesh"))
    rest = rest_mesh(body, state)
    np.testing.assert_allclose(np.array(mesh.GetPointsAttr().Get()), axes.points(rest.vertices), rtol=1e-5, atol=1e-5)
    uvs = np.array(UsdGeom.PrimvarsAPI(mesh).GetPrimvar("st").ComputeFlattened()).reshape(-1, 3, 2)
    np.testing.assert_allclose(uvs, body.uvs[body.uv_faces].numpy(), atol=1e-6)
    material, _ = UsdShade.MaterialBindingAPI(mesh).ComputeBoundMaterial()
    surface = material.ComputeSurfaceSource()[0]
    image = surface.GetInput("diffuseColor").GetConnectedSources()[0][0].source
    asset = Ar.GetResolver().OpenAsset(Ar.ResolvedPath(image.GetInput("file").Get().resolvedPath))
    pixels = cv2.imdecode(np.frombuffer(asset.GetBuffer(), np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), TEXTURE)


def test_a_displacement_becomes_the_surfaces_normal(tmp_path: Path, body: Body, state: BodyState) -> None:
    pytest.importorskip("pxr")
    from pxr import Ar, Usd, UsdShade

    displacement = np.zeros((16, 16), np.float32)
    path = write_usdz(tmp_path / "a.usdz", body, state, 25.0, TEXTURE, FRAMES, displacement=displacement)
    stage = Usd.Stage.Open(str(path))
    test_no_validator_of_usd_complains(stage)
    material, _ = UsdShade.MaterialBindingAPI(stage.GetPrimAtPath("/avatar/mesh")).ComputeBoundMaterial()
    image = material.ComputeSurfaceSource()[0].GetInput("normal").GetConnectedSources()[0][0].source
    assert image.GetInput("sourceColorSpace").Get() == "raw"
    asset = Ar.GetResolver().OpenAsset(Ar.ResolvedPath(image.GetInput("file").Get().resolvedPath))
    stored = cv2.imdecode(np.frombuffer(asset.GetBuffer(), np.uint8), cv2.IMREAD_COLOR)[..., ::-1] / 255
    scale, bias = (np.array(image.GetInput(name).Get())[:3] for name in ("scale", "bias"))
    np.testing.assert_allclose(stored * scale + bias, np.broadcast_to([0, 0, 1], stored.shape), atol=0.01)


def test_names_that_usd_does_not_allow_are_made_valid(tmp_path: Path, body: Body, state: BodyState) -> None:
    pytest.importorskip("pxr")
    from pxr import Usd

    path = write_usdz(tmp_path / "a.usdz", body, state, 25.0, TEXTURE, skeleton="mixamo")
    stage = Usd.Stage.Open(str(path))
    joints = stage.GetPrimAtPath("/avatar/skeleton").GetAttribute("joints").Get()
    assert joints[1] == "mixamorig_Hips/mixamorig_LeftUpLeg"
