"""The observations as tensors, and the surface points that are compared with them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fit_avatar.body.model import Body
from fit_avatar.body.skinning import shaped
from fit_avatar.capture.types import Camera, Capture
from fit_avatar.silhouettes import Contours, extract_contours, vertex_normals

CONTOUR_POINTS = 800
"""Points to which an outline is sampled; about one per 12 mm of a standing person at 1080p."""


@dataclass(frozen=True)
class Evidence:
    """What T frames show, on one device."""

    keypoints: Tensor  # [T, K, 2] pixels
    confidence: Tensor  # [T, K]
    contours: Contours
    frame_weights: Tensor  # [T]
    steps: Tensor  # [T−1] frame intervals, 1 = the usual one
    interval: float  # the usual frame interval, in thirtieths of a second
    camera: Camera

    @property
    def device(self) -> torch.device:
        """Return where the tensors live."""
        return self.keypoints.device


def gather_evidence(capture: Capture, contour_points: int, device: torch.device) -> Evidence:
    """Turn a capture into tensors, with every mask's outline sampled at ``contour_points`` points."""
    keypoints = torch.from_numpy(capture.keypoints).to(device)
    indices = torch.from_numpy(capture.frame_indices).float()
    gaps = indices[1:] - indices[:-1]
    usual = gaps.median() if len(gaps) else indices.new_tensor(1.0)
    steps = gaps / usual
    return Evidence(
        keypoints=keypoints[..., :2].nan_to_num(),
        confidence=keypoints[..., 2].clamp(0, 1),
        contours=extract_contours(capture.masks, contour_points).to(device),
        frame_weights=torch.from_numpy(capture.frame_weights).to(device),
        steps=steps.clamp(0.25, 4.0).to(device),
        interval=float(usual) * 30.0 / max(capture.fps, 1.0),
        camera=capture.camera,
    )


@dataclass(frozen=True)
class Points:
    """Points that are skinned with the body: its keypoints first, then a selection of its vertices."""

    template: Tensor  # [N, 3] in the bind pose, mean shape plus offsets
    basis: Tensor  # [N, 3, B]
    weights: Tensor  # [N, J]
    normals: Tensor  # [N, 3] in the bind pose; meaningless for keypoints
    keypoints: int  # how many of the first are keypoints

    def at(self, betas: Tensor) -> Tensor:
        """Return the points in the bind pose. [N, 3]"""
        return self.template + self.basis @ betas


def select_points(body: Body, betas: Tensor, offsets: Tensor, spacing_m: float) -> Points:
    """Return the body's keypoints and skin vertices thinned to about one per ``spacing_m`` (0: all)."""
    regressor = body.keypoint_regressor
    chosen = torch.nonzero(body.skin)[:, 0]
    if spacing_m > 0:
        cells = torch.floor(body.template[chosen] / spacing_m).long()
        _, inverse = torch.unique(cells, dim=0, return_inverse=True)
        first = torch.full((int(inverse.max()) + 1,), len(chosen), dtype=torch.long, device=chosen.device)
        first = first.scatter_reduce(0, inverse, torch.arange(len(chosen), device=chosen.device), "amin")
        chosen = chosen[first]
    template = body.template + offsets
    normals = vertex_normals(shaped(body, betas, offsets), body.faces)
    return Points(
        # Detected keypoints are inside the body: clothes do not move them.
        template=torch.cat([regressor @ body.template, template[chosen]]),
        basis=torch.cat([torch.einsum("kv,vcb->kcb", regressor, body.shape_basis), body.shape_basis[chosen]]),
        weights=torch.cat([regressor @ body.lbs_weights, body.lbs_weights[chosen]]),
        normals=torch.cat([torch.zeros_like(regressor[:, :3]), normals[chosen]]),
        keypoints=len(regressor),
    )
