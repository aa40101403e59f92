"""Correspondences between the outline and the rim of the posed surface."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fit_avatar.silhouettes.contours import Contours


@dataclass(frozen=True)
class ContourMatchingConfig:
    """When an outline point and a rim vertex match. All values were chosen by hand."""

    min_cosine: float = 0.6
    """Least cosine between the outline's normal and the vertex's projected normal; a higher one keeps an arm off the
    torso's edge, a lower one keeps more matches while the pose is wrong."""


CONTOUR_MATCHING = ContourMatchingConfig()


@dataclass(frozen=True)
class ContourMatches:
    """For every outline point the rim vertex that it pulls."""

    vertices: Tensor  # [T, C] index into the vertices given
    weights: Tensor  # [T, C] those of the outline, 0 where no vertex matches


def match_contours(
    pixels: Tensor,
    vertices: Tensor,
    normals: Tensor,
    contours: Contours,
    gate_px: Tensor,
    rim: int,
    config: ContourMatchingConfig = CONTOUR_MATCHING,
) -> ContourMatches:
    """Match outline points to the nearest rim vertex whose projected normal agrees.

    Args:
        pixels: projected vertices. [T, N, 2]
        vertices: the same in camera coordinates. [T, N, 3]
        normals: their unit normals in camera coordinates. [T, N, 3]
        contours: the outlines, C points a frame.
        gate_px: largest distance of a match. [T]
        rim: number of candidates in a frame: the vertices whose normals are nearest to perpendicular to the line of
            sight.
        config: thresholds.
    """
    view = torch.nn.functional.normalize(vertices, dim=-1)
    edge_on = (normals * view).sum(-1).abs()  # [T, N]
    candidates = edge_on.topk(min(rim, edge_on.shape[1]), dim=1, largest=False).indices
    index2 = candidates[..., None].expand(-1, -1, 2)
    rim_pixels = pixels.gather(1, index2)
    rim_normals = torch.nn.functional.normalize(normals[..., :2].gather(1, index2), dim=-1)

    gate = gate_px[:, None, None]
    distance = torch.cdist(contours.points, rim_pixels)  # [T, C, R]
    agreement = contours.normals @ rim_normals.transpose(1, 2)
    apart = (distance >= gate).logical_or_(agreement <= config.min_cosine)
    cost = distance.sub_(agreement.mul_(gate)).masked_fill_(apart, torch.inf)  # in place: bound by memory
    best = cost.min(-1)
    weights = contours.weights * torch.isfinite(best.values)
    return ContourMatches(candidates.gather(1, best.indices), weights)
