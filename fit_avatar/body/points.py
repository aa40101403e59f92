"""Points that are skinned with a body: its keypoints, or a selection of its vertices."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Points:
    """N points that move with shape and pose."""

    template: Tensor  # [N, 3] in the bind pose, mean shape
    basis: Tensor  # [N, 3, B]
    weights: Tensor  # [N, J]
    pose_basis: Tensor | None = None  # [N, 3, 9 (J−1)]

    def __len__(self) -> int:
        return len(self.template)

    def take(self, index: Tensor) -> Points:
        """Return a selection, which may differ from frame to frame. index [...] → arrays [..., 3]"""
        pose_basis = None if self.pose_basis is None else self.pose_basis[index]
        return Points(self.template[index], self.basis[index], self.weights[index], pose_basis)
