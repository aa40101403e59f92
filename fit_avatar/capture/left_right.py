"""Exchanged left and right of a person's keypoints, found by the frames around and by each frame's own evidence."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fit_avatar.body.keypoint_sets import BODY_25_MIRROR
from fit_avatar.capture.facing import DEFAULT_FACING, Facing, FacingConfig
from fit_avatar.capture.outliers import DEFAULT_OUTLIERS, OutlierConfig, fix_outliers, typical_size
from fit_avatar.capture.person import MIN_CONFIDENCE
from fit_avatar.capture.points import BODY, LEFT_HAND, NUM_POINTS, RIGHT_HAND, Points
from fit_avatar.capture.sections import DEFAULT_SECTIONS, SectionConfig, find_sections

GROUPS = {
    "upper": (2, 3, 4, 5, 6, 7, 15, 16, 17, 18),
    "lower": (9, 10, 11, 12, 13, 14, 19, 20, 21, 22, 23, 24),
}
"""BODY_25 points whose left and right a detector exchanges together."""
_STATES = np.array(list(itertools.product((0, 1), repeat=len(GROUPS))))
"""Which groups are exchanged in each state of a frame. [S, 2]"""


@dataclass(frozen=True)
class LeftRightConfig:
    """Settings of the keypoints' correction. Body sizes are as :func:`~fit_avatar.capture.person.body_size` says."""

    max_prediction_error: float = 0.25
    """Bound on the error of a point's predicted position, in body sizes. Chosen by hand."""
    swap_cost: float = 0.03
    """Cost of an exchanged state per second, in body sizes: detectors are right more often than not. Chosen by
    hand."""
    max_swap_s: float = 0.17
    """Upper bound on the time that is charged between two used frames. Chosen by hand."""
    switch_cost: float = 0.01
    """Least cost of a change of state, in body sizes: a detector that errs goes on to err. Chosen by hand."""
    noise_ratio: float = 2.0
    """A change of state costs at least this many times the error of the best predictions around it: where limbs move
    fast, movement tells little about left and right. Chosen on benchmark clips."""
    noise_window: int = 8
    """Frames on each side in which that error is measured. Chosen by hand."""
    twist_cost: float = 0.03
    """Cost of a frame whose hips would face the other way than its shoulders, both seen broad. Chosen by hand."""
    max_interval_ratio: float = 2.0
    """Bound on the ratio of two time intervals by which a velocity is extrapolated. Chosen by hand."""
    swapped_fraction: float = 0.25
    """A frame is reported as exchanged if more than this fraction of its seen points were. Chosen by hand."""
    evidence_cost: float = 0.01
    """Cost of a frame whose own evidence is certain to be against the chosen state, in body sizes: less than a wrong
    change of state where left and right are apart, more than one where they cross over. Chosen on benchmark clips."""
    outliers: OutlierConfig = DEFAULT_OUTLIERS
    """Which points are outliers."""
    sections: SectionConfig = DEFAULT_SECTIONS
    """Where gaps and cuts are."""
    facing: FacingConfig = DEFAULT_FACING
    """How front and back, left and right are told in single frames."""


DEFAULT_LEFT_RIGHT = LeftRightConfig()


def fix_left_right(
    keypoints: Points, times_s: NDArray[np.float64], config: LeftRightConfig = DEFAULT_LEFT_RIGHT
) -> tuple[Points, NDArray[np.bool_]]:
    """Exchange left and right where they contradict the frames around, and remove outliers.

    Medians over neighbouring frames correct errors that last a few frames, :func:`undo_left_right_swaps` longer ones.

    Args:
        keypoints: points of one person in temporal order. [T, 25 or 137, 3]
        times_s: of the frames, ascending. [T]
        config: settings.

    Returns:
        The points, of the same shape, with confidence 0 for outliers; and in which frames left and right of arms or
        legs were exchanged [T].
    """
    fixed = fix_outliers(keypoints, times_s, GROUPS.values(), config.outliers)
    fixed = undo_left_right_swaps(fixed, times_s, config)[0]
    fixed = fix_outliers(fixed, times_s, GROUPS.values(), config.outliers)
    body, before = fixed[:, BODY], keypoints[:, BODY]
    seen = body[..., 2] > MIN_CONFIDENCE
    moved = seen & (body != before).any(-1) & (body == before[:, list(BODY_25_MIRROR)]).all(-1)
    return fixed, np.asarray(moved.sum(1) > config.swapped_fraction * seen.sum(1))


