"""One person through the whole clip: who to follow among several, and which side is left."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.points import BODY, COUNT, LEFT_HAND, RIGHT_HAND
from fit_avatar.capture.types import BODY_25_MIRROR

Points = NDArray[np.float32]

GROUPS = {
    "upper": (2, 3, 4, 5, 6, 7, 15, 16, 17, 18),
    "lower": (9, 10, 11, 12, 13, 14, 19, 20, 21, 22, 23, 24),
}
"""Points whose left and right a detector confuses together."""
SEEN = 0.1
"""A point below this confidence is not there."""
MIN_POINTS = 6
"""Fewer points are not a person."""
MAX_STEP = 0.5
"""The followed person moves at most this many body sizes between two frames."""
CAP = 0.25
"""An error of prediction counts up to this part of the body's size."""
SWAP_COST = 0.01
"""Cost of calling a frame swapped: the detector is right unless motion says otherwise."""


def body_size(points: Points) -> float:
    """Return the larger side of the box around the body's seen points, in pixels; 0 if fewer than two are seen.

    Args:
        points: BODY_25, or with face and hands behind it. [25 or 137, 3]
    """
    body = points[BODY]
    seen = body[body[:, 2] > SEEN, :2]
    return float(np.ptp(seen, axis=0).max()) if len(seen) > 1 else 0.0


def is_person(points: Points) -> bool:
    """Return whether enough of the body is seen. points [25 or 137, 3]"""
    return int((points[BODY, 2] > SEEN).sum()) >= MIN_POINTS


def follow(people: Mapping[int, NDArray[np.float32]], indices: Sequence[int]) -> dict[int, Points]:
    """Pick one person: the largest where the clip starts, then whoever is nearest to the last.

    Args:
        people: frame index → everybody in it, with or without face and hands. [P, 25 or 137, 3]
        indices: frames in the order of time.

    Returns:
        Frame index → that person [25 or 137, 3]; frames in which they are not seen are missing.
    """
    track: dict[int, Points] = {}
    last: Points | None = None
    for index in indices:
        candidates = [p for p in people.get(index, ()) if is_person(p)]
        if not candidates:
            continue
        if last is None:
            choice = max(candidates, key=body_size)
        else:
            distances = [_separation(p[BODY], last[BODY]) for p in candidates]
            if min(distances) > MAX_STEP:
                continue
            choice = candidates[int(np.argmin(distances))]
        track[index] = last = choice
    return track


def undo_swaps(keypoints: Points, times: NDArray[np.int64]) -> tuple[Points, NDArray[np.bool_]]:
    """Find frames whose left and right are exchanged, by groups of points, and exchange them back.

    The state (exchanged or not) of all frames is chosen together (Viterbi) so that points move as evenly as possible:
    each is predicted from the two frames before. A constant velocity carries limbs *through* each other where a turning
    person crosses over, which a nearest-neighbour rule would turn into a false exchange.

    Args:
        keypoints: points of one person in the order of time. Hands go with the arms; the points of
            the face stay. [T, 25 or 137, 3]
        times: index of each frame in the video. [T]

    Returns:
        The points, of the same shape, and for each frame and group of ``GROUPS`` whether it was exchanged [T, 2].
    """
    fixed = keypoints.copy()
    swapped = np.zeros((len(keypoints), len(GROUPS)), bool)
    sizes = [s for s in map(body_size, keypoints) if s > 0]
    if len(keypoints) < 3 or not sizes:
        return fixed, swapped
    size = float(np.median(sizes))
    for column, group in enumerate(GROUPS.values()):
        here = list(group)
        mirrored = [BODY_25_MIRROR[i] for i in here]
        choices = np.stack([keypoints[:, here], keypoints[:, mirrored]], 1)  # [T, 2, G, 3]
        swapped[:, column] = _best_states(choices, np.asarray(times, float), size)
        rows = np.flatnonzero(swapped[:, column])
        fixed[rows[:, None], here] = keypoints[rows[:, None], mirrored]
    if keypoints.shape[1] == COUNT:
        rows = np.flatnonzero(swapped[:, list(GROUPS).index("upper")])
        fixed[rows, LEFT_HAND], fixed[rows, RIGHT_HAND] = keypoints[rows, RIGHT_HAND], keypoints[rows, LEFT_HAND]
    return fixed, swapped


def _separation(a: Points, b: Points) -> float:
    both = (a[:, 2] > SEEN) & (b[:, 2] > SEEN)
    size = max(body_size(b), 1.0)
    if not both.any():
        return float(np.linalg.norm(_centre(a) - _centre(b)) / size)
    return float(np.linalg.norm(a[both, :2] - b[both, :2], axis=1).mean() / size)


def _centre(points: Points) -> NDArray[np.float32]:
    return np.asarray(points[points[:, 2] > SEEN, :2].mean(0))


def _best_states(choices: Points, times: NDArray[np.float64], size: float) -> NDArray[np.bool_]:
    """Choose 0 or 1 for each frame by dynamic programming over pairs of neighbouring states. [T]"""
    count = len(choices)
    pairs = list(itertools.product((0, 1), (0, 1)))
    cost = {(a, b): (a + b) * SWAP_COST + _jump(choices[0, a], choices[1, b], size) for a, b in pairs}
    back: list[dict[tuple[int, int], int]] = []
    for t in range(2, count):
        ratio = min((times[t] - times[t - 1]) / max(times[t - 1] - times[t - 2], 1.0), 2.0)
        new: dict[tuple[int, int], float] = {}
        origin: dict[tuple[int, int], int] = {}
        for b, c in pairs:
            options = [
                cost[a, b] + _surprise(choices[t - 2, a], choices[t - 1, b], choices[t, c], ratio, size) for a in (0, 1)
            ]
            origin[b, c] = int(np.argmin(options))
            new[b, c] = options[origin[b, c]] + c * SWAP_COST
        cost = new
        back.append(origin)
    b, c = min(cost, key=lambda pair: cost[pair])
    states = [c, b]
    for origin in reversed(back):
        b, c = origin[b, c], b
        states.append(b)
    return np.array(states[::-1], bool)


def _jump(a: Points, b: Points, size: float) -> float:
    return _weighted(b[:, :2] - a[:, :2], a[:, 2] * b[:, 2], size)


def _surprise(a: Points, b: Points, c: Points, ratio: float, size: float) -> float:
    """Distance of ``c`` from where ``a`` and ``b`` lead; from ``b`` alone where ``a`` is unseen."""
    velocity = np.where((a[:, 2:] > SEEN), b[:, :2] - a[:, :2], 0.0)
    return _weighted(c[:, :2] - b[:, :2] - ratio * velocity, b[:, 2] * c[:, 2], size)


def _weighted(error: NDArray[np.float32], weight: NDArray[np.float32], size: float) -> float:
    distance = np.minimum(np.linalg.norm(error, axis=1) / size, CAP)
    return float((distance * weight).sum() / max(float(weight.sum()), 1e-6)) if weight.sum() > SEEN else 0.0
