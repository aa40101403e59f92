"""The scripting interface: a clip or photographs in, an avatar out, with a term of one's own on the way."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from synthetic import CAMERA, write_clip

from fit_avatar import Term, fit_images, fit_video, load_body
from fit_avatar.evaluate import pa_mpjpe
from fit_avatar.export import Style
from fit_avatar.fitting import GaussNewton, Stage, stages


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_clip(load_body(), tmp_path_factory.mktemp("clip"), frames=8)


@pytest.fixture(scope="module")
def quick():
    first = stages("fast")[0]
    assert isinstance(first, Stage)
    return (replace(first, optimiser=GaussNewton(8)),)


def stays_near(x, depth_m):
    return x.transl[..., 2] - depth_m


@pytest.fixture(scope="module")
def avatar(clip, quick):
    given = {name: clip.folder / name for name in ("keypoints", "masks")}
    seen = []
    found = fit_video(
        clip.folder / "video.mp4", camera=CAMERA, height_m=clip.height_m, schedule=quick, texture_size=128,
        terms=[Term(stays_near, 1e-6, data={"depth_m": 2.9})], progress=lambda *step: seen.append(step), **given,
    )  # fmt: skip
    assert {"pose from keypoints", "texture"} <= {label for label, *_ in seen}
    return found


def test_the_clip_is_fitted_and_every_term_is_told(avatar, clip):
    assert pa_mpjpe(avatar.posed().joints.numpy(), clip.joints.numpy()) < 0.04
    ((name, summary),) = avatar.summaries
    assert name == "pose from keypoints"
    assert "stays_near" in str(summary) and "keypoint_reprojection" in str(summary)


def test_it_is_posed_anew(avatar):
    state = avatar.state
    torch.testing.assert_close(avatar.posed(state.body_pose).vertices, avatar.posed().vertices)
    two = avatar.posed(torch.zeros(2, 23, 3))  # upright T-poses in front of the camera
    assert two.vertices.shape == (2, len(avatar.body.template), 3)
    span = two.joints[0, 20] - two.joints[0, 21]  # from wrist to wrist
    assert span[0].abs() > 1.0 and span[1].abs() < 0.1
    thinner = avatar.posed(betas=torch.zeros_like(state.betas))
    assert not torch.equal(thinner.vertices, avatar.posed().vertices)


def test_it_is_saved(avatar, tmp_path):
    style = Style("unity", bind="t", up="z")
    files = avatar.save(
        tmp_path / "deep" / "out", frames=True, people_snapshot=True, extras=("bvh", "amass"), style=style
    )
    assert all(file.exists() for file in files)
    names = {file.name for file in files}
    assert {"avatar.glb", "avatar.obj", "avatar.npz", "preview.png", "consensus.pkl", "masks.hdf5"} <= names
    assert {"avatar.bvh", "avatar_amass.npz"} <= names
    assert "JOINT LeftUpperLeg" in (tmp_path / "deep" / "out" / "avatar.bvh").read_text()
    with np.load(tmp_path / "deep" / "out" / "avatar.npz") as arrays:
        np.testing.assert_allclose(arrays["betas"], avatar.state.betas.numpy())


def test_photographs_are_fitted(clip, tmp_path):
    video = cv2.VideoCapture(str(clip.folder / "video.mp4"))
    found, frame = video.read()
    assert found
    photograph = tmp_path / "000000.png"
    cv2.imwrite(str(photograph), frame)
    avatar = fit_images(
        [photograph], camera=CAMERA, height_m=clip.height_m, texture_size=64,
        keypoints=clip.folder / "keypoints" / "000000_keypoints.json", masks=clip.folder / "masks" / "000000.png",
    )  # fmt: skip
    assert avatar.state.transl.shape == (1, 3)
    assert pa_mpjpe(avatar.posed().joints.numpy(), clip.joints[:1].numpy()) < 0.06
    assert avatar.texture is not None and avatar.texture.image.shape == (64, 64, 3)