def undo_left_right_swaps(
    keypoints: Points, times_s: NDArray[np.float64], config: LeftRightConfig = DEFAULT_LEFT_RIGHT
) -> tuple[Points, NDArray[np.bool_]]:
    """Find the frames in which a group's left and right are exchanged, and exchange them back.

    The states (exchanged or not, arms and legs) of all frames are chosen together by the Viterbi algorithm (Forney,
    "The Viterbi Algorithm", Proc. IEEE 1973), so that points move as evenly as possible: each is predicted from the two
    frames before. Constant velocity carries limbs through each other where a turning person's left and right cross
    over, where a nearest-neighbour rule would exchange them. What each frame shows by itself counts beside it
    (:meth:`Facing.left_right_evidence`), and that hips and shoulders face the same way.

    Movement says nothing across a gap or a cut. There, each side is judged by itself, and left as detected where
    nothing speaks clearly against it.

    Args:
        keypoints: points of one person in temporal order. The hands go with the arms; the points of the face stay.
            [T, 25 or 137, 3]
        times_s: of the frames, ascending. [T]
        config: settings.

    Returns:
        The points, of the same shape, and for each frame and group of ``GROUPS`` whether it was exchanged [T, 2].
    """
    fixed = keypoints.copy()
    swapped = np.zeros((len(keypoints), len(GROUPS)), bool)
    size = typical_size(keypoints)
    if len(keypoints) < 3 or size == 0.0:
        return fixed, swapped
    body = keypoints[:, BODY]
    facing = Facing.of(body, times_s, size, config.facing)
    evidence, twist = facing.left_right_evidence(body, size), facing.twist(body, size)
    for part in find_sections(body, times_s, size, facing.front, config.sections):
        swapped[part] = _choose_states(body[part], times_s[part], evidence[part], twist[part], size, config)
    for column, group in enumerate(GROUPS.values()):
        rows = np.flatnonzero(swapped[:, column])
        fixed[rows[:, None], list(group)] = keypoints[rows[:, None], _mirrored(group)]
    if keypoints.shape[1] == NUM_POINTS:
        rows = np.flatnonzero(swapped[:, list(GROUPS).index("upper")])
        fixed[rows, LEFT_HAND], fixed[rows, RIGHT_HAND] = keypoints[rows, RIGHT_HAND], keypoints[rows, LEFT_HAND]
    return fixed, swapped


def _choose_states(
    body: Points,
    times_s: NDArray[np.float64],
    evidence: NDArray[np.float64],
    twist: NDArray[np.float64],
    size: float,
    config: LeftRightConfig,
) -> NDArray[np.bool_]:
    """Choose for each frame and group whether it is exchanged. [T, 2]

    Args:
        body: BODY_25 points. [T, 25, 3]
        times_s: of the frames. [T]
        evidence: of each frame and group, for what was detected (1) or against it (−1). [T, 2]
        twist: of each frame, whether hips and shoulders face the same way (1) or opposite ones (−1). [T]
        size: of the body, in pixels.
        config: settings.
    """
    count, groups = len(body), range(len(GROUPS))
    if count < 3:
        return np.zeros((count, len(GROUPS)), bool)
    predictions = [_prediction_errors(body, group, times_s, size, config) for group in GROUPS.values()]
    exchanged = _STATES.astype(bool)
    against = np.maximum(np.where(exchanged, 1.0, -1.0) * evidence[:, None], 0.0).sum(2)  # [T, S]
    twisted = np.maximum(np.where(exchanged[:, 0] == exchanged[:, 1], -1.0, 1.0) * twist[:, None], 0.0)
    charged_s = np.minimum(np.diff(times_s, prepend=times_s[0]), config.max_swap_s)
    state_cost = config.evidence_cost * against + config.twist_cost * twisted
    state_cost += config.swap_cost * charged_s[:, None] * _STATES.sum(1)
    cost = np.zeros((count, *3 * [len(_STATES)]))  # of the states of frames t − 2, t − 1 and t
    for g in groups:
        a, b, c = np.meshgrid(*3 * [_STATES[:, g]], indexing="ij")
        switch = np.maximum(config.switch_cost, config.noise_ratio * _noise(predictions[g], config))
        cost += predictions[g][:, a, b, c] + switch[:, None, None, None] * (b != c)
    return exchanged[_cheapest_path(cost + state_cost[:, None, None], state_cost[0])]


