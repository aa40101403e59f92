"""The unknowns while a clip is fitted, with rotations as matrices."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fit_avatar.body import rotation
from fit_avatar.body.model import Body
from fit_avatar.body.state import BodyState


@dataclass(frozen=True)
class ClipState:
    """Poses of T frames, one shape, and the mean pose that the frames share."""

    rotations: Tensor  # [T, J, 3, 3] local, the root's first
    transl: Tensor  # [T, 3]
    betas: Tensor  # [B]
    mean_pose: Tensor  # [J−1, 3, 3] local rotations without the root
    keypoint_bias: Tensor  # [K, 3] in the bind pose, from the body's keypoints to the detector's
    offsets: Tensor | None = None  # [V, 3] in the bind pose

    def body_state(self, body: Body) -> BodyState:
        """Return the state with axis-angle poses, as it is exported."""
        offsets = torch.zeros_like(body.template) if self.offsets is None else self.offsets
        axis_angles = rotation.log(self.rotations)
        return BodyState(self.betas, offsets, axis_angles[:, 0], axis_angles[:, 1:], self.transl)


def bind_pose(body: Body) -> Tensor:
    """Return the local rotations of the pose in which the mesh is modelled. [J−1, 3, 3]"""
    bind = body.bind_rotations
    parents = torch.tensor(body.parents[1:], device=bind.device)
    return bind[parents].transpose(1, 2) @ bind[1:]
