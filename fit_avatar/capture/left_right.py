"""Correcting a person's keypoints by the frames around: exchanged left and right, and outliers."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fit_avatar.body.keypoint_sets import BODY_25_MIRROR
from fit_avatar.capture.facing import DEFAULT_FACING, Facing, FacingConfig
from fit_avatar.capture.person import MIN_CONFIDENCE, body_size
from fit_avatar.capture.points import BODY, LEFT_HAND, NUM_POINTS, RIGHT_HAND, Points
from fit_avatar.capture.sections import DEFAULT_SECTIONS, SectionConfig, find_sections

GROUPS = {
    "upper": (2, 3, 4, 5, 6, 7, 15, 16, 17, 18),
    "lower": (9, 10, 11, 12, 13, 14, 19, 20, 21, 22, 23, 24),
}
"""BODY_25 points whose left and right a detector exchanges together."""


@dataclass(frozen=True)
class LeftRightConfig:
    """Settings of the keypoints' correction. Body sizes are as :func:`~fit_avatar.capture.person.body_size` says."""

    window: int = 4
    """Frames of the video on each side in which a point is expected to move little. Chosen by hand."""
    min_window: int = 2
    """Fewer used frames on each side within the window say nothing about a point. Chosen by hand."""
    outlier_distance: float = 0.07
    """A point this far from its median over the window, in body sizes, is an outlier … Chosen by hand."""
    outlier_ratio: float = 6.0
    """… if it is also this many times as far away as in the median frame: at a low frame rate, points move much. Chosen
    by hand."""
    group_majority: float = 0.7
    """If this fraction of those points of a group that can be told apart are exchanged, the whole group is. Chosen by
    hand."""
    max_prediction_error: float = 0.25
    """Bound on the error of a point's predicted position, in body sizes. Chosen by hand."""
    swap_cost: float = 0.001
    """Cost of an exchanged state per frame of the video, in body sizes: detectors are right more often than not. Chosen
    by hand."""
    max_swap_frames: float = 5.0
    """Upper bound on the number of video frames that are charged between two used frames. Chosen by hand."""
    switch_cost: float = 0.01
    """Cost of a change of state, in body sizes: a detector that errs goes on to err. Chosen by hand."""
    max_interval_ratio: float = 2.0
    """Bound on the ratio of two time intervals by which a velocity is extrapolated. Chosen by hand."""
    swapped_fraction: float = 0.25
    """A frame is reported as exchanged if more than this fraction of its seen points were. Chosen by hand."""
    evidence_cost: float = 0.01
    """Cost of a frame whose own evidence is certain to be against the chosen state, in body sizes: less than a wrong
    change of state where left and right are apart, more than one where they cross over. Chosen on benchmark clips."""
    sections: SectionConfig = DEFAULT_SECTIONS
    """Where gaps and cuts are."""
    facing: FacingConfig = DEFAULT_FACING
    """How front and back, left and right are told in single frames."""


DEFAULT_LEFT_RIGHT = LeftRightConfig()


def fix_left_right(
    keypoints: Points, times: NDArray[np.int64], config: LeftRightConfig = DEFAULT_LEFT_RIGHT
) -> tuple[Points, NDArray[np.bool_]]:
    """Exchange left and right where they contradict the frames around, and remove outliers.

    Medians over neighbouring frames correct errors that last a few frames, :func:`undo_left_right_swaps` longer ones.

    Args:
        keypoints: points of one person in temporal order. [T, 25 or 137, 3]
        times: index of each frame in the video. [T]
        config: settings.

    Returns:
        The points, of the same shape, with confidence 0 for outliers; and in which frames left and right of arms or
        legs were exchanged [T].
    """
    fixed = _fix_outliers(keypoints, times, config)
    fixed = _fix_outliers(undo_left_right_swaps(fixed, times, config)[0], times, config)
    body, before = fixed[:, BODY], keypoints[:, BODY]
    seen = body[..., 2] > MIN_CONFIDENCE
    moved = seen & (body != before).any(-1) & (body == before[:, list(BODY_25_MIRROR)]).all(-1)
    return fixed, np.asarray(moved.sum(1) > config.swapped_fraction * seen.sum(1))