def _cheapest_path(cost: NDArray[np.float64], first: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the states [T] of the least total cost.

    Args:
        cost: of each frame, given its state and those of the two frames before. [T, S, S, S]
        first: of each state of the first frame. [S]
    """
    total = first[:, None] + cost[1, 0]
    origins = []
    for here in cost[2:]:
        options = total[..., None] + here
        origins.append(options.argmin(0))
        total = options.min(0)
    before, last = np.unravel_index(int(total.argmin()), total.shape)
    path = [int(last), int(before)]
    for origin in reversed(origins):
        path.append(int(origin[path[-1], path[-2]]))
    return np.array(path[::-1])


def _prediction_errors(
    body: Points, group: tuple[int, ...], times_s: NDArray[np.float64], size: float, config: LeftRightConfig
) -> NDArray[np.float64]:
    """Return how far a group's points are from where constant velocity takes them, in body sizes. [T, 2, 2, 2]

    The axes are whether the group is exchanged in frames t − 2, t − 1 and t. The second frame is compared with the
    first one; of the first, nothing is expected.
    """
    choices = np.stack([body[:, list(group)], body[:, _mirrored(group)]], 1)  # [T, 2, G, 3]
    interval = np.diff(times_s)
    ratio = np.minimum(interval[1:] / interval[:-1], config.max_interval_ratio)[:, None, None]
    errors = np.zeros((len(body), 2, 2, 2))
    for a, b, c in itertools.product((0, 1), repeat=3):
        before, middle, after = choices[:-2, a], choices[1:-1, b], choices[2:, c]
        velocity = np.where(before[..., 2:] > MIN_CONFIDENCE, middle[..., :2] - before[..., :2], 0.0)
        off = after[..., :2] - middle[..., :2] - ratio * velocity
        errors[2:, a, b, c] = _mean_length(off, middle[..., 2] * after[..., 2], size, config)
    for b, c in itertools.product((0, 1), repeat=2):
        first, second = choices[:1, b], choices[1:2, c]
        off = second[..., :2] - first[..., :2]
        errors[1, :, b, c] = _mean_length(off, first[..., 2] * second[..., 2], size, config)
    return errors


def _mean_length(
    errors: NDArray[np.floating], weights: NDArray[np.float32], size: float, config: LeftRightConfig
) -> NDArray[np.float64]:
    """Return the weighted mean length of errors in pixels, each truncated, in body sizes. [T, G, 2], [T, G] → [T]"""
    length = np.minimum(np.linalg.norm(errors, axis=-1) / size, config.max_prediction_error)
    total = weights.sum(1, dtype=np.float64)
    return np.where(total > MIN_CONFIDENCE, (length * weights).sum(1) / np.maximum(total, MIN_CONFIDENCE), 0.0)


def _noise(errors: NDArray[np.float64], config: LeftRightConfig) -> NDArray[np.float64]:
    """Return the usual error of the best predictions around each frame, in body sizes. [T, 2, 2, 2] → [T]"""
    least = errors[2:].min((1, 2, 3))
    reach = config.noise_window
    around = [np.median(least[max(t - reach, 0) : t + reach + 1]) for t in range(len(least))]
    return np.array([around[0], around[0], *around])


def _mirrored(group: tuple[int, ...]) -> list[int]:
    return [BODY_25_MIRROR[point] for point in group]
