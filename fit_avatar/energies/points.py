"""Points that a term reads from the posed body."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from fit_avatar.body.points import Points
from fit_avatar.body.skinning import Skeleton, skin


@dataclass(frozen=True)
class PosedPoints:
    """N points of a posed body, and what moves them."""

    points: Points
    """The same for all frames [N, …], or others in every frame [..., T, N, …]."""
    rest: Tensor
    """Where they are in the bind pose, with all that moves them there. [..., T or 1, N, 3] metres"""
    skeleton: Skeleton
    vertices: Tensor | None = None
    """Which vertices they are; those are moved by ``offsets`` and ``surface_shift``, too. int64 [N] or [..., T, N]"""
    keypoint_bias: bool = False
    """Whether they are all keypoints in their order, which the unknown ``keypoint_bias`` moves, too."""

    @cached_property
    def posed(self) -> Tensor:
        """Where they are in camera coordinates. [..., T, N, 3] metres"""
        return skin(self.skeleton, self.rest, self.points.weights)
