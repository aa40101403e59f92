"""What outlines show around the head: the brim of a hat, which looks down above the eyes, and hair beside the neck.

Lengths are in those from the neck to between the hips.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.silhouettes.contours import Contours

MIN_CONFIDENCE = 0.3
"""Keypoints of less are not used. Chosen by hand."""
GAP = 3.0
"""Points of an outline that are so many times farther apart than most are of different outlines. Chosen by hand."""
_EYES_AND_EARS = [BODY_25.index(name) for name in ("left_eye", "right_eye", "left_ear", "right_ear")]
_NECK, _HIPS, _LEFT, _RIGHT = (BODY_25.index(name) for name in ("neck", "mid_hip", "left_shoulder", "right_shoulder"))


@dataclass(frozen=True)
class BrimConfig:
    """When a brim is seen."""

    beside: float = 0.5
    """Looked at is what is no farther than this beside the eyes and ears …"""
    above: float = 0.8
    """… and above them. Both chosen by hand."""
    down_to: float = 0.05
    """A hat's outline reaches so far below eyes and ears, seen from behind. Chosen on two rendered people: with 0 one
    head is 2° more wrong."""
    looks_down: float = 0.7
    """Least cosine between the outline's normal and straight down. Chosen by hand."""
    least: float = 0.06
    """Length of outline that looks down, at least, …"""
    frames: float = 0.4
    """… in this share of the frames that show eyes or ears, which must be … Three rendered people with hats had it in
    0.64 of them or more, one in 0.59 by true keypoints, six without, long hair and ponytails among them, and four other
    clips in none."""
    known: float = 0.3
    """… so many of all frames. Chosen by hand: from behind a detector may see neither."""
    lowest: float = 0.2
    """A brim that is tipped, or seen from above, reaches no farther below eyes and ears. Chosen by hand: chins are at
    0.25."""
    edge_looks_down: float = 0.5
    """Its outline goes on from that of the hat where the cosine between its normal and straight down is this or more,
    …"""
    stands_out: float = 0.2
    """… or where it is so far beside eyes and ears, unless it looks up by more than …"""
    edge_looks_up: float = 0.3
    """… this cosine. All three chosen by hand, on a rendered person whose brim is seen 8 cm below the eyes."""


@dataclass(frozen=True)
class LongHairConfig:
    """When hair is seen beside the neck."""

    facing: float = 0.6
    """Least distance of the left shoulder to the right of the other, in frames that are looked at. Chosen by hand."""
    least: float = 0.305
    """Narrowest width between eyes and neck, at least, in the median of these frames. Four people with long hair had
    0.32 to 0.45, eight other clips 0.22 to 0.30, ponytails and a hat among them."""


BRIM, LONG_HAIR = BrimConfig(), LongHairConfig()


def hat_points(keypoints: Tensor, contours: Contours, config: BrimConfig = BRIM) -> Tensor:
    """Return which points of the outlines are those of a hat with a brim. [..., T, C]

    They are around the head and above the ears, or where the edge of the brim goes on below. None is where there is no
    brim. Arguments are those of :func:`has_brim`.
    """
    across, below, unit, known = _beside_head(keypoints, contours)
    beside, down = across.abs() < config.beside * unit, contours.normals[..., 1]
    edge = (across.abs() > config.stands_out * unit) & (down > -config.edge_looks_up)
    edge = beside & (below < config.lowest * unit) & (edge | (down > config.edge_looks_down))
    near = _continued(beside & (below < config.down_to * unit), edge, contours)
    of_hat: Tensor = near & known[..., None] & has_brim(keypoints, contours, config)[..., None, None]
    return of_hat


