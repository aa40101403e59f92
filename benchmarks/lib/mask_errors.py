"""Errors of masks against the true ones: overlap, distance of the outlines, and length of the feet."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.evaluate import iou

Mask = NDArray[np.bool_]

HEAD, FEET = 0.18, 0.06
"""Parts of the person's height at the top and at the bottom that count as head and as feet."""


@dataclass(frozen=True)
class MaskErrors:
    """Errors of one mask."""

    iou: float
    outline_px: float
    """Mean distance between the outlines, both ways."""
    head_px: float
    """The same at the head."""
    feet_px: float
    """Mean length by which the columns of the feet reach down too far; negative if they end too early."""


def mask_errors(mask: Mask, true: Mask) -> MaskErrors:
    """Compare a mask with the true one. [H, W] each"""
    rows = np.flatnonzero(true.any(1))
    top, bottom = int(rows[0]), int(rows[-1])
    head = np.arange(len(true))[:, None] < top + HEAD * (bottom - top)
    lowest, true_lowest = (len(m) - 1 - np.argmax(m[::-1], 0) for m in (mask, true))
    foot = true.any(0) & mask.any(0) & (true_lowest > bottom - FEET * (bottom - top))
    longer = float((lowest - true_lowest)[foot].mean()) if foot.any() else float("nan")
    return MaskErrors(iou(mask, true), _apart(mask, true, true | True), _apart(mask, true, head), longer)


def _apart(a: Mask, b: Mask, where: Mask) -> float:
    """Return the mean distance of two outlines in a part of the picture, in pixels."""
    lines = [_outline(mask) for mask in (a, b)]
    to_line = [cv2.distanceTransform((~line).astype(np.uint8), cv2.DIST_L2, 5) for line in lines]
    return float(np.mean([far[line & where].mean() for far, line in zip(to_line, lines[::-1], strict=True)]))


def _outline(mask: Mask) -> Mask:
    """Return the mask's pixels beside its background. [H, W]"""
    inside = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=1)
    return np.asarray(mask & (inside == 0))
