"""A few pixels of misfit undone: where a picture shows what the texture so far puts elsewhere."""

from __future__ import annotations

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
    if min(ours.shape) < 32:
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


def move(image: NDArray[np.uint8], flow: FloatArray) -> NDArray[np.uint8]:
    """Return the image read at each pixel's place plus its flow. [h, w, ...]"""
    row, column = np.mgrid[: flow.shape[0], : flow.shape[1]].astype(np.float32)
    moved = cv2.remap(
        image, column + flow[..., 0], row + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, dtype=np.uint8)


def _grey(image: ByteArray, inside: BoolArray) -> ByteArray:
    return np.where(inside, cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), 0).astype(np.uint8)


def _misfit(a: ByteArray, b: ByteArray, inside: BoolArray, sigma: float) -> FloatArray:
    """Return the mean absolute difference around each pixel. [h, w]"""
    weight = inside.astype(np.float32)
    difference = cv2.GaussianBlur(cv2.absdiff(a, b) * weight, (0, 0), sigma)
    return np.asarray(difference / np.maximum(cv2.GaussianBlur(weight, (0, 0), sigma), 1e-3), dtype=np.float32)
