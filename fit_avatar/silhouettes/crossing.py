"""Which vertices would be pulled across a gap, to the outline of something that the body does not have."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fit_avatar.silhouettes.contours import Contours


@dataclass(frozen=True)
class CrossingConfig:
    """When the way from a vertex to its outline point crosses another outline. All values were chosen by hand."""

    short_way: float = 3.0
    """Ways shorter than so many times the distance between neighbouring outline points are not looked at."""
    beside: float = 0.75
    """An outline point that is so near to the way, in the same distances, lies on it: the way cannot slip between two
    of them."""
    min_cosine: float = 0.5
    """Least cosine between the way and the normal of an outline that it crosses: along an outline is not across it."""


CROSSING = CrossingConfig()


def crosses_outline(pixels: Tensor, contours: Contours, asked: Tensor, config: CrossingConfig = CROSSING) -> Tensor:
    """Return which ways from vertices to their outline points cross an outline that faces the other way.

    A vertex inside the mask that its outline point pulls outwards leaves the mask nowhere else, and one outside that is
    pulled inwards enters it nowhere else. If it does, there is a gap between the two: the outline point is that of a
    ponytail behind the neck, say, and the vertex has an outline of its own.

    Args:
        pixels: projected vertices, one for each outline point. [T, C, 2]
        contours: the outlines, C points a frame.
        asked: which ways are looked at; the others cross nothing. [T, C]
        config: thresholds.

    Returns:
        bool [T, C]
    """
    way = contours.points - pixels
    length = way.norm(dim=-1)
    steps = (contours.points[:, 1:] - contours.points[:, :-1]).norm(dim=-1)
    spacing = steps.median(1, keepdim=True).values  # [T, 1]
    looked_at = asked & (contours.weights > 0) & (length > config.short_way * spacing)
    frame, point = looked_at.nonzero().unbind(1)
    length, spacing = length[frame, point, None], spacing[frame]  # [N, 1] of the ways that are looked at
    along = way[frame, point] / length
    normals = contours.normals[frame]  # [N, C, 2] of all points of the same frame
    others = contours.points[frame] - pixels[frame, point][:, None]
    ahead = (others * along[:, None]).sum(-1)
    beside = (others[..., 0] * along[:, None, 1] - others[..., 1] * along[:, None, 0]).abs()
    on_the_way = (ahead > spacing) & (ahead < length - spacing) & (beside < config.beside * spacing)
    outwards = (contours.normals[frame, point] * along).sum(-1, keepdim=True).sign()
    opposite = (normals * along[:, None]).sum(-1) * outwards < -config.min_cosine
    crossed = torch.zeros_like(looked_at)
    crossed[frame, point] = (on_the_way & opposite & (contours.weights[frame] > 0)).any(1)
    return crossed
