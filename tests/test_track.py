"""A known avatar moves as a person in a clip does: its shape and texture stay, its GLB takes the motion."""

import shutil
from dataclasses import replace

import cv2
import numpy as np
import pygltflib
import pytest
import torch
from synthetic import CAMERA, write_clip

from fit_avatar import Avatar, load_body, preset, track_video
from fit_avatar.body import rotation
from fit_avatar.capture import Capture
from fit_avatar.capture.source import Source
from fit_avatar.cli import main
from fit_avatar.errors import BadInputError
from fit_avatar.evaluate import pa_mpjpe
from fit_avatar.export import write_npz
from fit_avatar.fitting import SHAPE, Context, FitState, Observations, Solve, as_schedule
from fit_avatar.fitting.actions.focal_length import scale_depth
from fit_avatar.options import Options
from fit_avatar.solvers import GaussNewton

BODY = load_body()
TEXTURE = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_clip(BODY, tmp_path_factory.mktemp("clip"), frames=9)


@pytest.fixture(scope="module")
def given(clip):
    return {"video": clip.folder / "video.mp4"} | {name: clip.folder / name for name in ("keypoints", "masks")}


@pytest.fixture(scope="module")
def known(clip):
    """The true shape, in four poses of another clip."""
    nobody = np.zeros((4, 8, 8), bool)
    capture = Capture(np.arange(4), np.zeros((4, 25, 3), np.float32), nobody, CAMERA, np.ones(4, np.float32))
    poses = {name: getattr(clip.state, name)[:4] for name in ("global_orient", "body_pose", "transl")}
    return Avatar(BODY, replace(clip.state, **poses), capture, painted=TEXTURE)


@pytest.fixture(scope="module")
def saved(known, tmp_path_factory):
    place = tmp_path_factory.mktemp("known")
    known.save(place)
    return place


@pytest.fixture
def folder(saved, tmp_path):
    shutil.copytree(saved, tmp_path / "me")  # with times of change, by which files are known
    return tmp_path / "me"


def quick():
    whole = preset("track")
    actions = [replace(a, optimiser=GaussNewton(4)) if isinstance(a, Solve) else a for a in whole.actions]
    return as_schedule([actions[0], actions[1], actions[4]])


def test_the_preset_frees_no_shape():
    assert not any(set(SHAPE) & set(solve.free) for solve in preset("track").solves)
    assert [type(a).__name__ for a in preset("track").actions] == [
        "Initialise", "ResolveLimbs", "Solve", "EstimateFocalLength", "Solve",
    ]  # fmt: skip


def test_a_state_takes_a_known_shape(clip):
    known = FitState.upright(BODY, 3).with_shape(clip.state)
    assert torch.equal(known.clip.betas, clip.state.betas) and torch.equal(known.clip.offsets, clip.state.offsets)
    assert len(known.clip.transl) == 3


@pytest.mark.parametrize("factor", [0.75, 1.2])
def test_a_known_person_tells_the_focal_length(clip, given, factor):
    """From six frames of nine alone, the others follow in depth."""
    rough = preset("track").action("focal length")
    source = Source.of(camera=CAMERA, **given)
    observed = Observations.of(source.find_limbs(source.observe()), BODY.template.device)
    guess = replace(CAMERA.zoomed(factor), focal_sigma=0.35)
    context = Context(BODY, lambda: replace(observed, camera=guess))
    true = FitState.upright(BODY, len(observed.keypoints)).with_shape(clip.state).clip
    rotations = rotation.exp(torch.cat([clip.state.global_orient[:, None], clip.state.body_pose], 1))
    start = scale_depth(replace(true, rotations=rotations, transl=clip.state.transl), factor)
    found = replace(rough, most_frames=6, optimiser=GaussNewton(24)).run(FitState(start), context)
    assert found.focal.factor == pytest.approx(1 / factor, rel=0.1)
    assert found.key_frames is None and len(found.clip.transl) == len(start.transl)
    near = found.clip.transl[:, 2] / clip.state.transl[:, 2]
    torch.testing.assert_close(near, torch.full_like(near, factor * found.focal.factor))
    assert torch.equal(found.clip.offsets, clip.state.offsets)


