"""A person in a skirt goes the whole way from a video to a textured avatar that is loaded again."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from synthetic import CAMERA, write_clip

from fit_avatar import load_body
from fit_avatar.avatar import Avatar
from fit_avatar.body.garment import Garment, dressed, is_garment
from fit_avatar.capture.source import Source
from fit_avatar.cli import main
from fit_avatar.fitting import Schedule, Solve, video_avatar
from fit_avatar.io.runner import Runner
from fit_avatar.io.store import Store
from fit_avatar.options import Options
from fit_avatar.pipeline import KEPT, reconstruct
from fit_avatar.progress import Silent
from fit_avatar.solvers import GaussNewton

BODY = load_body()
NAMES = (
    "initialise", "pose from keypoints", "pose and shape from outlines", "look for a skirt", "final consensus shape",
    "match the surface in the pictures", "pose from the pictures",
)  # fmt: skip


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    worn = dressed(BODY, Garment(0.9, (0.5, -0.6, 0.4)))
    return write_clip(worn, tmp_path_factory.mktemp("skirt"), frames=16)


def made_from(clip, folder):
    """Return the avatar, made with few iterations, and the stages that were computed rather than kept."""
    actions = [video_avatar().action(name) for name in NAMES]
    quick = [replace(a, optimiser=GaussNewton(4)) if type(a) is Solve else a for a in actions]
    schedule = Schedule("short", "", tuple(quick))
    source = Source(CAMERA, clip.folder / "video.mp4", keypoints=clip.folder / "keypoints", masks=clip.folder / "masks")
    runner = Runner(Store(folder, False, KEPT), Silent())
    options = Options(schedule, clip.height_m, texture_size=64, every_frame=False)
    made = reconstruct(source, BODY, options, runner)
    return made.avatar, [stage["name"] for stage in runner.done if not stage["kept_from_earlier_run"]]


def test_from_a_video_to_a_file(clip, tmp_path):
    avatar, _ = made_from(clip, tmp_path / "cache")
    own = is_garment(avatar.body)
    assert own.any()
    assert avatar.state.offsets.shape == avatar.body.template.shape
    painted = avatar.image[:, int(0.85 * 64) : int(0.95 * 64)]
    assert painted.std() > 5  # its strip of the texture is painted from the video
    avatar.save(tmp_path / "out")
    again = Avatar.load(tmp_path / "out")
    assert np.array_equal(is_garment(again.body), own)
    assert torch.equal(again.posed().vertices, avatar.posed().vertices)

    same, computed = made_from(clip, tmp_path / "cache")
    assert not computed
    assert torch.equal(same.posed().vertices, avatar.posed().vertices)


def test_a_method_without_clothes_has_no_skirt(clip, tmp_path, capsys):
    out = str(tmp_path / "out")
    status = main([*clip.given, "--out", out, "--preset", "smplify", "--garment", "skirt"])
    assert status == 2
    assert "fit-avatar: garment skirt needs a method that fits clothes" in capsys.readouterr().err