def _continued(chosen: Tensor, others: Tensor, contours: Contours) -> Tensor:
    """Return the chosen points of the outlines, and the others that they go on as. bool [..., T, C]"""
    steps = (contours.points[..., 1:, :] - contours.points[..., :-1, :]).norm(dim=-1)
    passed = chosen | others
    joined = passed[..., 1:] & passed[..., :-1] & (steps < GAP * steps.median(-1, keepdim=True).values)
    starts = torch.cat([torch.ones_like(passed[..., :1]), ~joined], -1)
    piece = starts.long().cumsum(-1) - 1
    held = torch.zeros_like(piece).scatter_reduce(-1, piece, chosen.long(), "amax")
    return passed & held.gather(-1, piece).bool()


def has_brim(keypoints: Tensor, contours: Contours, config: BrimConfig = BRIM) -> Tensor:
    """Return whether the outlines show a hat with a brim. bool [...]

    Args:
        keypoints: BODY_25 as (u, v, confidence). [..., T, K, 3]
        contours: the outlines of the masks. [..., T, C]
        config: thresholds.
    """
    across, below, unit, known = _beside_head(keypoints, contours)
    near = (across.abs() < config.beside * unit) & (below < 0) & (-below < config.above * unit)
    down = near & (contours.normals[..., 1] > config.looks_down) & (contours.weights > 0)
    step = (contours.points[..., 1:, :] - contours.points[..., :-1, :]).norm(dim=-1).median(-1).values
    seen = known & (down.sum(-1) * step > config.least * unit[..., 0])
    shown = known.float().mean(-1)
    worn: Tensor = (seen.float().mean(-1) > config.frames * shown) & (shown > config.known)
    return worn


def has_hair_beside_neck(keypoints: Tensor, contours: Contours, config: LongHairConfig = LONG_HAIR) -> Tensor:
    """Return whether the outlines show hair on both sides of the neck; not where no frame shows the front. bool [...]

    Args:
        keypoints: BODY_25 as (u, v, confidence). [..., T, K, 3]
        contours: the outlines of the masks. [..., T, C]
        config: thresholds.
    """
    top, unit, known = _head(keypoints)
    way = (keypoints[..., _NECK, :2] - top)[..., None, :]
    across, down = (contours.points - top[..., None, :]).unbind(-1)
    along = down / way[..., 1].clamp_min(1.0)
    beside = across - along * way[..., 0]
    between = (along > 0) & (along < 1) & (contours.weights > 0)
    left, right = (torch.where(between & (side > 0), side, torch.inf).amin(-1) for side in (beside, -beside))
    width = (left + right) / unit
    shoulders = keypoints[..., [_LEFT, _RIGHT], :]
    facing = (shoulders[..., 0, 0] - shoulders[..., 1, 0]) / unit > config.facing
    front = known & facing & (shoulders[..., 2].amin(-1) > MIN_CONFIDENCE) & width.isfinite()
    wide: Tensor = torch.where(front, width, torch.nan).nanmedian(-1).values > config.least
    return wide


def _beside_head(keypoints: Tensor, contours: Contours) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return how far outlines are to the right of eyes and ears and below [..., T, C], and :func:`_head`'s others.

    The length of the trunk is [..., T, 1], whether it is known [..., T].
    """
    middle, unit, known = _head(keypoints)
    across, below = (contours.points - middle[..., None, :]).unbind(-1)
    return across, below, unit[..., None], known


def _head(keypoints: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the middle of eyes and ears [..., T, 2], the length of the trunk, and whether both are known. [..., T]"""
    found, neck, hips = keypoints[..., _EYES_AND_EARS, :], keypoints[..., _NECK, :], keypoints[..., _HIPS, :]
    sure = (found[..., 2:] > MIN_CONFIDENCE).float()
    total = sure.sum(-2)
    middle = (found[..., :2] * sure).sum(-2) / total.clamp_min(1)
    unit = (neck[..., :2] - hips[..., :2]).norm(dim=-1)
    known = (total[..., 0] > 0) & (torch.minimum(neck[..., 2], hips[..., 2]) > MIN_CONFIDENCE) & (unit > 0)
    return middle, unit.clamp_min(1.0), known
