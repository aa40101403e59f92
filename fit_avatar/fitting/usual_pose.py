"""The pose in which a person stands on average, with the trunk upright: there hair and the body beside it are compared.

Hair that hangs follows the head in part, and the skin below it does not: what lies on the back while the person stands
lies beside it in the bind pose, in which the head is held otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fit_avatar.body import rotation
from fit_avatar.body.hanging_hair import hair_weights
from fit_avatar.body.model import Body
from fit_avatar.body.skinning import Skeleton, blend, local_rotations, pose_skeleton, shaped, skin
from fit_avatar.body.state import BodyState

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class UsualPose:
    """A body of one shape in that pose."""

    body: Body
    betas: Tensor
    skeleton: Skeleton
    """Its joints; T = 1."""

    @classmethod
    def of(cls, body: Body, state: BodyState) -> UsualPose:
        """Return that of T poses."""
        mean = rotation.nearest(local_rotations(state).mean(0, keepdim=True))
        upright = torch.cat([torch.eye(3).to(mean)[None, None], mean[:, 1:]], 1)
        with torch.no_grad():
            return cls(body, state.betas, pose_skeleton(body, state.betas, upright, torch.zeros_like(state.transl[:1])))

    @property
    def head(self) -> FloatArray:
        """Return the joint of the head. [3]"""
        return np.asarray(self.skeleton.joints[0, self._index].double().cpu().numpy())

    def hair_weights(self, heights: Tensor) -> Tensor:
        """Return the skinning of hair at some heights in this pose. [N] → [N, J]"""
        rise = self.skeleton.joints[0, self._index, 1] - self.skeleton.rest_joints[..., self._index, 1].flatten()[0]
        return hair_weights(self.body, self.betas, heights.to(self.betas) - rise)

    def surface(self, offsets: FloatArray) -> FloatArray:
        """Return the body's vertices, of offsets from its shape in the bind pose. [V, 3] → [V, 3]"""
        vertices = shaped(self.body, self.betas) + torch.from_numpy(offsets).to(self.betas)
        posed = skin(self.skeleton, vertices, self.body.lbs_weights)[0]
        return np.asarray(posed.double().cpu().numpy())

    def in_bind_pose(self, places: FloatArray) -> FloatArray:
        """Return where hair at some places is in the bind pose. [..., 3] → [..., 3]"""
        points = torch.from_numpy(places).flatten(0, -2)
        linear, shift = (each[0].double().cpu() for each in blend(self.skeleton, self.hair_weights(points[:, 1])))
        found = torch.linalg.solve(linear, (points - shift)[..., None])[..., 0]
        return np.asarray(found.view(places.shape).numpy())

    def surface_in_bind_pose(self, surface: FloatArray) -> FloatArray:
        """Return where the body's vertices are in the bind pose, of where they are in this one. [V, 3] → [V, 3]"""
        linear, shift = (each[0].double().cpu() for each in blend(self.skeleton, self.body.lbs_weights))
        found = torch.linalg.solve(linear, (torch.from_numpy(surface) - shift)[..., None])[..., 0]
        return np.asarray(found.numpy())

    @property
    def _index(self) -> int:
        return self.body.joint_names.index("head")
