"""Optical flow from a rendered view of the textured body to the frame: how far it lies from its place there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
ByteArray = NDArray[np.uint8]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class OpticalFlowConfig:
    """How optical flow is smoothed and judged. Lengths are relative to the person's height in the image.

    The flow itself is OpenCV's dense inverse search with its preset "medium" (Kroeger et al. 2016, section 3). All
    values were chosen by hand.
    """

    min_size_px: int = 32
    """Images with fewer pixels along a side are not compared."""
    window: float = 0.012
    """Standard deviation of the window in which a shift must make the images more alike, in person heights; the flow
    is smoothed over a third of it. A larger one follows less detail, but less noise."""
    max_shift: float = 0.02
    """Shifts of the texture fade out between this length and twice it, in person heights: misalignment is smaller."""
    min_difference: float = 2.0
    """Images that differ by less than this, in grey levels of 255, need no shift."""
    patch: float = 0.008
    """Standard deviation of the patch in which the confidence of a match is judged, in person heights."""
    min_eigenvalue: float = 1.0
    """Smaller eigenvalue of the structure tensor that halves the confidence, in squared grey levels per pixel: that of
    noise (Shi and Tomasi 1994)."""
    max_deviation: float = 12.0
    """Standard deviation of the images' difference that halves the confidence, in grey levels of 255."""


OPTICAL_FLOW = OpticalFlowConfig()


def residual_flow(
    rendered: ByteArray,
    drawn: BoolArray,
    image: ByteArray,
    mask: BoolArray,
    config: OpticalFlowConfig = OPTICAL_FLOW,
) -> FloatArray:
    """Return how far each pixel of a rendered view lies from its place in the frame, in pixels. [h, w, 2]

    A shift counts as far as it makes the two images more alike.

    Args:
        rendered: the body with the mean texture. [h, w, 3]
        drawn: where the body is. [h, w]
        image: the frame. [h, w, 3]
        mask: True on the person in it. [h, w]
        config: smoothing and thresholds.
    """
    source, target, height = _grey(rendered, drawn), _grey(image, mask), max(1, _height_px(drawn) - 1)
    if min(source.shape) < config.min_size_px:
        return np.zeros((*source.shape, 2), np.float32)
    sigma = max(1.0, config.window * height)
    flow = _dense_inverse_search(source, target, sigma / 3)
    both = drawn & mask
    before, after = (_mean_difference(source, other, both, sigma) for other in (target, warp(target, flow)))
    gain = np.clip(1 - after / np.maximum(before, 1e-6), 0, 1) * (before > config.min_difference)
    confidence = cv2.GaussianBlur(np.minimum(2 * gain, 1), (0, 0), sigma)
    length = np.linalg.norm(flow, axis=2)
    confidence *= np.clip(2 - length / (config.max_shift * height), 0, 1)
    return np.asarray(flow * confidence[:, :, None], dtype=np.float32)


def dense_matches(
    rendered: ByteArray,
    drawn: BoolArray,
    image: ByteArray,
    mask: BoolArray,
    config: OpticalFlowConfig = OPTICAL_FLOW,
) -> tuple[FloatArray, FloatArray]:
    """Return how far each pixel of a rendered view lies from its place in the frame, and the confidence in it.

    The confidence is high where the pattern fixes a shift in both directions, and where the images agree after the
    shift but for their brightness.

    Args:
        rendered: the body with the mean texture. [h, w, 3]
        drawn: where the body is. [h, w]
        image: the frame. [h, w, 3]
        mask: True on the person in it. [h, w]
        config: smoothing and thresholds.

    Returns:
        [h, w, 2] pixels, and [h, w] from 0 to 1.
    """
    source, target, height = _grey(rendered, drawn), _grey(image, mask), _height_px(drawn)
    if min(source.shape) < config.min_size_px:
        return np.zeros((*source.shape, 2), np.float32), np.zeros(source.shape, np.float32)
    flow = _dense_inverse_search(source, target, max(0.5, config.window / 3 * height))
    sigma = max(1.0, config.patch * height)
    both = cv2.erode((drawn & mask).astype(np.uint8), np.ones((7, 7)))
    texturedness = _structure(source, both, sigma)
    deviation = _deviation(source, warp(target, flow), both, sigma)
    confidence = texturedness / (texturedness + config.min_eigenvalue)
    confidence *= 1 / (1 + (deviation / config.max_deviation) ** 2)
    return np.asarray(flow, dtype=np.float32), np.asarray(confidence, dtype=np.float32)


def warp(image: NDArray[np.uint8], flow: FloatArray) -> NDArray[np.uint8]:
    """Return the image sampled at each pixel's position plus its flow. [h, w, ...]"""
    row, column = np.mgrid[: flow.shape[0], : flow.shape[1]].astype(np.float32)
    warped = cv2.remap(
        image, column + flow[..., 0], row + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(warped, dtype=np.uint8)


def _dense_inverse_search(source: ByteArray, target: ByteArray, sigma: float) -> FloatArray:
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(source, target, None)
    return np.asarray(cv2.GaussianBlur(flow, (0, 0), sigma), dtype=np.float32)


def _grey(image: ByteArray, inside: BoolArray) -> ByteArray:
    return np.asarray(cv2.copyTo(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), inside.astype(np.uint8)))


def _height_px(drawn: BoolArray) -> int:
    return int(np.ptp(np.flatnonzero(drawn.any(axis=1)))) + 1 if drawn.any() else 1


def _structure(image: ByteArray, inside: ByteArray, sigma: float) -> FloatArray:
    """Return the smaller eigenvalue of the structure tensor around each pixel (Shi and Tomasi 1994). [h, w]"""
    smooth = cv2.GaussianBlur(image, (0, 0), 1).astype(np.float32)
    across, down = (cv2.Sobel(smooth, cv2.CV_32F, *order, scale=1 / 8) for order in ((1, 0), (0, 1)))
    xx, yy, xy = _local_means([across * across, down * down, across * down], inside, sigma)
    return np.asarray((xx + yy) / 2 - np.sqrt((xx - yy) ** 2 / 4 + xy**2), dtype=np.float32)


def _deviation(a: ByteArray, b: ByteArray, inside: ByteArray, sigma: float) -> FloatArray:
    """Return the standard deviation of the difference around each pixel. [h, w]"""
    difference = a.astype(np.float32) - b
    mean, square = _local_means([difference, difference * difference], inside, sigma)
    return np.asarray(np.sqrt(np.maximum(square - mean**2, 0)), dtype=np.float32)


def _mean_difference(a: ByteArray, b: ByteArray, inside: BoolArray, sigma: float) -> FloatArray:
    """Return the mean absolute difference around each pixel. [h, w]"""
    weight = inside.astype(np.float32)
    difference = cv2.GaussianBlur(cv2.absdiff(a, b) * weight, (0, 0), sigma)
    return np.asarray(difference / np.maximum(cv2.GaussianBlur(weight, (0, 0), sigma), 1e-3), dtype=np.float32)


def _local_means(values: Sequence[FloatArray], inside: ByteArray, sigma: float) -> list[FloatArray]:
    """Return the Gaussian-weighted means around each pixel over what is inside; 0 where nothing is. [h, w] each"""
    counted = inside.astype(np.float32)
    stacked = cv2.merge([counted, *(value * counted for value in values)])
    weight, *totals = cv2.split(cv2.GaussianBlur(stacked, (0, 0), sigma))
    return [np.asarray(total / np.maximum(weight, 1e-2), dtype=np.float32) for total in totals]
