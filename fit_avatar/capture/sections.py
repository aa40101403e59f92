"""Sections of a clip in which a person moves continuously: between gaps of the detector and cuts of the film."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fit_avatar.body.keypoint_sets import BODY_25_MIRROR
from fit_avatar.capture.person import MIN_CONFIDENCE
from fit_avatar.capture.points import Points

PAIRS = tuple((right, left) for right, left in enumerate(BODY_25_MIRROR) if right < left)
SHOULDERS = (5, 2)


@dataclass(frozen=True)
class SectionConfig:
    """Settings of the search for gaps and cuts. Lengths are in body sizes."""

    max_gap_s: float = 0.2
    """Two used frames further apart than this, in seconds, have a gap between them … Chosen by hand."""
    gap_ratio: float = 2.5
    """… if they are also this many times as far apart as usual. Chosen by hand."""
    jump: float = 0.03
    """A body whose points move by more than this between two used frames may have been cut … Chosen on benchmark
    clips."""
    jump_ratio: float = 4.0
    """… if that is also this many times as much as in the frames around. Chosen on benchmark clips."""
    neighbours: int = 8
    """Steps on each side whose median movement is usual. Chosen by hand."""
    facing_frames: int = 3
    """Frames on each side of a cut in whose median the front or the back is seen. Chosen by hand."""
    certain_facing: float = 0.5
    """Front and back count if they are as certain as this. Chosen by hand."""
    min_width: float = 0.07
    """Nobody turns from front to back between two frames that show the shoulders wider than this: it is a cut.
    Chosen by hand."""


DEFAULT_SECTIONS = SectionConfig()


def find_sections(
    body: Points,
    times_s: NDArray[np.float64],
    size: float,
    front: NDArray[np.float64],
    config: SectionConfig = DEFAULT_SECTIONS,
) -> list[slice]:
    """Split a clip where a person's movement says nothing about left and right: at gaps and cuts.

    Args:
        body: BODY_25 points, in temporal order. Exchanged left and right make no difference. [T, 25, 3]
        times_s: of the frames, ascending. [T]
        size: of the body, in pixels.
        front: 1 where the front is seen, −1 where the back is. [T]
        config: settings.

    Returns:
        Slices of the T frames, in order.
    """
    if len(body) < 2:
        return [slice(0, len(body))]
    interval = np.diff(times_s)
    gap = (interval > config.max_gap_s) & (interval > config.gap_ratio * np.median(interval))
    starts = np.flatnonzero(gap | _jumps(body, size, config) | _turns_over(body, size, front, config)) + 1
    bounds = [0, *starts.tolist(), len(body)]
    return [slice(first, last) for first, last in itertools.pairwise(bounds)]


def _jumps(body: Points, size: float, config: SectionConfig) -> NDArray[np.bool_]:
    """Return where the pairs' centres and widths move much more than around. [T − 1]"""
    pairs = body[:, PAIRS]  # [T, P, 2, 3]
    shape = np.concatenate([pairs[..., :2].mean(2), np.abs(pairs[:, :, 0, :2] - pairs[:, :, 1, :2])], -1) / size
    seen: NDArray[np.bool_] = np.all(pairs[..., 2] > MIN_CONFIDENCE, axis=2)
    both = seen[1:] & seen[:-1]
    distance = np.linalg.norm(np.diff(shape, axis=0), axis=-1)
    moved = np.where(both, distance, 0.0).sum(1) / np.maximum(both.sum(1), 1)
    usual = np.array([np.median(_around(moved, t, config.neighbours)) for t in range(len(moved))])
    return np.asarray((moved > config.jump) & (moved > config.jump_ratio * usual))


def _turns_over(body: Points, size: float, front: NDArray[np.float64], config: SectionConfig) -> NDArray[np.bool_]:
    """Return where front and back change places although the shoulders are seen broad. [T − 1]"""
    shoulders = body[:, SHOULDERS]
    seen = (shoulders[..., 2] > MIN_CONFIDENCE).all(1)
    width = np.where(seen, np.abs(shoulders[:, 0, 0] - shoulders[:, 1, 0]), 0.0) / size
    broad = np.minimum(width[1:], width[:-1]) > config.min_width
    count = config.facing_frames
    before = np.array([np.median(front[max(t - count, 0) : t]) for t in range(1, len(front))])
    after = np.array([np.median(front[t : t + count]) for t in range(1, len(front))])
    certain = np.minimum(np.abs(before), np.abs(after)) > config.certain_facing
    return np.asarray(broad & certain & (before * after < 0) & (front[1:] * front[:-1] < 0))


def _around(values: NDArray[np.float64], t: int, reach: int) -> NDArray[np.float64]:
    return values[max(t - reach, 0) : t + reach + 1]
