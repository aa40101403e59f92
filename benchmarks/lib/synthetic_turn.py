"""A clip without files: noisy keypoints of a body that turns once in front of a camera, and the start of a fit."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from fit_avatar.body import Body, BodyState, load_body, pose_body, rotation
from fit_avatar.body.poses import a_pose
from fit_avatar.body.skinning import shaped
from fit_avatar.capture import Camera
from fit_avatar.fitting import ClipState, Problem, Unknowns
from fit_avatar.fitting.stage import POSE_AND_SHAPE, tracking_terms

CAMERA = Camera(1500.0, 1500.0, 540.0, 540.0, 1080, 1080)
NOISE_PX = 4.0


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
        """Tracking from keypoints: terms and weights of the default preset's first stage, without schedules."""
        terms = tracking_terms(keypoint_kernel=6.0, move_sigma_m=0.03)
        return Problem(terms, Unknowns.of(self.body, self.start, POSE_AND_SHAPE), self.observations(slice(None)))

    def frame(self, t: int) -> Problem:
        """The same for one frame alone, where nothing is known of its neighbours."""
        one = slice(t, t + 1)
        values = {name: getattr(self.start, name) for name in ("betas", "mean_pose", "keypoint_bias")}
        start = ClipState(self.start.rotations[one], self.start.transl[one], **values)
        terms = tuple(term for term in tracking_terms(keypoint_kernel=6.0) if "acceleration" not in term.name)
        return Problem(terms, Unknowns.of(self.body, start, POSE_AND_SHAPE), self.observations(one))

    def observations(self, frames: slice) -> dict[str, object]:
        """Return the data fields of some frames."""
        keypoints = self.keypoints[frames]
        return {
            "keypoints": keypoints,
            "camera": CAMERA,
            "frame_intervals_s": torch.full((len(keypoints) - 1,), 2 / 30, device=keypoints.device),
            "height_m": self.height_m,
        }


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
    on_device = ClipState(*(v if v is None else v.to(device) for v in vars(start).values()))  # type: ignore[arg-type]
    return Turn(body.to(device), truth, keypoints.to(device), on_device)
