"""A tube of few rings around cubes of space that are hair.

Where a tail hangs free of head and neck, all sides of it are seen. Above, outlines cannot tell it from the hollow
between it and the head: it goes on about as thick as where it is free, as far behind as the cubes say, and bends into
the head. Below, they cannot tell it from what lies beside it on the back: it is no wider, and narrows to its end.
"""

from __future__ import annotations

from dataclasses import dataclass

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
"""Hair reaches so many cubes into the body, and a tail that hangs free is farther from it. By hand."""
FORWARDS = np.array([[[0, 1, 1]]], bool)
"""A cube is added if the one behind it is hair: z looks to the front."""
FINER = 4
"""Outlines of a layer are found on a grid so many times finer. Chosen by hand."""
START = 1.0
"""A ring begins at the rearmost of the places that are nearest to its middle as seen from behind, to so many cubes."""
FEWEST = 4
"""Rings of a tube, at least. Chosen by hand."""
FREE = 6
"""A tail hangs free of head and neck in so many layers that follow one another, at least. Chosen by hand."""
CLOSING = 2
"""The highest of these layers are left out: there the gap closes. Chosen by hand."""
LEAN = 0.5
"""It leans to a side by so much of its height, at most. Chosen by hand."""
NARROWS, TIP = 0.5, 0.3
"""From this share of the way down the back on it narrows, to this share of its width. Chosen by hand."""
BEND_DEG = np.array([22.5, 45.0, 67.5, 90.0])
"""Turns of the rings that lead from the top of a tail to the head."""
TIED = 0.8
"""At the head a tail is so many times as thick as where it is free. Chosen by hand: a band holds it there."""
INTO_HEAD, FARTHEST_HEAD = 2, 8
"""Cubes by which it ends below the surface of the head, and by which that may be before it. Chosen by hand."""


def rings_around(places: FloatArray, hair: BoolArray, body: BoolArray, inside: BoolArray) -> FloatArray | None:
    """Return closed loops around hair from the head down, against the clock as it sees them. [R, AROUND, 3]

    None if the hair is lower than some layers.

    Args:
        places: of the cubes' centres: x, y and z grow along the axes. [X, Y, Z, 3] metres
        hair: which of them are hair. [X, Y, Z]
        body: which are the body, or so near to it that they are not known to be hair. [X, Y, Z]
        inside: which are inside the body. [X, Y, Z]
    """
    tail = _Tail.where_free(hair, body)
    if tail is not None:
        hair = tail.no_wider(hair)
    rooted = hair | (binary_dilation(hair, iterations=ROOT) & inside)
    solid = gaussian_filter(rooted.astype(np.float64), 1.0)
    if tail is not None:  # there it has no root
        solid[:, tail.free[0] :] = gaussian_filter(hair[:, tail.free[0] :].astype(np.float64), 1.0)
    layers = np.flatnonzero(rooted.any((0, 2)))[::-EVERY]  # from the top down
    if tail is not None:
        layers = layers[layers <= tail.top]
    corner, step = places[0, 0, 0], places[1, 0, 0, 0] - places[0, 0, 0, 0]
    loops, heights = [], []
    for layer in layers:
        loop = _outline(solid[:, layer]) if tail is None or layer <= tail.free[1] else tail.outline(layer)
        if loop is not None:
            loops.append(loop)
            heights.append(layer)
    if len(loops) < FEWEST:
        return None
    middles = gaussian_filter1d(np.array([(loop[:, 0].min() + loop[:, 0].max()) / 2 for loop in loops]), 2.0)
    even = np.stack([_evenly(loop, middle) for loop, middle in zip(loops, middles, strict=True)])
    even = gaussian_filter1d(even, 1.0, axis=0, mode="nearest")
    level = np.broadcast_to(np.array(heights, np.float64)[:, None], even.shape[:2])
    rings = np.stack([even[..., 0], level, even[..., 1]], -1)
    if tail is not None:
        rings = np.concatenate([_into_head(rings[0], inside), rings])
    return np.asarray(corner + step * rings)


