"""One person through the whole clip: who to follow among several, and which side is left."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from fit_avatar.body.keypoint_sets import BODY_25_MIRROR
from fit_avatar.capture.points import BODY, COUNT, LEFT_HAND, RIGHT_HAND

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
FORGET = 60
"""Somebody unseen for so many frames who comes back is followed afresh."""
RETURN, ALIKE = 3, 0.6
"""The followed person may leave and come back: for at least this many frames, and not smaller than this part."""
REACH = 4
"""Frames on each side in which a point is expected to move little."""
MOST = 0.7
"""If this part of a group's points are exchanged, the whole group is."""
STRAY = 0.07
"""A point this many body sizes from the median of its neighbours in time is a mistake …"""
UNUSUAL = 6.0
"""… if it is also this many times as far from it as usual: in few frames a second, points move much."""
RIVAL = 0.7
"""Somebody else of at least this part of the followed person's size might be meant as well …"""
APART = 0.2
"""… if their points are this many body sizes away: detectors find some people twice."""
CAP = 0.25
"""An error of prediction counts up to this part of the body's size."""
SWAP_COST = 0.001
"""Cost of calling a frame swapped, per frame of the video: the detector is right more often than not."""
CHANGE_COST = 0.01
"""Cost of a swap that begins or ends: a detector that errs goes on erring, unless motion says otherwise."""


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


def track_person(people: Mapping[int, NDArray[np.float32]], indices: Sequence[int]) -> dict[int, Points]:
    """Pick one person: whoever is seen largest and longest. One who leaves and comes back is the same person.

    Args:
        people: frame index → everybody in it, with or without face and hands. [P, 25 or 137, 3]
        indices: frames in the order of time.

    Returns:
        Frame index → that person [25 or 137, 3]; frames in which they are not seen are missing.
    """
    tracks = _tracks(people, indices)
    if not tracks:
        return {}
    first, *others = sorted(tracks, key=lambda track: -sum(map(body_size, track.values())))
    usual = np.median([body_size(p) for p in first.values()])
    followed = dict(first)
    for track in others:
        alike = np.median([body_size(p) for p in track.values()]) >= ALIKE * usual
        if alike and len(track) >= RETURN and not track.keys() & followed.keys():
            followed |= track
    return dict(sorted(followed.items()))


def rivals(people: Mapping[int, NDArray[np.float32]], track: Mapping[int, Points]) -> dict[int, Points]:
    """Return the largest other person of each frame in which somebody beside the followed one is about as large.

    Args:
        people: frame index → everybody in it. [P, 25 or 137, 3]
        track: frame index → the followed person, as :func:`track_person` finds them.
    """

    def rival(other: Points, followed: Points) -> bool:
        large = is_person(other) and body_size(other) >= RIVAL * body_size(followed)
        return large and _separation(other[BODY], followed[BODY]) > APART

    found = {index: [p for p in people[index] if rival(p, followed)] for index, followed in track.items()}
    return {index: max(others, key=body_size) for index, others in found.items() if others}


def _tracks(people: Mapping[int, NDArray[np.float32]], indices: Sequence[int]) -> list[dict[int, Points]]:
    """Return everybody's way through the clip: from frame to frame, the nearest belong together."""
    finished: list[dict[int, Points]] = []
    tracks: list[dict[int, Points]] = []
    for order, index in enumerate(indices):
        recent = set(indices[max(0, order - FORGET) : order])
        finished += [track for track in tracks if _last(track) not in recent]
        tracks = [track for track in tracks if _last(track) in recent]
        candidates = [p for p in people.get(index, ()) if is_person(p)]
        pairs = sorted(
            (_separation(p[BODY], track[_last(track)][BODY]), c, t)
            for c, p in enumerate(candidates)
            for t, track in enumerate(tracks)
        )
        open_candidates, open_tracks = set(range(len(candidates))), set(range(len(tracks)))
        for distance, c, t in pairs:
            if distance <= MAX_STEP and c in open_candidates and t in open_tracks:
                tracks[t][index] = candidates[c]
                open_candidates.remove(c)
                open_tracks.remove(t)
        tracks += [{index: candidates[c]} for c in sorted(open_candidates)]
    return finished + tracks


def _last(track: dict[int, Points]) -> int:
    return next(reversed(track))