def undo_left_right_swaps(
    keypoints: Points, times: NDArray[np.int64], config: LeftRightConfig = DEFAULT_LEFT_RIGHT
) -> tuple[Points, NDArray[np.bool_]]:
    """Find the frames in which a group's left and right are exchanged, and exchange them back.

    The states (exchanged or not) of all frames are chosen together by the Viterbi algorithm (Forney, "The Viterbi
    Algorithm", Proc. IEEE 1973), so that points move as evenly as possible: each is predicted from the two frames
    before. Constant velocity carries limbs through each other where a turning person's left and right cross over,
    where a nearest-neighbour rule would exchange them.

    Movement says nothing across a gap or a cut. There, each side is judged by itself
    (:meth:`Facing.left_right_evidence`), and left as detected where nothing speaks clearly against it.

    Args:
        keypoints: points of one person in temporal order. The hands go with the arms; the points of the face stay.
            [T, 25 or 137, 3]
        times: index of each frame in the video. [T]
        config: settings.

    Returns:
        The points, of the same shape, and for each frame and group of ``GROUPS`` whether it was exchanged [T, 2].
    """
    fixed = keypoints.copy()
    swapped = np.zeros((len(keypoints), len(GROUPS)), bool)
    size = _typical_size(keypoints)
    if len(keypoints) < 3 or size == 0.0:
        return fixed, swapped
    facing = Facing.of(keypoints[:, BODY], size, config.facing)
    evidence = facing.left_right_evidence(keypoints[:, BODY], size)
    sections = find_sections(keypoints[:, BODY], times, size, facing.front, config.sections)
    for column, group in enumerate(GROUPS.values()):
        here = list(group)
        mirrored = [BODY_25_MIRROR[i] for i in here]
        choices = np.stack([keypoints[:, here], keypoints[:, mirrored]], 1)  # [T, 2, G, 3]
        for part in sections:
            swapped[part, column] = _viterbi(choices[part], times[part], evidence[part, column], size, config)
        rows = np.flatnonzero(swapped[:, column])
        fixed[rows[:, None], here] = keypoints[rows[:, None], mirrored]
    if keypoints.shape[1] == NUM_POINTS:
        rows = np.flatnonzero(swapped[:, list(GROUPS).index("upper")])
        fixed[rows, LEFT_HAND], fixed[rows, RIGHT_HAND] = keypoints[rows, RIGHT_HAND], keypoints[rows, LEFT_HAND]
    return fixed, swapped


def _fix_outliers(keypoints: Points, times: NDArray[np.int64], config: LeftRightConfig) -> Points:
    """Exchange points that are where their counterparts are expected, and set other outliers' confidence to 0.

    If most points of a group that can be told apart are exchanged, the whole group is.
    """
    mirror, fixed = list(BODY_25_MIRROR), keypoints.copy()
    body, expected = fixed[:, BODY], _running_median(keypoints[:, BODY], times, config)
    counterpart = body[:, mirror].copy()
    limit = _outlier_limit(body, expected, config)
    outlier = _far_from(body, expected, limit)
    not_mirrored = _far_from(body, expected[:, mirror], limit[mirror])
    counterpart_outlier = _far_from(counterpart, expected, limit)
    exchanged = outlier & ~not_mirrored & ~counterpart_outlier
    for group in map(list, GROUPS.values()):
        told_apart = (outlier | not_mirrored | counterpart_outlier)[:, group].sum(1)
        whole_group = exchanged[:, group].sum(1) > np.maximum(config.group_majority * told_apart, 1)
        exchanged[np.ix_(whole_group, group)] = True
    body[outlier] = 0
    body[exchanged] = counterpart[exchanged]
    return fixed


def _running_median(body: Points, times: NDArray[np.int64], config: LeftRightConfig) -> NDArray[np.float32]:
    """Return each point's median over as many frames before as after, NaN where too few show it.

    [T, 25, 3] → [T, 25, 2]
    """
    positions = np.where(body[..., 2:] > MIN_CONFIDENCE, body[..., :2], np.nan)
    median = np.full(positions.shape, np.nan, np.float32)
    for t, time in enumerate(times):
        first, last = np.searchsorted(times, [time - config.window, time + config.window + 1])
        reach = min(t - first, last - 1 - t)
        if reach >= config.min_window:
            near = positions[t - reach : t + reach + 1]
            seen = np.isfinite(near[..., 0]).sum(0) > reach
            median[t, seen] = np.nanmedian(near[:, seen], 0)
    return median


