"""Placing a mask's boundary with sub-mask accuracy: where a pixel mixes person and background half and half."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.types import Image, Mask


@dataclass(frozen=True)
class EdgeConfig:
    """Settings of the boundary's refinement."""

    colour_window: int = 4
    """Side of the window in which the colours of person and background are averaged, in half-widths of the band. It is
    small, because skin gets paler towards the silhouette. Chosen by hand."""
    min_window_pixels: float = 2.0
    """A window must hold more pixels than this for its mean colour to count. Chosen by hand."""
    contrast: float = 10.0
    """Difference between the two colours, in grey levels, at which their mixing ratio weighs as much as the score.
    Chosen by hand."""
    background_inside: float = 0.09
    """Part of the background in the colours just inside the boundary, which are blurred by lens and codec. Measured on
    two rendered clips with true masks; those of benchmarks/motions.py confirm it."""
    blur_sigma_px: float = 0.55
    """Standard deviation of the blur of the mixing ratio before it is thresholded, in pixels. Chosen by hand."""


DEFAULT_EDGE = EdgeConfig()


def refine_edge(
    frame: Image,
    score: NDArray[np.float32],
    plate: Image | None,
    known: Mask | None,
    reach: int,
    config: EdgeConfig = DEFAULT_EDGE,
    floor: NDArray[np.float32] | None = None,
    doubtful: Mask | None = None,
) -> Mask:
    """Move a mask's boundary to where person and background mix in equal parts.

    A pixel on the boundary is a mixture c = α·person + (1 − α)·background. The person's colour is the mean just inside
    the boundary; the background's is the clean plate's, or else the mean just outside, which also counts on the floor:
    in the shadow of the feet it has not the clean plate's colour. Where the two colours are alike, the score decides.

    Args:
        frame: BGR crop. [h, w, 3]
        score: log odds of the person. [h, w]
        plate: the clean plate, if there is one. [h, w, 3]
        known: where the clean plate is known. [h, w]
        reach: half-width of the band around the boundary, in pixels; the boundary moves no further.
        config: settings.
        floor: to what degree each row shows the floor at the person's feet, 0..1; ``None``: no row does. [h]
        doubtful: pixels that alone look like the background, though their surroundings are the person's: gaps between
            fingers. Those and their neighbours are decided like the band, where the clean plate is known. [h, w]

    Returns:
        The mask. [h, w]
    """
    coarse = (score > 0).astype(np.uint8)
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    inside, outside = cv2.erode(coarse, disk), 1 - cv2.dilate(coarse, disk)
    band = (inside + outside) == 0
    if doubtful is not None and known is not None:
        gaps = cv2.dilate((doubtful & known).astype(np.uint8), np.ones((3, 3), np.uint8)) & coarse
        band |= gaps > 0
        inside &= 1 - gaps
    person, has_person = _local_mean(frame, inside, band, reach, config)
    background, has_background = _local_mean(frame, outside, band, reach, config)
    if plate is not None and known is not None:
        shadowed = np.zeros(len(background)) if floor is None else floor[np.nonzero(band)[0]] * has_background
        part = np.where(known[band], 1.0 - shadowed, 0.0).astype(np.float32)[:, None]
        background = part * plate[band] + (1.0 - part) * background
        has_background |= known[band]
    difference = person - background
    contrast = np.einsum("ij,ij->i", difference, difference)
    alpha = np.einsum("ij,ij->i", frame[band] - background, difference) / np.maximum(contrast, 1.0)
    alpha *= 1.0 - config.background_inside
    confidence = has_person * has_background * contrast / (contrast + config.contrast**2)
    mixture = coarse.astype(np.float32)
    mixture[band] = confidence * np.clip(alpha, 0.0, 1.0) + (1.0 - confidence) * (0.5 + 0.5 * np.tanh(score[band]))
    return np.asarray(cv2.GaussianBlur(mixture, (3, 3), config.blur_sigma_px) > 0.5)


def _local_mean(
    frame: Image, region: NDArray[np.uint8], band: Mask, reach: int, config: EdgeConfig
) -> tuple[NDArray[np.float32], Mask]:
    """Return the mean colour of a region in a window around each of the band's pixels [N, 3], if it counts [N]."""
    window = (config.colour_window * reach - 1,) * 2
    count = cv2.boxFilter(region, cv2.CV_32F, window, normalize=False)[band]
    total = cv2.boxFilter(cv2.copyTo(frame, region), cv2.CV_32F, window, normalize=False)[band]
    return np.asarray(total / np.maximum(count, 1.0)[:, None]), np.asarray(count > config.min_window_pixels)