def fix_left_right(keypoints: Points, times: NDArray[np.int64]) -> tuple[Points, NDArray[np.bool_]]:
    """Put right what contradicts the frames around: exchanged sides, single exchanged points, and points gone astray.

    Medians over neighbouring frames put right what errs now and then, :func:`undo_swaps` what errs for long.

    Args:
        keypoints: points of one person in the order of time. [T, 25 or 137, 3]
        times: index of each frame in the video. [T]

    Returns:
        The points, of the same shape; those that are astray have confidence 0. And whether left and right of a
        frame's arms or legs were exchanged [T].
    """
    fixed = _agreeing(undo_swaps(_agreeing(keypoints, times), times)[0], times)
    body, before = fixed[:, BODY], keypoints[:, BODY]
    shown = body[..., 2] > SEEN
    moved = shown & (body != before).any(-1) & (body == before[:, list(BODY_25_MIRROR)]).all(-1)
    return fixed, np.asarray(moved.sum(1) > shown.sum(1) / 4)


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


def _agreeing(keypoints: Points, times: NDArray[np.int64]) -> Points:
    """Exchange points that are where their counterparts usually are, and take the confidence of those gone astray.

    If most points of a group that can be told apart are exchanged, the others are, too.
    """
    mirror, fixed = list(BODY_25_MIRROR), keypoints.copy()
    body, around = fixed[:, BODY], _usual_places(keypoints[:, BODY], times)
    counterpart = body[:, mirror].copy()
    limit = _usual_motion(body, around)
    astray, elsewhere = _apart(body, around, limit), _apart(body, around[:, mirror], limit[mirror])
    others_astray = _apart(counterpart, around, limit)
    exchanged = astray & ~elsewhere & ~others_astray
    for group in map(list, GROUPS.values()):
        telling = (astray | elsewhere | others_astray)[:, group].sum(1)
        whole_group = exchanged[:, group].sum(1) > np.maximum(MOST * telling, 1)
        exchanged[np.ix_(whole_group, group)] = True
    body[astray] = 0
    body[exchanged] = counterpart[exchanged]
    return fixed


def _usual_places(body: Points, times: NDArray[np.int64]) -> Points:
    """Return each point's median over as many frames before as after, NaN where too few show it.

    [T, 25, 3] → [T, 25, 2]
    """
    places = np.where(body[..., 2:] > SEEN, body[..., :2], np.nan)
    usual = np.full(places.shape, np.nan, np.float32)
    for t, time in enumerate(times):
        first, last = np.searchsorted(times, [time - REACH, time + REACH + 1])
        reach = min(t - first, last - 1 - t)
        if reach >= 2:
            near = places[t - reach : t + reach + 1]
            shown = np.isfinite(near[..., 0]).sum(0) > reach
            usual[t, shown] = np.nanmedian(near[:, shown], 0)
    return usual


def _usual_motion(body: Points, around: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return how far each point may be from its usual place: farther where it moves much between frames. [25]"""
    distance = np.linalg.norm(body[..., :2] - around, axis=-1)
    distance[body[..., 2] <= SEEN] = np.nan
    known = np.isfinite(distance).any(0)
    usual = np.zeros(distance.shape[1])
    usual[known] = np.nanmedian(distance[:, known], 0)
    sizes = [size for size in map(body_size, body) if size > 0]
    return np.maximum(STRAY * float(np.median(sizes)) if sizes else np.inf, UNUSUAL * usual)


def _apart(body: Points, places: NDArray[np.float32], limit: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which seen points are far from where they are expected; nothing is expected at NaN. [T, 25]"""
    distance = np.linalg.norm(body[..., :2] - places, axis=-1)
    return np.asarray((distance > limit) & (body[..., 2] > SEEN))


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
    cost = {
        (a, b): (a + b) * SWAP_COST + (a != b) * CHANGE_COST + _jump(choices[0, a], choices[1, b], size)
        for a, b in pairs
    }
    back: list[dict[tuple[int, int], int]] = []
    for t in range(2, count):
        rare = SWAP_COST * min(times[t] - times[t - 1], 5.0)
        ratio = min((times[t] - times[t - 1]) / max(times[t - 1] - times[t - 2], 1.0), 2.0)
        new: dict[tuple[int, int], float] = {}
        origin: dict[tuple[int, int], int] = {}
        for b, c in pairs:
            options = [
                cost[a, b] + _surprise(choices[t - 2, a], choices[t - 1, b], choices[t, c], ratio, size) for a in (0, 1)
            ]
            origin[b, c] = int(np.argmin(options))
            new[b, c] = options[origin[b, c]] + c * rare + (b != c) * CHANGE_COST
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