def _outlier_limit(body: Points, expected: NDArray[np.float32], config: LeftRightConfig) -> NDArray[np.float64]:
    """Return beyond which distance from its median a point is an outlier, in pixels. [25]"""
    distance = np.linalg.norm(body[..., :2] - expected, axis=-1)
    distance[body[..., 2] <= MIN_CONFIDENCE] = np.nan
    known = np.isfinite(distance).any(0)
    usual = np.zeros(distance.shape[1])
    usual[known] = np.nanmedian(distance[:, known], 0)
    smallest = config.outlier_distance * _typical_size(body) or np.inf
    return np.maximum(smallest, config.outlier_ratio * usual)


def _far_from(body: Points, expected: NDArray[np.float32], limit: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which seen points are far from where they are expected, none where that is NaN. [T, 25]"""
    distance = np.linalg.norm(body[..., :2] - expected, axis=-1)
    return np.asarray((distance > limit) & (body[..., 2] > MIN_CONFIDENCE))


def _typical_size(keypoints: Points) -> float:
    """Return the median body size in those of the frames [T, 25 or 137, 3] that show the person, 0 if none does."""
    sizes = [size for size in map(body_size, keypoints) if size > 0]
    return float(np.median(sizes)) if sizes else 0.0


def _viterbi(
    choices: Points, times: NDArray[np.int64], evidence: NDArray[np.float64], size: float, config: LeftRightConfig
) -> NDArray[np.bool_]:
    """Choose state 0 or 1 for each frame by dynamic programming over pairs of neighbouring states. [T]

    Args:
        choices: a group's points in each frame as detected, and with left and right exchanged. [T, 2, G, 3]
        times: index of each frame in the video. [T]
        evidence: of each frame, for state 0 (1) or against it (−1). [T]
        size: of the body, in pixels.
        config: settings.
    """
    if len(choices) < 3:
        return np.zeros(len(choices), bool)
    interval = np.diff(times, prepend=times[0] - 1).astype(float)
    state_cost = config.evidence_cost * np.maximum(np.stack([-evidence, evidence], 1), 0.0)
    state_cost[:, 1] += config.swap_cost * np.minimum(interval, config.max_swap_frames)
    pairs = list(itertools.product((0, 1), (0, 1)))
    cost = {
        (a, b): state_cost[0, a]
        + state_cost[1, b]
        + (a != b) * config.switch_cost
        + _static_error(choices[0, a], choices[1, b], size, config)
        for a, b in pairs
    }
    history: list[dict[tuple[int, int], int]] = []
    for t in range(2, len(choices)):
        ratio = min(interval[t] / max(interval[t - 1], 1.0), config.max_interval_ratio)
        best: dict[tuple[int, int], float] = {}
        origin: dict[tuple[int, int], int] = {}
        for b, c in pairs:
            options = [
                cost[a, b] + _velocity_error(choices[t - 2, a], choices[t - 1, b], choices[t, c], ratio, size, config)
                for a in (0, 1)
            ]
            origin[b, c] = int(np.argmin(options))
            best[b, c] = options[origin[b, c]] + state_cost[t, c] + (b != c) * config.switch_cost
        cost = best
        history.append(origin)
    b, c = min(cost, key=lambda pair: cost[pair])
    states = [c, b]
    for origin in reversed(history):
        b, c = origin[b, c], b
        states.append(b)
    return np.array(states[::-1], bool)


def _static_error(a: Points, b: Points, size: float, config: LeftRightConfig) -> float:
    """Return the distance of ``b`` from ``a``, in body sizes."""
    return _mean_error(b[:, :2] - a[:, :2], a[:, 2] * b[:, 2], size, config)


def _velocity_error(a: Points, b: Points, c: Points, ratio: float, size: float, config: LeftRightConfig) -> float:
    """Return the distance of ``c`` from the extrapolation of ``a`` and ``b`` (of ``b`` alone where ``a`` is unseen)."""
    velocity = np.where((a[:, 2:] > MIN_CONFIDENCE), b[:, :2] - a[:, :2], 0.0)
    error = np.asarray(c[:, :2] - b[:, :2] - ratio * velocity, np.float32)
    return _mean_error(error, b[:, 2] * c[:, 2], size, config)


def _mean_error(error: NDArray[np.float32], weight: NDArray[np.float32], size: float, config: LeftRightConfig) -> float:
    """Return the weighted mean length of errors [G, 2] in pixels, each truncated, in body sizes."""
    if weight.sum() <= MIN_CONFIDENCE:
        return 0.0
    distance = np.minimum(np.linalg.norm(error, axis=1) / size, config.max_prediction_error)
    return float((distance * weight).sum() / max(float(weight.sum()), 1e-6))
