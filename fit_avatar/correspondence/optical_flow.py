"""A few pixels of misfit undone: where a picture shows what the texture so far puts elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
ByteArray = NDArray[np.uint8]
BoolArray = NDArray[np.bool_]

MAX_SHIFT = 0.02
"""Longest believable shift, in person heights."""
WINDOW = 0.012
"""Standard deviation of the window in which a shift must bring the pictures closer, in person heights."""
NOISE = 2.0
"""A difference of this many grey levels is none."""
SMALLEST = 32
"""Pictures with fewer pixels along a side are not compared."""
PATCH = 0.008
"""Standard deviation of the surroundings from which the trust in a shift is told, in person heights."""
PLAIN = 1.0
"""Square of a gradient, in grey levels per pixel, that could as well be noise."""
DIFFERENT = 12.0
"""Grey levels by which what agrees may differ."""


def displacement(rendered: ByteArray, seen: BoolArray, picture: ByteArray, mask: BoolArray) -> FloatArray:
    """Return how far each pixel of a rendered view lies from its place in the picture, in pixels. [h, w, 2]

    Dense inverse search (Kroeger et al. 2016); a shift counts as far as it brings the two pictures closer.

    Args:
        rendered: the body with a first texture. [h, w, 3]
        seen: where the body is. [h, w]
        picture: the true frame. [h, w, 3]
        mask: True on the person in it. [h, w]
    """
    height = max(1, int(np.ptp(np.flatnonzero(seen.any(axis=1)))) if seen.any() else 1)
    ours = _grey(rendered, seen)
    theirs = _grey(picture, mask)
    if min(ours.shape) < SMALLEST:
        return np.zeros((*ours.shape, 2), np.float32)
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow = search.calc(ours, theirs, None)
    sigma = max(1.0, WINDOW * height)
    flow = cv2.GaussianBlur(flow, (0, 0), sigma / 3)
    before = _misfit(ours, theirs, seen & mask, sigma)
    after = _misfit(ours, move(theirs, flow), seen & mask, sigma)
    gain = np.clip(1 - after / np.maximum(before, 1e-6), 0, 1) * (before > NOISE)
    share = cv2.GaussianBlur(np.minimum(2 * gain, 1), (0, 0), sigma)
    length = np.linalg.norm(flow, axis=2)
    share *= np.clip(2 - length / (MAX_SHIFT * height), 0, 1)
    return np.asarray(flow * share[:, :, None], dtype=np.float32)


def search(rendered: ByteArray, seen: BoolArray, picture: ByteArray, mask: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Return how far each pixel of a rendered view lies from its place in the picture, and the trust in it.

    It is trusted where there is a pattern in both directions, and where the pictures agree after the shift but for
    their brightness.

    Args:
        rendered: the body with a first texture. [h, w, 3]
        seen: where the body is. [h, w]
        picture: the true frame. [h, w, 3]
        mask: True on the person in it. [h, w]

    Returns:
        [h, w, 2] pixels, and [h, w] from 0 to 1.
    """
    ours, theirs = _grey(rendered, seen), _grey(picture, mask)
    if min(ours.shape) < SMALLEST:
        return np.zeros((*ours.shape, 2), np.float32), np.zeros(ours.shape, np.float32)
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(ours, theirs, None)
    height = int(np.ptp(np.flatnonzero(seen.any(axis=1)))) + 1 if seen.any() else 1
    flow = cv2.GaussianBlur(flow, (0, 0), max(0.5, WINDOW / 3 * height))
    sigma = max(1.0, PATCH * height)
    both = cv2.erode((seen & mask).astype(np.uint8), np.ones((7, 7)))
    trust = _pattern(ours, both, sigma)
    trust *= 1 / (1 + (_difference(ours, move(theirs, flow), both, sigma) / DIFFERENT) ** 2)
    return np.asarray(flow, dtype=np.float32), np.asarray(trust, dtype=np.float32)


def move(image: NDArray[np.uint8], flow: FloatArray) -> NDArray[np.uint8]:
    """Return the image read at each pixel's place plus its flow. [h, w, ...]"""
    row, column = np.mgrid[: flow.shape[0], : flow.shape[1]].astype(np.float32)
    moved = cv2.remap(
        image, column + flow[..., 0], row + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, dtype=np.uint8)


def _grey(image: ByteArray, inside: BoolArray) -> ByteArray:
    return np.where(inside, cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), 0).astype(np.uint8)


def _pattern(image: ByteArray, inside: ByteArray, sigma: float) -> FloatArray:
    """Return how well a shift can be told around each pixel, from 0 to 1. [h, w]

    It is the smaller eigenvalue of the mean square of the gradient (Shi and Tomasi 1994), against that of noise.
    """
    smooth = cv2.GaussianBlur(image, (0, 0), 1).astype(np.float32)
    across, down = (cv2.Sobel(smooth, cv2.CV_32F, *order, scale=1 / 8) for order in ((1, 0), (0, 1)))
    xx, yy, xy = _around([across * across, down * down, across * down], inside, sigma)
    least = (xx + yy) / 2 - np.sqrt((xx - yy) ** 2 / 4 + xy**2)
    return np.asarray(least / (least + PLAIN), dtype=np.float32)


def _difference(a: ByteArray, b: ByteArray, inside: ByteArray, sigma: float) -> FloatArray:
    """Return the standard deviation of the difference around each pixel. [h, w]"""
    apart = a.astype(np.float32) - b
    mean, square = _around([apart, apart * apart], inside, sigma)
    return np.asarray(np.sqrt(np.maximum(square - mean**2, 0)), dtype=np.float32)


def _around(values: Sequence[FloatArray], inside: ByteArray, sigma: float) -> list[FloatArray]:
    """Return the means around each pixel of what is inside; 0 where nothing is. [h, w] each"""
    stacked = np.stack([np.ones_like(values[0]), *values], axis=-1) * inside[..., None]
    weight, *totals = cv2.split(cv2.GaussianBlur(stacked, (0, 0), sigma))
    return [np.asarray(total / np.maximum(weight, 1e-2), dtype=np.float32) for total in totals]


def _misfit(a: ByteArray, b: ByteArray, inside: BoolArray, sigma: float) -> FloatArray:
    """Return the mean absolute difference around each pixel. [h, w]"""
    weight = inside.astype(np.float32)
    difference = cv2.GaussianBlur(cv2.absdiff(a, b) * weight, (0, 0), sigma)
    return np.asarray(difference / np.maximum(cv2.GaussianBlur(weight, (0, 0), sigma), 1e-3), dtype=np.float32)