@dataclass(frozen=True)
class _Tail:
    """A tail where it hangs free of head and neck, and how it goes on from there. Lengths are in cubes."""

    free: tuple[int, int]
    """The lowest and the highest layer in which it is free."""
    top: int
    """The layer from which on it bends into the head."""
    width: float
    depth: float
    middle: FloatArray
    """Its middle from left to right is ``middle[0] + middle[1] * layer``."""
    rear: FloatArray
    """How far behind it reaches in each layer; NaN where there is no hair. [Y]"""
    low: int
    """Its lowest layer."""

    @classmethod
    def where_free(cls, hair: BoolArray, body: BoolArray) -> _Tail | None:
        """Return the tail; None if it lies on head, neck and back all along. [X, Y, Z] each"""
        there = hair.any((0, 2))
        near = (binary_dilation(hair, FORWARDS, ROOT) & body).any((0, 2))
        runs, count = label(there & ~near)
        if not count:
            return None
        longest = np.flatnonzero(runs == np.bincount(runs)[1:].argmax() + 1)
        if len(longest) < FREE:
            return None
        longest = longest[:-CLOSING]
        free = hair[:, longest]
        across, behind = np.asarray(free.any(2)), np.asarray(free.any(0))  # [X, L], [L, Z]
        left, right = across.argmax(0), len(across) - across[::-1].argmax(0)
        rearmost = behind.argmax(1)
        deep = behind.shape[1] - behind[:, ::-1].argmax(1) - rearmost
        lean = np.clip(np.polyfit(longest, (left + right - 1) / 2, 1)[0], -LEAN, LEAN)
        middle = np.array([np.median((left + right - 1) / 2 - lean * longest), lean])
        rear = np.where(there, hair.any(0).argmax(1).astype(np.float64), np.nan)
        layers = np.flatnonzero(there)
        width, depth = float(np.median(right - left)), float(np.median(deep))
        top = max(int(longest[-1]), int(layers[-1] - TIED * depth))
        return cls((int(longest[0]), int(longest[-1])), top, width, depth, middle, rear, int(layers[0]))

    def no_wider(self, hair: BoolArray) -> BoolArray:
        """Return hair that is nowhere wider than the tail where it is free, and narrows to its end. [X, Y, Z]"""
        x, y = np.arange(hair.shape[0]), np.arange(hair.shape[1])
        way = (self.free[0] - y) / max(self.free[0] - self.low, 1)
        share = np.interp(way, [NARROWS, 1.0], [1.0, TIP])
        beside = np.abs(x[:, None] - self.middle[0] - self.middle[1] * y)
        return np.asarray(hair & (beside <= self.width / 2 * share)[..., None])

    def outline(self, layer: int) -> FloatArray | None:
        """Return an ellipse as thick as the tail, as far behind as the hair in a layer, as (x, z). [N, 2]"""
        if np.isnan(self.rear[layer]):
            return None
        angle = np.linspace(0, 2 * np.pi, 4 * AROUND, endpoint=False)
        size = np.interp(layer, [self.free[1], max(self.top, self.free[1] + 1)], [1.0, TIED]) / 2
        x = self.middle[0] + self.middle[1] * layer + size * self.width * np.cos(angle)
        return np.stack([x, self.rear[layer] - 0.5 + size * self.depth * (1 + np.sin(angle))], 1)


def _into_head(ring: FloatArray, inside: BoolArray) -> FloatArray:
    """Return rings that lead from inside the head to the highest ring of a tail, from the head on. [A, 3] → [R, A, 3]

    It turns about its foremost edge, a cube before it so that no triangle vanishes there, until it looks to the front,
    and goes on to below the surface of the head.
    """
    centre, edge = ring.mean(0), ring[:, 2].max() + 1
    behind = edge - centre[2]
    bent = []
    for turn in BEND_DEG:
        angle, away = np.radians(turn), edge - ring[:, 2]
        bent.append(np.stack([ring[:, 0], centre[1] + away * np.sin(angle), edge - away * np.cos(angle)], 1))
    column = inside[
        tuple(np.round([centre[0], centre[1] + behind]).astype(int).clip(0, np.array(inside.shape[:2]) - 1))
    ]
    before = np.flatnonzero(column[max(int(edge), 0) :][: FARTHEST_HEAD + 1])
    far = (before[0] if len(before) else 0) + INTO_HEAD
    straight = [bent[-1] + [0.0, 0.0, forwards] for forwards in np.arange(EVERY, far + EVERY, EVERY)]
    return np.stack([*straight[::-1], *bent[::-1]])


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
