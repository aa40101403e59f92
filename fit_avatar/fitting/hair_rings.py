"""A tube of few rings around cubes of space that are hair."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, gaussian_filter, gaussian_filter1d, label

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

AROUND = 40
"""Vertices of a ring: every 4 mm of a ponytail, and every 25 mm of hair that covers the back. Chosen by hand."""
EVERY = 2
"""A ring for every so many layers of cubes. Chosen by hand."""
ROOT = 3
"""Hair reaches so many cubes forwards into what is the person's: head or back, from which it is seen. By hand."""
FORWARDS = np.array([[[1, 1, 0]]], bool)
"""A cube is added if the one behind it is hair: z looks to the front."""
FINER = 4
"""Outlines of a layer are found on a grid so many times finer. Chosen by hand."""
START = 1.0
"""A ring begins at the rearmost of the places that are nearest to its middle as seen from behind, to so many cubes."""
FEWEST = 4
"""Rings of a tube, at least. Chosen by hand."""


def rings_around(places: FloatArray, hair: BoolArray, body: BoolArray, inside: BoolArray) -> FloatArray | None:
    """Return closed loops around hair from the top down, seen from above against the clock. [R, AROUND, 3]

    None if the hair is lower than some layers.

    Args:
        places: of the cubes' centres: x, y and z grow along the axes. [X, Y, Z, 3] metres
        hair: which of them are hair. [X, Y, Z]
        body: which are the body, or so near to it that they are not known to be hair. [X, Y, Z]
        inside: which are inside the body. [X, Y, Z]
    """
    touching = hair | (binary_dilation(hair, FORWARDS, ROOT) & body)
    rooted = touching | (binary_dilation(touching, iterations=ROOT) & inside)
    solid = gaussian_filter(rooted.astype(np.float64), 1.0)
    layers = np.flatnonzero(rooted.any((0, 2)))[::-EVERY]  # from the top down
    corner, step = places[0, 0, 0], places[1, 0, 0, 0] - places[0, 0, 0, 0]
    loops, heights = [], []
    for layer in layers:
        loop = _outline(solid[:, layer])
        if loop is not None:
            loops.append(loop)
            heights.append(places[0, layer, 0, 1])
    if len(loops) < FEWEST:
        return None
    middles = gaussian_filter1d(np.array([(loop[:, 0].min() + loop[:, 0].max()) / 2 for loop in loops]), 2.0)
    even = np.stack([_evenly(loop, middle) for loop, middle in zip(loops, middles, strict=True)])
    even = corner[[0, 2]] + step * gaussian_filter1d(even, 1.0, axis=0, mode="nearest")
    level = np.broadcast_to(np.array(heights)[:, None], even.shape[:2])
    return np.stack([even[..., 0], level, even[..., 1]], -1)


def _outline(solid: FloatArray) -> FloatArray | None:
    """Return the outline of the largest piece of a layer [X, Z], in cubes, as (x, z). [N, 2]"""
    fine = cv2.resize(solid, None, fx=FINER, fy=FINER, interpolation=cv2.INTER_LINEAR) > 0.5
    pieces, count = label(fine)
    if not count:
        return None
    largest = np.bincount(pieces.ravel())[1:].argmax() + 1
    found, _ = cv2.findContours((pieces == largest).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    loop = max(found, key=len)[:, 0, ::-1].astype(np.float64)  # columns are z
    return (loop + 0.5) / FINER - 0.5 if len(loop) > 8 else None


def _evenly(loop: FloatArray, middle: float) -> FloatArray:
    """Return points at even distances on a loop, against the clock from the rearmost one at some x. [N, 2] → [A, 2]"""
    after = np.roll(loop, -1, 0)
    area = (loop[:, 0] * after[:, 1] - after[:, 0] * loop[:, 1]).sum()
    if area > 0:  # x to the right and z down the page: against the clock is negative
        loop = loop[::-1]
    aside = np.abs(loop[:, 0] - middle)
    start = np.where(aside < aside.min() + START, loop[:, 1], np.inf).argmin()
    loop = np.roll(loop, -start, 0)
    loop = gaussian_filter1d(loop, FINER / 2, axis=0, mode="wrap")
    ring = np.concatenate([loop, loop[:1]])
    along = np.r_[0, np.linalg.norm(np.diff(ring, axis=0), axis=1).cumsum()]
    wanted = np.linspace(0, along[-1], AROUND, endpoint=False)
    return np.stack([np.interp(wanted, along, ring[:, i]) for i in range(2)], 1)
