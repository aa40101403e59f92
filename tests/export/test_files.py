"""The files that the command line and scripts request, in the requested style."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pygltflib
import pytest
import trimesh

from fit_avatar.body.model import Body
from fit_avatar.body.motion import Motion
from fit_avatar.body.state import BodyState
from fit_avatar.capture.types import Camera, Capture
from fit_avatar.errors import MissingDependencyError
from fit_avatar.export import EXTRAS, Style, check_installed, read_npz, write_avatar, write_extra
from fit_avatar.export.motion import frames_of

TEXTURE = np.full((8, 8, 3), 90, np.uint8)


@pytest.fixture
def capture(state: BodyState) -> Capture:
    frames = len(state.transl)
    return Capture(
        frame_indices=np.arange(frames) * 2,
        keypoints=np.zeros((frames, 25, 3), np.float32),
        masks=np.zeros((frames, 4, 4), bool),
        camera=Camera(400.0, 400.0, 2.0, 2.0, 4, 4),
        frame_weights=np.ones(frames, np.float32),
        fps=30.0,
    )


def test_z_up_in_centimetres(tmp_path: Path, body: Body, state: BodyState, capture: Capture) -> None:
    files = write_avatar(tmp_path, body, state, capture, TEXTURE, Style(up="z", unit="cm"))
    assert [f.name for f in files] == ["avatar.glb", "avatar.obj", "avatar.mtl", "avatar.png", "avatar.npz"]
    assert files[1].read_text().startswith("# fit-avatar: centimetres, z up, facing -y\n")
    plain = write_avatar(tmp_path / "plain", body, state, capture, TEXTURE)
    turned, upright = (trimesh.load(f[1], process=False, maintain_order=True) for f in (files, plain))
    x, y, z = upright.vertices.T
    np.testing.assert_allclose(turned.vertices, 100 * np.stack([x, -z, y], 1), atol=1e-3)
    assert turned.volume > 0  # not mirrored
    np.testing.assert_allclose(turned.vertex_normals[:, 2], upright.vertex_normals[:, 1], atol=1e-3)
    assert files[0].read_bytes() == plain[0].read_bytes()  # a GLB has no choice


def test_a_displacement_is_a_picture_that_the_others_name(
    tmp_path: Path, body: Body, state: BodyState, capture: Capture
) -> None:
    displacement = np.zeros((16, 16), np.float32)
    files = write_avatar(tmp_path, body, state, capture, TEXTURE, displacement=displacement)
    assert tmp_path / "avatar_normal.png" in files
    picture = cv2.imread(str(tmp_path / "avatar_normal.png"))
    assert picture.shape == (16, 16, 3) and picture[..., 0].min() > 250
    assert "norm avatar_normal.png" in (tmp_path / "avatar.mtl").read_text().splitlines()
    assert pygltflib.GLTF2().load(str(files[0])).materials[0].normalTexture is not None


def test_t_pose_with_names_of_another_skeleton(tmp_path: Path, body: Body, state: BodyState, capture: Capture) -> None:
    glb, obj, *_ = write_avatar(tmp_path, body, state, capture, TEXTURE, Style("vrm", bind="t"))
    _, flat, *_ = write_avatar(tmp_path / "plain", body, state, capture, TEXTURE)
    gltf = pygltflib.GLTF2().load(str(glb))
    assert [gltf.nodes[j].name for j in (0, 1, 16)] == ["hips", "leftUpperLeg", "leftUpperArm"]
    assert all(abs(node.rotation[3]) == pytest.approx(1) for node in gltf.nodes if node.rotation)  # no joint is turned
    width, usual_width = (np.ptp(trimesh.load(path).vertices[:, 0]) for path in (obj, flat))
    assert width > usual_width + 0.02  # the arms reach outwards


@pytest.mark.parametrize(
    ("extra", "names", "package"),
    [
        ("bvh", ["avatar.bvh"], None),
        ("amass", ["avatar_amass.npz"], None),
        ("usd", ["avatar.usdz"], "pxr"),
        ("vrm", ["avatar.vrm"], None),
        ("lods", ["avatar_lod1.glb", "avatar_lod2.glb", "avatar_lod3.glb"], "meshoptimizer"),
    ],
)
def test_extras(
    tmp_path: Path, body: Body, state: BodyState, capture: Capture, extra: str, names: list[str], package: str | None
) -> None:
    if package:
        pytest.importorskip(package)
    files = write_extra(extra, tmp_path, body, state, capture, TEXTURE, Style("unreal", bind="t"))
    assert [file.name for file in files] == names == sorted(file.name for file in tmp_path.iterdir())
    assert all(file.stat().st_size > 500 for file in files)
    assert extra in EXTRAS


def test_the_motion_of_every_frame_is_in_all_of_them(
    tmp_path: Path, body: Body, state: BodyState, capture: Capture
) -> None:
    bvhio, usd = pytest.importorskip("bvhio"), pytest.importorskip("pxr.Usd")
    times = np.arange(11) / 30
    motion = Motion(np.arange(11), times, frames_of(state, np.resize(np.arange(6), 11)))
    given = (tmp_path, body, state, capture, TEXTURE, Style(bind="t"), None, motion)
    glb, *_, npz = write_avatar(*given)
    (bvh,), (usdz,) = (write_extra(extra, *given) for extra in ("bvh", "usd"))
    gltf = pygltflib.GLTF2().load(str(glb))
    accessor = gltf.accessors[gltf.animations[0].samplers[0].input]
    assert accessor.count == 11 and accessor.max == pytest.approx([times[-1]])
    assert gltf.animations[0].extras["first_frame"] == 0
    read = bvhio.readAsBvh(str(bvh))
    assert read.FrameCount == 11 and read.FrameTime == pytest.approx(1 / 30, abs=1e-6)
    stage = usd.Stage.Open(str(usdz))
    codes = stage.GetPrimAtPath("/avatar/skeleton/captured").GetAttribute("rotations").GetTimeSamples()
    assert codes == list(range(11))
    _, fitted, _, every = read_npz(npz)
    assert len(fitted.transl) == 6 and every is not None and len(every.state.transl) == 11


def test_an_unknown_extra(tmp_path: Path, body: Body, state: BodyState, capture: Capture) -> None:
    with pytest.raises(ValueError, match="choose one of bvh, usd, amass, vrm, lods"):
        write_extra("fbx", tmp_path, body, state, capture, TEXTURE)


@pytest.mark.parametrize(
    ("export", "module", "package"), [("usd", "pxr", "usd-core"), ("lods", "meshoptimizer", "meshoptimizer==")]
)
def test_a_missing_package_raises_before_any_work(
    export: str, module: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    check_installed(["frames", "bvh"])
    with pytest.raises(MissingDependencyError, match=rf"pip install {package}"):
        check_installed(["bvh", export])
