"""Texels of an image and those around them: the nearest that is known, and means of the known ones."""

from __future__ import annotations

import math
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]


def nearest_inside(inside: BoolArray) -> IntArray:
    """Return for each pixel the nearest one inside (itself, if it is), as an index into the flattened image. [S, S]"""
    return nearest_of(inside, slice(None)).reshape(inside.shape)


def nearest_of(inside: BoolArray, places: IntArray | slice) -> IntArray:
    """Return the same for some places, which are indices into the flattened image. [n]"""
    if inside.all() or not inside.any():
        return np.arange(inside.size)[places]
    outside = (~inside).astype(np.uint8)
    _, label = cv2.distanceTransformWithLabels(outside, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    own, label = np.flatnonzero(inside), label.ravel()
    index = np.zeros(label.max() + 1, np.int64)
    index[label[own]] = own
    return np.asarray(index[label[places]])


def local_mean(image: FloatArray, known: BoolArray, size: int, radius: float) -> FloatArray:
    """Return the mean of the known texels around each, a fraction of the side away. image [S², C], known [S²]"""
    weight = known.reshape(size, size).astype(np.float32)
    window = (2 * max(1, int(size * radius)) + 1,) * 2
    colour = cv2.blur(image.reshape(size, size, -1) * weight[:, :, None], window).reshape(size, size, -1)
    colour /= np.maximum(cv2.blur(weight, window), 1e-6)[:, :, None]
    return np.asarray(colour.reshape(size * size, -1), dtype=np.float32)


def mean_around(image: FloatArray, known: BoolArray, places: IntArray, radius: float) -> FloatArray:
    """Return what :func:`local_mean` does at n places alone. [n, C]

    image [S², C], known [S²], places are indices into these
    """
    size = math.isqrt(len(image))
    reach = max(1, int(size * radius))
    rows, columns = np.divmod(places, size)
    total, count = np.zeros((len(places), image.shape[1]), np.float32), np.zeros(len(places), np.float32)
    for down, across in product(range(-reach, reach + 1), repeat=2):
        row, column = rows + down, columns + across
        at = row.clip(0, size - 1) * size + column.clip(0, size - 1)
        there = known[at] & (row >= 0) & (row < size) & (column >= 0) & (column < size)
        total += there[:, None] * image[at]
        count += there
    return np.asarray(total / np.maximum(count, 1)[:, None])
