"""gaussianavatar/, read back as GaussianAvatar's loader reads it."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fit_avatar.body import pose_body
from fit_avatar.body.joints import SMPLX_JOINTS
from fit_avatar.export import write_gaussianavatar
from tests.export.clip_of_smpl import FRAMES, HEIGHT, WIDTH, Clip, clip_of


@pytest.fixture(scope="module", params=["smpl", "smplx"])
def clip(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Clip:
    return clip_of(request.param, tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, clip: Clip) -> Path:
    folder = tmp_path_factory.mktemp("out") / "gaussianavatar"
    write_gaussianavatar(folder, *clip.given)
    assert sorted(os.listdir(folder)) == ["test", "train"]
    return folder


@pytest.mark.parametrize(("split", "rows"), [("train", list(range(FRAMES))), ("test", [4])])
def test_a_split(folder: Path, clip: Clip, split: str, rows: list[int]) -> None:
    data = folder / split
    parms = torch.load(data / "smpl_parms.pth")
    names = [name.split(".")[0] for name in sorted(os.listdir(data / "images"))]
    suffix, mask_suffix = (os.listdir(data / part)[0].split(".")[-1] for part in ("images", "masks"))
    assert len(names) == len(rows) and parms["beta"].shape == (1, 10)
    smplx = clip.body.name == "smplx"
    poses = parms["body_pose"][: len(names), :66] if smplx else parms["body_pose"][: len(names)]
    assert parms["body_pose"].shape == (len(rows), 165 if smplx else 72)
    assert all(parms[name].dtype == torch.float32 for name in ("beta", "body_pose", "trans"))
    for pose, (name, row) in enumerate(zip(names, rows, strict=True)):
        image = np.array(Image.open(data / "images" / f"{name}.{suffix}"))
        mask = np.array(Image.open(data / "masks" / f"{name}.{mask_suffix}"))
        np.testing.assert_array_equal(image[..., ::-1], clip.pictures[row][1])
        np.testing.assert_array_equal(mask >= 128, clip.capture.masks[row])
        torch.testing.assert_close(poses[pose, :3], clip.state.global_orient[row])
        torch.testing.assert_close(poses[pose, 3:66].reshape(21, 3), clip.state.body_pose[row, :21])
        torch.testing.assert_close(parms["trans"][pose], clip.state.transl[row])
    torch.testing.assert_close(parms["beta"][0], clip.state.betas)


def test_its_layers_pose_the_fitted_surface(folder: Path, clip: Clip) -> None:
    smplx = pytest.importorskip("smplx")
    from smplx.utils import Struct

    parms = torch.load(folder / "train/smpl_parms.pth")
    beta, pose, trans = parms["beta"].expand(FRAMES, -1), parms["body_pose"], parms["trans"]
    given = {"betas": beta, "global_orient": pose[:, :3], "transl": trans}
    if clip.body.name == "smplx":
        rest = pose[:, 66:]
        model = smplx.SMPLX(str(clip.model), ext="npz", use_pca=False, flat_hand_mean=True, batch_size=FRAMES)
        given |= {"body_pose": pose[:, 3:66], "jaw_pose": rest[:, :3], "leye_pose": rest[:, 3:6]}
        given |= {"reye_pose": rest[:, 6:9], "left_hand_pose": rest[:, 9:54], "right_hand_pose": rest[:, 54:]}
    else:
        with np.load(clip.model, allow_pickle=True) as z:
            data = Struct(**{key: z[key] for key in z if key != "joint2num"})
        model = smplx.SMPL(str(clip.model), data_struct=data, ext="npz", batch_size=FRAMES)
        given["body_pose"] = pose[:, 3:]
    with torch.no_grad():
        vertices = model(**given).vertices
        np.testing.assert_allclose(vertices, pose_body(clip.body, clip.state).vertices, atol=2e-5)
    assert pose.reshape(FRAMES, -1, 3)[:, SMPLX_JOINTS.index("head")].any()


def test_its_projection_is_the_cameras(folder: Path, clip: Clip) -> None:
    camera = np.load(folder / "train/cam_parms.npz")
    rotation, translation = camera["extrinsic"][:3, :3].T, camera["extrinsic"][:3, 3]
    np.testing.assert_array_equal(rotation, np.eye(3))
    np.testing.assert_array_equal(translation, 0)
    k, near = np.array(camera["intrinsic"], np.float32), 0.01
    # the frustum of its getProjectionMatrix, and then the pixel of the rasteriser of 3D Gaussian splatting
    left, right = -(WIDTH - k[0, 2]) * near / k[0, 0], k[0, 2] * near / k[0, 0]
    bottom, top = (k[1, 2] - HEIGHT) * near / k[1, 1], k[1, 2] * near / k[1, 1]
    point = np.array([0.3, -0.2, 3.0])
    ndc = [
        (2 * near / (right - left) * point[0] + (right + left) / (right - left) * point[2]) / point[2],
        (2 * near / (top - bottom) * point[1] + (top + bottom) / (top - bottom) * point[2]) / point[2],
    ]
    pixel = [((value + 1) * side - 1) / 2 for value, side in zip(ndc, (WIDTH, HEIGHT), strict=True)]
    np.testing.assert_allclose(np.array(pixel) + 0.5, clip.capture.camera.project(point[None])[0], atol=1e-4)
