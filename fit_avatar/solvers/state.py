"""The values of a clip's unknowns, with rotations as matrices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from fit_avatar.body import rotation
from fit_avatar.body.model import Body
from fit_avatar.body.state import BodyState


@dataclass(frozen=True)
class ClipState:
    """Poses of T frames, one shape, and the mean pose that the frames share.

    "..." is empty, or a number of hypotheses (or clips) that are solved together.
    """

    rotations: Tensor  # [..., T, J, 3, 3] local, the root's first
    transl: Tensor  # [..., T, 3]
    betas: Tensor  # [..., B]
    mean_pose: Tensor  # [..., J−1, 3, 3] local rotations without the root
    keypoint_bias: Tensor  # [..., K, 3] in the bind pose, from the body's keypoints to the detector's
    offsets: Tensor | None = None  # [..., V, 3] in the bind pose
    expression: Tensor | None = None  # [..., T, E] of bodies that have one

    def with_offsets(self, body: Body) -> ClipState:
        """Return the state with offsets, zero if it has none."""
        if self.offsets is not None:
            return self
        return replace(self, offsets=body.template.new_zeros(*self.transl.shape[:-2], len(body.template), 3))

    def frames(self, chosen: Tensor) -> ClipState:
        """Return some frames of one clip. [T'] int64"""
        expression = None if self.expression is None else self.expression[chosen]
        return replace(self, rotations=self.rotations[chosen], transl=self.transl[chosen], expression=expression)

    def hypothesis(self, index: int) -> ClipState:
        """Return one of several hypotheses."""
        return replace(self, **{n: v[index] for n, v in vars(self).items() if v is not None})

    def to(self, device: str | torch.device) -> ClipState:
        """Return the same state on ``device``."""
        return replace(self, **{n: v.to(device) for n, v in vars(self).items() if v is not None})

    def interpolated(self, known: Tensor, times: Tensor) -> ClipState:
        """Return the state at other times, in any unit: rotations and translations are interpolated linearly.

        known: the times of these T frames, ascending [T]; times: those wanted [T']
        """
        after = torch.searchsorted(known, times, right=True).clamp(1, len(known) - 1)
        before = after - 1
        fraction = ((times - known[before]) / (known[after] - known[before])).clamp(0, 1)

        def between(values: Tensor, depth: int) -> Tensor:
            """Interpolate [..., T, (depth more)], rotations where depth is 3."""
            axis = -1 - depth
            start, end = values.index_select(axis, before), values.index_select(axis, after)
            part = fraction.reshape(-1, *[1] * depth)
            if depth == 1:
                return start + part * (end - start)
            turn = rotation.log(start.transpose(-1, -2) @ end)
            return start @ rotation.exp(part[..., 0] * turn)

        return replace(
            self,
            rotations=between(self.rotations, 3),
            transl=between(self.transl, 1),
            expression=None if self.expression is None else between(self.expression, 1),
        )

    def body_state(self, body: Body) -> BodyState:
        """Return the state with axis-angle poses, as it is exported."""
        offsets = torch.zeros_like(body.template) if self.offsets is None else self.offsets
        axis_angles = rotation.log(self.rotations)
        return BodyState(
            self.betas, offsets, axis_angles[..., 0, :], axis_angles[..., 1:, :], self.transl, self.expression
        )


def stacked(states: Sequence[ClipState]) -> ClipState:
    """Put hypotheses together, to follow them at once. [H, …]"""
    each = zip(*(vars(state).values() for state in states), strict=True)
    return ClipState(*(None if values[0] is None else torch.stack(values) for values in each))  # type: ignore[arg-type]
