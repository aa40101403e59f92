"""A start from given poses: rotations of the file, places of the keypoints."""

from pathlib import Path

import numpy as np
import pytest
import torch
from synthetic import CAMERA, turning_person

from fit_avatar.body import load_body, rotation
from fit_avatar.capture import Capture
from fit_avatar.errors import BadInputError
from fit_avatar.fitting import Context, FitState, Observations
from fit_avatar.fitting.actions import StartFrom

FRAMES = 8


def started(path: Path, turn: float = 0.0, given: slice = slice(None)):
    body = load_body()
    clip = turning_person(body, FRAMES)
    keypoints = torch.cat([CAMERA.project(body.keypoint_regressor @ clip.vertices), torch.ones(FRAMES, 25, 1)], -1)
    empty, weights = np.zeros((FRAMES, 8, 8), bool), np.ones(FRAMES, np.float32)
    capture = Capture(np.arange(FRAMES), keypoints.numpy(), empty, CAMERA, weights)
    seen = Observations.of(capture, torch.device("cpu"), clip.height_m)
    poses = torch.zeros(FRAMES, 24, 3)
    poses[:, 0] = clip.state.global_orient
    poses[:, 16, 2], poses[:, 17, 2] = -0.9, 0.9
    root = rotation.exp(torch.tensor([turn, 0.0, 0.0])) @ rotation.exp(poses[:, 0])
    poses[:, 0] = rotation.log(root)
    np.savez(path, thetas=poses[given].reshape(-1, 72).numpy())
    state = StartFrom(str(path)).run(FitState.upright(body, FRAMES), Context(body, lambda: seen))
    return state.clip, clip


def test_rotations_and_places(tmp_path):
    start, clip = started(tmp_path / "p.npz")
    assert torch.allclose(start.rotations[:, 0], rotation.exp(clip.state.global_orient), atol=1e-4)
    assert (start.transl - clip.state.transl).norm(dim=-1).max() < 0.3


def test_poses_of_another_clip_are_refused(tmp_path):
    with pytest.raises(BadInputError, match="do not fit this clip"):
        started(tmp_path / "p.npz", turn=1.6)
    with pytest.raises(BadInputError, match="only 25%"):
        started(tmp_path / "p.npz", given=slice(0, 2))
