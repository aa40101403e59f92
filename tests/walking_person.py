"""A person who walks on the spot and turns, with keypoints in every frame: the truth between fitted frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fit_avatar.body import Body, rotation
from fit_avatar.body.poses import a_pose
from fit_avatar.capture import Camera, Capture
from fit_avatar.capture.every_frame import EveryFrame
from fit_avatar.fitting import FitState
from fit_avatar.solvers import ClipState, Unknowns

CAMERA = Camera(900.0, 900.0, 360.0, 480.0, 720, 960)


@dataclass(frozen=True)
class Walk:
    """N frames, of which T are fitted exactly."""

    body: Body
    truth: ClipState
    times: NDArray[np.float64]
    fitted: NDArray[np.int64]
    keypoints: NDArray[np.float32]

    @property
    def every(self) -> EveryFrame:
        """Return what all frames show."""
        return EveryFrame(self.times, self.keypoints)

    @property
    def capture(self) -> Capture:
        """Return what was fitted."""
        count = len(self.fitted)
        return Capture(
            self.fitted, self.keypoints[self.fitted], np.zeros((count, 1, 1), bool), CAMERA,
            np.ones(count, np.float32), stated_times_s=self.times[self.fitted],
        )  # fmt: skip

    @property
    def state(self) -> FitState:
        """Return the fit."""
        return FitState(self.truth.frames(torch.from_numpy(self.fitted)), keypoint_noise_m=torch.tensor(0.006))

    def joints(self, clip: ClipState) -> Tensor:
        """Return posed joints. [N, J, 3]"""
        return Unknowns.of(self.body, clip).posed_body().joints


def walk(body: Body, times: NDArray[np.float64], step: int = 5, noise_px: float = 1.5, steps_hz: float = 0.9) -> Walk:
    """Return a walk of which every ``step``-th frame is fitted, and the last one."""
    count, phase = len(times), torch.from_numpy(2 * np.pi * steps_hz * times).float()
    pose = rotation.log(a_pose(body)).expand(count, -1, -1).clone()
    swing = {"left_hip": 0.45, "right_hip": -0.45, "left_shoulder": -0.3, "right_shoulder": 0.3}
    for name, size in swing.items():
        pose[:, body.joint_names.index(name) - 1, 0] += size * phase.sin()
    for name, side in (("left_knee", 1.0), ("right_knee", -1.0)):
        pose[:, body.joint_names.index(name) - 1, 0] += 0.4 * (1 + side * phase.cos())
    upright = rotation.exp(torch.tensor([np.pi, 0.0, 0.0]).float())
    yaw = torch.from_numpy(0.8 * times).float()
    turn = upright @ rotation.exp(torch.stack([0 * yaw, yaw, 0 * yaw], -1))
    bob = 0.02 * (2 * phase).cos()
    transl = torch.stack([0.15 * yaw.sin(), bob, 3.5 + 0.1 * yaw.cos()], -1)
    truth = ClipState(
        torch.cat([turn[:, None], rotation.exp(pose)], 1), transl, torch.zeros(body.num_betas), a_pose(body),
        torch.zeros(25, 3),
    )  # fmt: skip
    shown = CAMERA.project(Unknowns.of(body, truth).posed_body().keypoints).numpy()
    noise = np.random.default_rng(0).normal(0, noise_px, shown.shape)
    keypoints = np.concatenate([shown + noise, np.ones((count, 25, 1))], -1).astype(np.float32)
    fitted = np.unique([*range(step // 2, count, step), count - 1]).astype(np.int64)
    return Walk(body, truth, times, fitted, keypoints)
