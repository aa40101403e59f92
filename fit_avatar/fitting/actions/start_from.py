"""A first pose for every frame from what another program computed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from fit_avatar.body import rotation
from fit_avatar.body.skinning import pose_skeleton, skin
from fit_avatar.capture.others import GivenPoses, read_poses
from fit_avatar.errors import BadInputError
from fit_avatar.fitting.actions.action import Context
from fit_avatar.fitting.observations import Observations
from fit_avatar.fitting.retarget import retarget
from fit_avatar.fitting.state import FitState

LEAST_POINTS = 6
"""Keypoints that a frame needs to place the body; chosen by hand."""
NEAREST_M = 0.3
"""The body is not nearer than this; as for ``Initialise``."""


@dataclass(frozen=True)
class StartFrom:
    """Take the rotations of a file, and stand the body where the keypoints are.

    Frames that the file lacks are interpolated. The shape and the number of frames stay.
    """

    path: str
    """The file or folder, see :func:`fit_avatar.capture.others.read_poses`."""
    name: str = "start from given poses"
    least_covered: float = 0.5
    """Share of the frames that the file must have; chosen by hand."""
    sigma_m: float = 0.06
    """Geman–McClure scale of keypoint errors, metres; chosen by hand, as for ``Initialise``."""
    most_error_m: float = 0.15
    """The largest median distance of keypoints from the posed body, metres: beyond it the poses belong to another clip,
    or their axes are not the camera's. Chosen by hand: a start in an A-pose that is right is below it."""

    def run(self, state: FitState, context: Context) -> FitState:
        """Return the state in the poses of the file.

        Raises:
            BadInputError: the file cannot be read, or belongs to another clip.
        """
        body, clip = context.body, state.single(self.name)
        seen = state.observations(context.observations)
        if seen.frame_indices is None:
            raise BadInputError(f"{self.name!r} is for a clip, because poses are found by their frame: leave it out")
        given = read_poses(Path(self.path))
        found = self._on_frames(given, seen.frame_indices)  # [T, 24, 3, 3]
        rotations = clip.rotations.clone()
        for joint, turns in retarget(body, clip.betas, found.to(rotations)).items():
            rotations[:, joint] = turns
        skeleton = pose_skeleton(body, clip.betas, rotations, torch.zeros_like(clip.transl))
        points = body.keypoint_points
        model = skin(skeleton, points.template, points.weights)  # [T, K, 3]
        scale = 1.0
        if seen.height_m is not None:
            scale = float(seen.height_m) / float(body.template[:, 1].amax() - body.template[:, 1].amin())
        transl, error = _place(scale * model, seen, self.sigma_m)
        if float(error) > self.most_error_m:
            raise BadInputError(
                f"the poses of {self.path} do not fit this clip: its keypoints are {float(error):.2f} m from the posed "
                "body in the median: give the result for this clip, in the camera's axes"
            )
        return replace(state, clip=replace(clip, rotations=rotations, transl=transl), warnings=self._told(state, given))

    def _on_frames(self, given: GivenPoses, wanted: Tensor) -> Tensor:
        """Return the rotations in the frames that are wanted. [T, 24, 3, 3]"""
        known = torch.from_numpy(given.frame_indices).to(wanted.device)
        covered = torch.isin(wanted, known).float().mean()
        if float(covered) < self.least_covered:
            raise BadInputError(
                f"{self.path} has poses of frames {int(known[0])} to {int(known[-1])}, only {float(covered):.0%} of "
                f"the frames used here ({int(wanted[0])} to {int(wanted[-1])}): give the result for this clip"
            )
        turns = torch.from_numpy(given.rotations).to(wanted.device)
        return between(turns, known.double(), wanted.double())

    def _told(self, state: FitState, given: GivenPoses) -> tuple[str, ...]:
        if given.people < 2:
            return state.warnings
        told = (
            f"{self.path} has {given.people} people; person {given.person}, who is seen in most frames, is the start "
            "of the fit."
        )
        return (*state.warnings, told)


def between(turns: Tensor, known: Tensor, wanted: Tensor) -> Tensor:
    """Return rotations [T, J, 3, 3] at the times that are wanted, from those [N, J, 3, 3] at the times that are known.

    Along the shortest way on SO(3); before the first and after the last they stay.
    """
    if len(known) == 1:
        return turns.expand(len(wanted), -1, -1, -1)
    after = torch.searchsorted(known, wanted, right=True).clamp(1, len(known) - 1)
    part = ((wanted - known[after - 1]) / (known[after] - known[after - 1])).clamp(0, 1).to(turns)
    start, end = turns[after - 1], turns[after]
    return start @ rotation.exp(part[:, None, None] * rotation.log(start.mT @ end))


def _place(model: Tensor, seen: Observations, sigma_m: float) -> tuple[Tensor, Tensor]:
    """Return where bodies [T, K, 3] stand so that they explain the keypoints [T, 3], and their median error in metres.

    As ``Initialise`` does it: linear in the translation, re-weighted against outliers. A frame without enough keypoints
    takes the place of its neighbours.
    """
    camera, given = seen.camera, seen.keypoints
    rays = (given[..., :2] - model.new_tensor([camera.cx, camera.cy])) / model.new_tensor([camera.fx, camera.fy])
    rows = model.new_zeros(*rays.shape[:2], 2, 3)
    rows[..., 0, 0] = rows[..., 1, 1] = 1
    rows[..., 2] = -rays
    target = rays * model[..., 2:] - model[..., :2]  # [T, K, 2]
    confidence = given[..., 2:]
    weight = confidence.expand(-1, -1, 2)
    for _ in range(5):
        normal = torch.einsum("tkai,tka,tkaj->tij", rows, weight, rows) + 1e-6 * torch.eye(3, device=model.device)
        transl = torch.linalg.solve(normal, torch.einsum("tkai,tka,tka->ti", rows, weight, target))
        error = (torch.einsum("tkai,ti->tka", rows, transl) - target).norm(dim=-1, keepdim=True)
        weight = confidence * (sigma_m**2 / (sigma_m**2 + error**2)) ** 2
    good = ((confidence[..., 0] > 0.3).sum(1) >= LEAST_POINTS) & (transl[:, 2] > NEAREST_M)
    if not good.any():
        return transl, error.new_tensor(torch.inf)
    errors = error[good][confidence[good] > 0.3]
    numbers = torch.arange(len(good), device=model.device)
    nearest = (numbers[:, None] - numbers[good]).abs().argmin(1)
    return transl[good][nearest], errors.median()
