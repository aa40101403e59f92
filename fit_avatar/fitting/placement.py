"""Where a posed body stands so that it explains the keypoints of its frame."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fit_avatar.body.model import Body
from fit_avatar.body.skinning import pose_skeleton, shaped, skin, weighted_sum
from fit_avatar.fitting.observations import Observations

LEAST_POINTS = 6
"""Keypoints that a frame needs to place the body; chosen by hand."""
LEAST_CONFIDENCE = 0.3
"""Of a keypoint that counts; chosen by hand."""
NEAREST_M = 0.3
"""The body is not nearer than this; as for ``Initialise``."""
SIGMA_M = 0.06
"""Geman–McClure scale of keypoint errors in metres; chosen by hand, as for ``Initialise``."""


@dataclass(frozen=True)
class Placement:
    """Where bodies stand in T frames."""

    transl: Tensor
    """[T, 3]"""
    points: Tensor
    """The body's keypoints in the camera's axes. [T, K, 3]"""
    residual_m: Tensor
    """From keypoints to the posed body, sideways. [T, K, 2]"""
    good: Tensor
    """Whether a frame has enough keypoints. bool [T]"""
    confidence: Tensor
    """Of the keypoints. [T, K]"""

    @property
    def weights(self) -> Tensor:
        """Return what each keypoint counts against outliers. [T, K]"""
        squared = self.residual_m.square().sum(-1)
        robust = (SIGMA_M**2 / (SIGMA_M**2 + squared)) ** 2
        return self.confidence * robust * self.good[:, None]

    @property
    def error_m(self) -> float:
        """Return the median error of the keypoints that count, in metres; infinite if there are none."""
        errors = self.residual_m.norm(dim=-1)[self.good][self.confidence[self.good] > LEAST_CONFIDENCE]
        return float(errors.median()) if len(errors) else float("inf")

    def filled(self, places: Tensor | None = None) -> Tensor:
        """Return a place for every frame: where keypoints do not say it, next to the nearest frame where they do.

        Args:
            places: where another program has the person, each axis up to a factor and a shift. [T, 3]

        Returns:
            [T, 3]
        """
        if not self.good.any():
            return self.transl
        numbers = torch.arange(len(self.good), device=self.good.device)
        known = numbers[self.good]
        nearest = known[(numbers[:, None] - known).abs().argmin(1)]
        filled = self.transl[nearest]
        if places is None:
            return filled
        theirs, ours = places[known] - places[known].mean(0), self.transl[known] - self.transl[known].mean(0)
        spread = theirs.square().mean(0)
        factor = (theirs * ours).mean(0) / (spread + 1e-6 + 1e-2 * spread.max())
        return filled + factor * (places - places[nearest])


def place(body: Body, betas: Tensor, rotations: Tensor, seen: Observations) -> Placement:
    """Return where bodies in some poses stand: linear in the translation, re-weighted against outliers.

    Args:
        body: the body; of the person's height, where that was given.
        betas: its shape. [B]
        rotations: local ones of its joints. [T, J, 3, 3]
        seen: what the frames show.
    """
    skeleton = pose_skeleton(body, betas, rotations, rotations.new_zeros(len(rotations), 3))
    points = body.keypoint_points
    scale = 1.0
    if seen.height_m is not None:
        upright = shaped(body, betas)[:, 1]
        scale = float(seen.height_m) / float(upright.amax() - upright.amin())
    rest = points.template + weighted_sum(points.basis, betas)
    model = scale * skin(skeleton, rest, points.weights)  # [T, K, 3]
    camera, given = seen.camera, seen.keypoints
    rays = (given[..., :2] - model.new_tensor([camera.cx, camera.cy])) / model.new_tensor([camera.fx, camera.fy])
    rows = model.new_zeros(*rays.shape[:2], 2, 3)
    rows[..., 0, 0] = rows[..., 1, 1] = 1
    rows[..., 2] = -rays
    target = rays * model[..., 2:] - model[..., :2]  # [T, K, 2]
    confidence = given[..., 2]
    weight = confidence[..., None].expand(-1, -1, 2)
    for _ in range(5):
        normal = torch.einsum("tkai,tka,tkaj->tij", rows, weight, rows) + 1e-6 * torch.eye(3, device=model.device)
        transl = torch.linalg.solve(normal, torch.einsum("tkai,tka,tka->ti", rows, weight, target))
        residual = torch.einsum("tkai,ti->tka", rows, transl) - target
        squared = residual.square().sum(-1, keepdim=True)
        weight = confidence[..., None] * (SIGMA_M**2 / (SIGMA_M**2 + squared)) ** 2
    good = ((confidence > LEAST_CONFIDENCE).sum(1) >= LEAST_POINTS) & (transl[:, 2] > NEAREST_M)
    return Placement(transl, model + transl[:, None], residual, good, confidence)
