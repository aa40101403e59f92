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
    rows, order = pixels[..., 1].gather(1, candidates).sort(dim=1)
    candidates = candidates.gather(1, order)
    columns = pixels[..., 0].gather(1, candidates)
    outward = normals[..., :2].gather(1, candidates[..., None].expand(-1, -1, 2))
    outward = torch.nn.functional.normalize(outward, dim=-1)

    # only pairs within the gate, first by their rows, are compared: a few per cent of all
    along, row = contours.points.unbind(-1)
    first = torch.searchsorted(rows, row - gate_px[:, None])
    count = (torch.searchsorted(rows, row + gate_px[:, None], right=True) - first).flatten()
    point = torch.repeat_interleave(count)
    offset = first + rows.shape[1] * torch.arange(len(rows), device=rows.device)[:, None]
    place = torch.arange(len(point), device=rows.device) + (offset.flatten() - count.cumsum(0) + count)[point]
    gate = gate_px[:, None].expand_as(row).flatten()[point]
    across = along.flatten()[point] - columns.flatten()[place]
    near = (across.abs() < gate).nonzero()[:, 0]
    point, place, gate, across = point[near], place[near], gate[near], across[near]
    distance = torch.hypot(across, row.flatten()[point] - rows.flatten()[place])
    agreement = (contours.normals.flatten(0, 1)[point] * outward.flatten(0, 1)[place]).sum(-1)
    agrees = ((distance < gate) & (agreement > config.min_cosine)).nonzero()[:, 0]
    point, place, cost = point[agrees], place[agrees], (distance - agreement * gate)[agrees]

    best = cost.new_full((row.numel(),), torch.inf).scatter_reduce_(0, point, cost, "amin")
    wins = cost == best[point]
    winner = place.new_zeros(row.numel()).scatter_reduce_(0, point[wins], place[wins], "amin", include_self=False)
    matched = candidates.flatten()[winner].view_as(row)
    return ContourMatches(matched, contours.weights * torch.isfinite(best).view_as(row))
