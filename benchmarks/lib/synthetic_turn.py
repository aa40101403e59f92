"""A clip without files: noisy keypoints of a body that turns once in front of a camera, and the start of a fit."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from fit_avatar.body import Body, BodyState, load_body, pose_body, rotation
from fit_avatar.body.poses import a_pose
from fit_avatar.body.skinning import shaped
from fit_avatar.capture import Camera
from fit_avatar.fitting import video_avatar
from fit_avatar.solvers import ClipState, Optimiser, Problem, Solution, Unknowns, solve
from fit_avatar.solvers.state import stacked

CAMERA = Camera(1500.0, 1500.0, 540.0, 540.0, 1080, 1080)
NOISE_PX = 4.0
FIRST_SOLVE = video_avatar().solves[0]


@dataclass(frozen=True)
class Turn:
    """The truth, what a detector might say of it, and where a fit begins."""

    body: Body
    truth: BodyState
    keypoints: Tensor  # [T, K, 3]
    start: ClipState

    @property
    def height_m(self) -> float:
        """The person's height, which is known."""
        heights = shaped(self.body, self.truth.betas.to(self.body.template.device))[self.body.skin, 1]
        return float(heights.amax() - heights.amin())

    @property
    def problem(self) -> Problem:
        """Tracking from keypoints by the terms of the default schedule's first solve; one frame has no motion."""
        frames = self.keypoints.shape[-3]
        terms = [term for term in FIRST_SOLVE.terms if frames > 1 or "acceleration" not in term.name]
        intervals = torch.full((frames - 1,), 2 / 30, device=self.keypoints.device)
        observations = {"keypoints": self.keypoints, "camera": CAMERA, "height_m": self.height_m}
        return Problem(terms, {**observations, "frame_intervals_s": intervals})

    @property
    def initial(self) -> Unknowns:
        """Where the fit begins."""
        return Unknowns.of(self.body, self.start, FIRST_SOLVE.free)

    def solve(self, optimiser: Optimiser) -> Solution:
        """Fit the clip."""
        return solve(self.problem, self.initial, optimiser)

    def frame(self, t: int) -> Turn:
        """The same for one frame alone, where nothing is known of its neighbours."""
        return replace(self, keypoints=self.keypoints[t : t + 1], start=self.start.frames(torch.tensor([t])))

    def as_batch(self) -> Turn:
        """All frames as clips of one frame each, solved at once but knowing nothing of each other."""
        starts = [self.frame(t).start for t in range(len(self.keypoints))]
        return replace(self, keypoints=self.keypoints[:, None], start=stacked(starts))


def turn(frames: int, device: str = "cpu") -> Turn:
    """Return a clip of one turn in an A-pose with a little sway, and a start that is 0.1 rad and 5 cm off."""
    generator = torch.Generator().manual_seed(0)
    body = load_body()

    def noise(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    angle = torch.arange(frames) * (2 * math.pi / frames)
    upright = rotation.exp(torch.tensor([math.pi, 0.0, 0.0]))
    yaw = rotation.exp(torch.stack([torch.zeros(frames), angle, torch.zeros(frames)], -1))
    sway = 0.05 * torch.sin(angle[:, None, None] + noise(1, 23, 3) * 3) * noise(1, 23, 3)
    pose = a_pose(body) @ rotation.exp(sway)
    rotations = torch.cat([(upright @ yaw)[:, None], pose], 1)
    transl = torch.stack([0.05 * angle.cos(), torch.full((frames,), 0.1), 3.0 + 0.05 * angle.sin()], -1)
    truth = BodyState(
        0.5 * noise(body.num_betas), torch.zeros_like(body.template), rotation.log(rotations)[:, 0],
        rotation.log(rotations)[:, 1:], transl,
    )  # fmt: skip
    points = CAMERA.project(body.keypoint_regressor @ pose_body(body, truth).vertices)
    keypoints = torch.cat([points + NOISE_PX * noise(*points.shape), torch.ones(frames, points.shape[1], 1)], -1)
    start = ClipState(
        rotations @ rotation.exp(0.1 * noise(frames, 24, 3)),
        transl + 0.05 * noise(frames, 3),
        torch.zeros(body.num_betas),
        a_pose(body),
        torch.zeros(len(body.keypoint_regressor), 3),
    )
    return Turn(body.to(device), truth, keypoints.to(device), start.to(device))
