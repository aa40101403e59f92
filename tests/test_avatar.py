"""The scripting interface: a clip or photographs in, an avatar out, with a term of one's own on the way."""

from dataclasses import replace
from functools import partial

import cv2
import numpy as np
import pytest
import torch
from synthetic import CAMERA, write_clip

from fit_avatar import Avatar, Term, fit_images, fit_video, load_body
from fit_avatar.errors import BadInputError, NoPersonError
from fit_avatar.evaluate import pa_mpjpe
from fit_avatar.export import Style
from fit_avatar.fitting import video_avatar
from fit_avatar.report.diagnostics import DiagnosticsConfig, diagnose
from fit_avatar.solvers import GaussNewton


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_clip(load_body(), tmp_path_factory.mktemp("clip"), frames=8)


@pytest.fixture(scope="module")
def quick():
    plan = video_avatar("fast")
    return (plan.action("initialise"), replace(plan.action("pose from keypoints"), optimiser=GaussNewton(8)))


def stays_near(x, depth_m):
    return x.transl[..., 2] - depth_m


@pytest.fixture(scope="module")
def avatar(clip, quick):
    given = {name: clip.folder / name for name in ("keypoints", "masks")}
    seen = []
    found = fit_video(
        clip.folder / "video.mp4", camera=CAMERA, height_m=clip.height_m, schedule=quick, texture_size=128,
        normal_map=True, terms=[Term(stays_near, 1e-6, data={"depth_m": 2.9})],
        progress=lambda *step: seen.append(step), **given,
    )  # fmt: skip
    assert {"pose from keypoints", "texture"} <= {label for label, *_ in seen}
    return found


def test_the_clip_is_fitted_and_every_term_is_told(avatar, clip):
    assert pa_mpjpe(avatar.posed().joints.numpy(), clip.joints.numpy()) < 0.04
    ((name, summary),) = avatar.solves
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


def test_its_folds_are_saved(avatar, tmp_path):
    files = avatar.save(tmp_path, normal_map=True)
    assert tmp_path / "avatar_normal.png" in files
    assert "norm avatar_normal.png" in (tmp_path / "avatar.mtl").read_text()
    flat = replace(avatar, texture=replace(avatar.texture, relief=None))
    with pytest.raises(BadInputError, match="fit with normal_map=True"):
        flat.save(tmp_path, normal_map=True)


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


def test_it_is_loaded_as_it_was_saved(avatar, tmp_path):
    avatar.save(tmp_path / "out", style=Style("unity", bind="t", up="z"))
    again = Avatar.load(tmp_path / "out")
    torch.testing.assert_close(again.posed().vertices, avatar.posed().vertices)
    torch.testing.assert_close(again.posed().joints, avatar.posed().joints)
    for name, value in vars(avatar.state).items():
        assert value is None or torch.equal(getattr(again.state, name), value)
    for name, array in avatar.body.arrays().items():
        np.testing.assert_array_equal(again.body.arrays()[name], array)
    np.testing.assert_array_equal(again.image, avatar.texture.image)
    np.testing.assert_array_equal(again.capture.frame_indices, avatar.capture.frame_indices)
    np.testing.assert_array_equal(again.capture.camera.intrinsics, avatar.capture.camera.intrinsics)
    assert again.capture.masks.shape == avatar.capture.masks.shape and again.capture.fps == avatar.capture.fps

    files = again.save(tmp_path / "again")
    for file in ("avatar.glb", "avatar.obj", "avatar.png"):
        straight = avatar.save(tmp_path / "straight")
        assert (tmp_path / "again" / file).read_bytes() == (tmp_path / "straight" / file).read_bytes()
    observed = {"keypoints.npz"}  # which a loaded avatar does not know
    assert {file.name for file in files} == {file.name for file in straight} - observed
    assert observed < {file.name for file in straight}


def test_a_folder_without_an_avatar_is_told(tmp_path):
    with pytest.raises(BadInputError, match=r"there is no .*avatar\.npz: give the folder that an avatar was saved to"):
        Avatar.load(tmp_path)
    np.savez(tmp_path / "avatar.npz", betas=np.zeros(10))
    with pytest.raises(BadInputError, match="is not what this version of fit-avatar writes"):
        Avatar.load(tmp_path)
    (tmp_path / "avatar.npz").write_bytes(b"something else")
    with pytest.raises(BadInputError, match="is not what this version of fit-avatar writes"):
        Avatar.load(tmp_path)


def test_what_is_in_doubt_is_told(avatar, clip, quick, tmp_path, monkeypatch):
    unseen = [each for each in avatar.warnings if each.startswith("No frame shows")]  # hands and feet are tiny here
    assert avatar.warnings == (*avatar.capture.warnings, *unseen)  # a whole turn, with a camera that is known
    given = {name: clip.folder / name for name in ("keypoints", "masks")}
    still = {"height_m": clip.height_m, "schedule": quick, "texture_size": None, **given}
    strict = partial(diagnose, config=DiagnosticsConfig(poor_iou=1.01))
    monkeypatch.setattr("fit_avatar.stages.diagnose", strict)
    unsure = fit_video(clip.folder / "video.mp4", **still)
    assert any("focal length" in sentence for sentence in unsure.warnings)  # none was given
    assert any("In 8 of 8 frames body and mask overlap by less than 101 %" in each for each in unsure.warnings)
    monkeypatch.setattr("fit_avatar.stages.diagnose", partial(strict, config=DiagnosticsConfig(failed_iou=1.01)))
    with pytest.raises(NoPersonError, match="the body agrees with the person's outline in too few frames"):
        fit_video(clip.folder / "video.mp4", camera=CAMERA, **still)
    fit_video(clip.folder / "video.mp4", camera=CAMERA, check=False, **still)  # for who knows better


def test_light_is_taken_out_on_demand(avatar, clip, quick):
    given = {name: clip.folder / name for name in ("keypoints", "masks")}
    delit = fit_video(
        clip.folder / "video.mp4", camera=CAMERA, height_m=clip.height_m, schedule=quick, texture_size=128,
        delight=True, **given,
    )  # fmt: skip
    assert np.ptp(delit.texture.shading, axis=0).max() < 1e-6 < np.ptp(avatar.texture.shading, axis=0).max()
    assert not np.array_equal(delit.image, avatar.image)


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
