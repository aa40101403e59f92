"""Whether a person wears a hat with a brim: above the eyes, no head's own outline looks down."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fit_avatar.silhouettes.contours import Contours


@dataclass(frozen=True)
class BrimConfig:
    """When a brim is seen. Lengths in those from the neck to between the hips."""

    beside: float = 0.5
    """Looked at is what is no farther than this beside the eyes and ears …"""
    above: float = 0.8
    """… and above them. Both chosen by hand."""
    looks_down: float = 0.7
    """Least cosine between the outline's normal and straight down."""
    least: float = 0.06
    """Length of outline that looks down, at least, …"""
    frames: float = 0.5
    """… in this share of the frames. Rendered people with hats had it in 0.9 of the frames or more, eleven clips
    of people without in none, long hair and ponytails among them."""
    min_confidence: float = 0.3
    """Eyes and ears of less are not used."""


BRIM = BrimConfig()


def has_brim(
    eyes_and_ears: Tensor, neck: Tensor, hips: Tensor, contours: Contours, config: BrimConfig = BRIM
) -> Tensor:
    """Return whether the outlines show a hat with a brim, all round or in front. bool [...]

    Args:
        eyes_and_ears: (u, v, confidence) of the four. [..., T, 4, 3]
        neck: (u, v, confidence). [..., T, 3]
        hips: of the point between the hips. [..., T, 3]
        contours: the outlines of the masks. [..., T, C]
        config: thresholds.
    """
    sure = (eyes_and_ears[..., 2:] > config.min_confidence).float()
    total = sure.sum(-2)
    middle = (eyes_and_ears[..., :2] * sure).sum(-2) / total.clamp_min(1)  # [..., T, 2]
    unit = (neck[..., :2] - hips[..., :2]).norm(dim=-1)
    known = (total[..., 0] > 0) & (torch.minimum(neck[..., 2], hips[..., 2]) > config.min_confidence)
    across, below = (contours.points - middle[..., None, :]).unbind(-1)
    reach = unit[..., None]
    near = (across.abs() < config.beside * reach) & (below < 0) & (-below < config.above * reach)
    down = near & (contours.normals[..., 1] > config.looks_down) & (contours.weights > 0)
    step = (contours.points[..., 1:, :] - contours.points[..., :-1, :]).norm(dim=-1).median(-1).values
    seen: Tensor = known & (down.sum(-1) * step > config.least * unit)
    return seen.float().mean(-1) > config.frames
