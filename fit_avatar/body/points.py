"""Points that are skinned with the body: its keypoints, or a selection of its vertices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from fit_avatar.body.model import Body


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


def vertex_points(body: Body, index: Tensor | None = None) -> Points:
    """Return some of the body's vertices (all by default) as points. index [N]"""
    whole = Points(body.template, body.shape_basis, body.lbs_weights, body.pose_basis)
    return whole if index is None else whole.take(index)


def regressed_points(body: Body, regressor: Tensor, weights: Tensor | None = None) -> Points:
    """Return weighted means of vertices as points that hang on the skeleton. regressor [N, V], weights [N, J]"""
    on_skeleton = weights is not None
    return Points(
        template=regressor @ body.template,
        basis=torch.einsum("kv,vcb->kcb", regressor, body.shape_basis),
        weights=regressor @ body.lbs_weights if weights is None else weights,
        pose_basis=None
        if body.pose_basis is None or on_skeleton
        else torch.einsum("kv,vcp->kcp", regressor, body.pose_basis),
    )
