"""Which vertex of the posed surface makes which point of the outline."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fit_avatar.silhouettes.contours import Contours

MIN_NORMAL_AGREEMENT = 0.6
"""Cosine between an outline's normal and a rim vertex's projected normal: keeps an arm off the torso's edge."""


@dataclass(frozen=True)
class Matches:
    """For every outline point the rim vertex that it pulls."""

    vertices: Tensor  # [T, C] index into the vertices given
    weights: Tensor  # [T, C] 0 where nothing agrees


def match_contours(
    pixels: Tensor, vertices: Tensor, normals: Tensor, contours: Contours, gate_px: Tensor, rim: int
) -> Matches:
    """Match outline points to the nearest rim vertex whose projected normal agrees.

    Args:
        pixels: projected vertices. [T, N, 2]
        vertices: the same in camera coordinates. [T, N, 3]
        normals: their unit normals in camera coordinates. [T, N, 3]
        contours: the outlines, C points a frame.
        gate_px: largest distance of a match. [T]
        rim: number of candidates a frame, those that are seen most nearly edge-on.
    """
    view = torch.nn.functional.normalize(vertices, dim=-1)
    edge_on = (normals * view).sum(-1).abs()  # [T, N]
    candidates = edge_on.topk(min(rim, edge_on.shape[1]), dim=1, largest=False).indices
    index2 = candidates[..., None].expand(-1, -1, 2)
    rim_pixels = pixels.gather(1, index2)
    rim_normals = torch.nn.functional.normalize(normals[..., :2].gather(1, index2), dim=-1)

    distance = torch.cdist(contours.points, rim_pixels)  # [T, C, R]
    agreement = contours.normals @ rim_normals.transpose(1, 2)
    cost = distance + gate_px[:, None, None] * (1 - agreement)
    cost = torch.where((agreement > MIN_NORMAL_AGREEMENT) & (distance < gate_px[:, None, None]), cost, torch.inf)
    best = cost.min(-1)
    weights = contours.weights * torch.isfinite(best.values)
    return Matches(candidates.gather(1, best.indices), weights)
