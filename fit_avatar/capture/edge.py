"""The last two pixels: the boundary put where a pixel is half person, half background."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

NEARBY = 4
"""Colours are averaged in a window of about this many half-widths of the band: skin pales towards its rim."""
CONTRAST = 20.0
"""Difference of the two colours (grey levels) at which mixing is trusted as much as the score."""


def sharpen(
    frame: NDArray[np.uint8],
    score: NDArray[np.float32],
    plate: NDArray[np.uint8] | None,
    known: Mask | None,
    reach: int,
) -> Mask:
    """Move a mask's boundary to where the mixing ratio of person and background is one half.

    A pixel on the boundary mixes both colours, c = α·person + (1 − α)·background. The person's colour is the mean
    just inside, the background's is the clean plate's or the mean just outside; where they are alike, the score
    decides.

    Args:
        frame: BGR crop. [h, w, 3]
        score: log odds of the person. [h, w]
        plate: the background's colours, if there are any. [h, w, 3]
        known: where the plate holds. [h, w]
        reach: half-width of the band around the boundary, in pixels; the boundary moves no further.

    Returns:
        The mask. [h, w]
    """
    binary = (score > 0).astype(np.uint8)
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    inside, outside = cv2.erode(binary, disk), 1 - cv2.dilate(binary, disk)
    band = (inside + outside) == 0
    side = NEARBY * reach - 1
    person, has_person = _mean_nearby(frame, inside, band, side)
    behind, has_behind = _mean_nearby(frame, outside, band, side)
    if plate is not None and known is not None:
        behind = np.where(known[band, None], plate[band], behind)
        has_behind |= known[band]
    difference = person - behind
    contrast = np.einsum("ij,ij->i", difference, difference)
    alpha = np.einsum("ij,ij->i", frame[band] - behind, difference) / np.maximum(contrast, 1.0)
    trust = has_person * has_behind * contrast / (contrast + CONTRAST**2)
    mixed = binary.astype(np.float32)
    mixed[band] = trust * np.clip(alpha, 0.0, 1.0) + (1.0 - trust) * (0.5 + 0.5 * np.tanh(score[band]))
    return np.asarray(cv2.GaussianBlur(mixed, (3, 3), 0.7) > 0.5)


def _mean_nearby(
    frame: NDArray[np.uint8], where: NDArray[np.uint8], band: Mask, side: int
) -> tuple[NDArray[np.float32], Mask]:
    """Mean colour of the marked pixels in a window around each pixel of the band, and whether there are any."""
    shape = (side, side)
    count = cv2.boxFilter(where, cv2.CV_32F, shape, normalize=False)[band]
    total = cv2.boxFilter(cv2.copyTo(frame, where), cv2.CV_32F, shape, normalize=False)[band]
    return np.asarray(total / np.maximum(count, 1.0)[:, None]), np.asarray(count > 2.0)