def test_from_the_command_line(clip, known, folder, tmp_path):
    """Shape and texture are the avatar's, the motion is the clip's; its files and the GLB of the avatar have it."""
    out, before = tmp_path / "dance", (folder / "avatar.npz").read_bytes()
    options = [*clip.given[:-2], "--avatar", str(folder), "--out", str(out), "--export", "bvh", "amass", "--append"]
    assert main(options) == 0
    moved = Avatar.load(out)
    assert torch.equal(moved.state.betas, clip.state.betas) and torch.equal(moved.state.offsets, clip.state.offsets)
    np.testing.assert_array_equal(moved.image, TEXTURE)
    assert pa_mpjpe(moved.posed().joints.numpy(), clip.joints.numpy()) < 0.02
    assert (moved.posed().joints[:, 0] - clip.joints[:, 0]).norm(dim=-1).mean() < 0.06
    assert {"avatar.bvh", "avatar_amass.npz", "overlay.mp4", "report.html"} <= {file.name for file in out.iterdir()}
    alone, both = (pygltflib.GLTF2().load(str(place / "avatar.glb")) for place in (out, folder))
    assert [each.name for each in alone.animations] == ["video"]
    assert [each.name for each in both.animations] == ["captured", "video"]
    assert (folder / "avatar.npz").read_bytes() == before
    assert "Which parts this clip shows" in (out / "report.html").read_text()

    glb = (folder / "avatar.glb").read_bytes()
    assert main(options) == 0  # again: everything is kept, and the clip replaces its own animation
    assert (folder / "avatar.glb").read_bytes() == glb


def test_the_avatar_is_not_lost_when_its_own_run_is_repeated(clip, known, folder, given, capsys):
    """A motion was added to the GLB since: it is not written over without being asked."""
    known.append_to(folder / "avatar.glb", "dance")
    with pytest.raises(BadInputError, match=r"avatar\.glb was not written by fit-avatar, or was changed since"):
        known.save(folder)
    assert main([*clip.given[:-2], "--avatar", str(folder), "--out", str(folder)]) == 2
    assert len(pygltflib.GLTF2().load(str(folder / "avatar.glb")).animations) == 2


def test_in_a_script(clip, known, given, folder):
    moved = track_video(known, camera=CAMERA, schedule=quick(), **given)
    assert torch.equal(moved.state.offsets, known.state.offsets)
    np.testing.assert_array_equal(moved.image, TEXTURE)
    assert pa_mpjpe(moved.posed().joints.numpy(), clip.joints.numpy()) < 0.03
    assert not any("a guess" in each or "hardly turns" in each for each in moved.warnings)
    plain = track_video(replace(known, painted=None), camera=CAMERA, schedule=quick(), **given)
    assert any("has no texture" in each for each in plain.warnings) and (plain.image == plain.image[0, 0]).all()
    moved.append_to(folder / "avatar.glb", "a walk")
    names = [each.name for each in pygltflib.GLTF2().load(str(folder / "avatar.glb")).animations]
    assert names == ["captured", "a walk"]


def test_a_method_that_changes_the_shape_is_refused(known):
    with pytest.raises(BadInputError, match=r"the preset motion also fits a shape .* take the preset track"):
        Options(preset("motion"), known=known)


def test_what_cannot_be_used_is_told_before_anything_is_written(clip, known, folder, tmp_path, capsys):
    options = [*clip.given[:-2], "--out", str(tmp_path / "out")]

    def told(*more):
        assert main([*options, *more]) == 2
        assert not (tmp_path / "out").exists()
        (line,) = capsys.readouterr().err.strip().splitlines()
        return line

    assert "there is no --avatar folder" in told("--avatar", str(tmp_path / "none"))
    assert "give the results folder of an earlier run" in told("--avatar", str(tmp_path))
    np.savez(tmp_path / "avatar.npz", betas=np.zeros(10))
    assert "is not what this version of fit-avatar writes" in told("--avatar", str(tmp_path))
    for option in ("--height-m 1.8", "--body anny-hands", "--delight", "--texture-size 512", "--uv-layout body"):
        name, *value = option.split()
        assert f"{name} is decided by the avatar" in told("--avatar", str(folder), name, *value)
    assert "--append adds to the GLB of an avatar" in told("--append")
    assert "--preset track moves an avatar that is there already" in told("--preset", "track")
    picture = tmp_path / "a.png"
    cv2.imwrite(str(picture), TEXTURE)
    assert main(["--image", str(picture), "--avatar", str(folder), "--out", str(tmp_path / "out")]) == 2
    assert "give --video instead of --image" in capsys.readouterr().err
    known.append_to(folder / "avatar.glb", "video")
    assert "has an animation 'video' of another video" in told("--avatar", str(folder), "--append")
    longer = replace(BODY, joint_template=BODY.joint_template * 1.05)
    write_npz(folder / "avatar.npz", longer, known.state, known.capture)
    (folder / "avatar.glb").unlink()
    assert "there is no GLB" in told("--avatar", str(folder), "--append")
