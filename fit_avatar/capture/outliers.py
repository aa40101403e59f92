"""Outliers of a person's keypoints: points far from where they are in the frames around."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fit_avatar.body.keypoint_sets import BODY_25_MIRROR
from fit_avatar.capture.person import MIN_CONFIDENCE, body_size
from fit_avatar.capture.points import BODY, Points


@dataclass(frozen=True)
class OutlierConfig:
    """Settings of the search for outliers. Body sizes are as :func:`~fit_avatar.capture.person.body_size` says."""

    window_s: float = 0.14
    """Time on each side in which a point is expected to move little: four frames of 30 a second. Chosen by hand."""
    min_window: int = 2
    """Fewer used frames on each side within the window say nothing about a point. Chosen by hand."""
    distance: float = 0.07
    """A point this far from its median over the window, in body sizes, is an outlier … Chosen by hand."""
    ratio: float = 6.0
    """… if it is also this many times as far away as in the median frame: at a low frame rate, points move much …
    Chosen by hand."""
    jump: float = 0.6
    """… and if it is off the middle between the frames beside it by this part of that distance: a fast limb is far from
    its median, but on its way from the frame before to the next. Chosen on benchmark clips."""
    group_majority: float = 0.7
    """If this fraction of those points of a group that can be told apart are exchanged, the whole group is. Chosen by
    hand."""


DEFAULT_OUTLIERS = OutlierConfig()


def fix_outliers(
    keypoints: Points,
    times_s: NDArray[np.float64],
    groups: Iterable[Sequence[int]],
    config: OutlierConfig = DEFAULT_OUTLIERS,
) -> Points:
    """Exchange points that are where their counterparts are expected, and set other outliers' confidence to 0.

    If most points of a group that can be told apart are exchanged, the whole group is.

    Args:
        keypoints: points of one person in temporal order. [T, 25 or 137, 3]
        times_s: of the frames. [T]
        groups: BODY_25 points whose left and right a detector exchanges together.
        config: settings.
    """
    mirror, fixed = list(BODY_25_MIRROR), keypoints.copy()
    body, expected = fixed[:, BODY], _running_median(keypoints[:, BODY], times_s, config)
    counterpart = body[:, mirror].copy()
    limit = _limit(body, expected, config)
    outlier = _far_from(body, expected, limit) & _off_its_way(body, limit, config)
    not_mirrored = _far_from(body, expected[:, mirror], limit[mirror])
    counterpart_outlier = _far_from(counterpart, expected, limit)
    exchanged = outlier & ~not_mirrored & ~counterpart_outlier
    for group in map(list, groups):
        told_apart = (outlier | not_mirrored | counterpart_outlier)[:, group].sum(1)
        whole_group = exchanged[:, group].sum(1) > np.maximum(config.group_majority * told_apart, 1)
        exchanged[np.ix_(whole_group, group)] = True
    body[outlier] = 0
    body[exchanged] = counterpart[exchanged]
    return fixed


def typical_size(keypoints: Points) -> float:
    """Return the median body size in those of the frames [T, 25 or 137, 3] that show the person, 0 if none does."""
    sizes = [size for size in map(body_size, keypoints) if size > 0]
    return float(np.median(sizes)) if sizes else 0.0


def _running_median(body: Points, times_s: NDArray[np.float64], config: OutlierConfig) -> NDArray[np.float32]:
    """Return each point's median over as many frames before as after, NaN where too few show it.

    [T, 25, 3] → [T, 25, 2]
    """
    positions = _positions(body)
    median = np.full(positions.shape, np.nan, np.float32)
    first = np.searchsorted(times_s, times_s - config.window_s)
    last = np.searchsorted(times_s, times_s + config.window_s, side="right")
    for t, (a, b) in enumerate(zip(first.tolist(), last.tolist(), strict=True)):
        reach = min(t - a, b - 1 - t)
        if reach >= config.min_window:
            near = positions[t - reach : t + reach + 1]
            seen = np.isfinite(near[..., 0]).sum(0) > reach
            median[t, seen] = np.nanmedian(near[:, seen], 0)
    return median


def _limit(body: Points, expected: NDArray[np.float32], config: OutlierConfig) -> NDArray[np.float64]:
    """Return beyond which distance from its median a point is an outlier, in pixels. [25]"""
    distance = np.linalg.norm(body[..., :2] - expected, axis=-1)
    distance[body[..., 2] <= MIN_CONFIDENCE] = np.nan
    known = np.isfinite(distance).any(0)
    usual = np.zeros(distance.shape[1])
    usual[known] = np.nanmedian(distance[:, known], 0)
    smallest = config.distance * typical_size(body) or np.inf
    return np.maximum(smallest, config.ratio * usual)


def _off_its_way(body: Points, limit: NDArray[np.float64], config: OutlierConfig) -> NDArray[np.bool_]:
    """Return which points are not between those of the frames beside, also where these are unseen. [T, 25]"""
    positions = _positions(body)
    middle = np.full_like(positions, np.nan)
    middle[1:-1] = (positions[2:] + positions[:-2]) / 2
    distance = np.linalg.norm(positions - middle, axis=-1)
    return np.asarray(~(distance < config.jump * limit))


def _far_from(body: Points, expected: NDArray[np.float32], limit: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which seen points are far from where they are expected, none where that is NaN. [T, 25]"""
    distance = np.linalg.norm(body[..., :2] - expected, axis=-1)
    return np.asarray((distance > limit) & (body[..., 2] > MIN_CONFIDENCE))


def _positions(body: Points) -> NDArray[np.float32]:
    """Return the points in pixels, NaN where they are unseen. [T, 25, 2]"""
    return np.where(body[..., 2:] > MIN_CONFIDENCE, body[..., :2], np.float32(np.nan))
