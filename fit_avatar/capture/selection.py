"""Which frames of a clip to use: evenly spread, no duplicates, none blurred by motion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.types import LeftOut
from fit_avatar.capture.video import probe, read_frames

THUMB_SIDE = 320
"""Longer side of the small grey picture on which frames are compared, in pixels."""
DUPLICATE_LEVEL = 2.5
"""Frames that differ by less than this (grey levels, in the blocks that change most) may show the same instant …"""
DUPLICATE_PART = 0.35
"""… and do if that is less than this part of what usually changes from frame to frame thereabouts."""
EXACT = 0.05
"""Below this difference they do anyway."""
NEIGHBOURS = 5
"""Sharpness is compared with this many frames on each side."""
BLURRED = 0.55
"""Frames with less than this part of their neighbours' sharpness are left out."""


@dataclass(frozen=True)
class Survey:
    """What one look at every frame of a clip tells."""

    change: NDArray[np.float32]
    """Difference from the frame before, grey levels; infinite for the first. [F]"""
    sharpness: NDArray[np.float32]
    """Energy of fine detail; only its ratio to neighbouring frames means something. [F]"""

    @property
    def frame_count(self) -> int:
        """Number of frames that decode."""
        return len(self.change)


@dataclass(frozen=True)
class Selection:
    """Slots spread evenly over the clip, each with the frames that may fill it, best first."""

    slots: tuple[tuple[int, ...], ...]
    left_out: tuple[LeftOut, ...]


def survey(path: Path, progress: Callable[[int, int], None] | None = None) -> Survey:
    """Decode a clip once and measure each frame's change and sharpness.

    Raises:
        BadInputError: as :func:`fit_avatar.capture.video.read_frames`.
    """
    total = probe(path).frame_count or 0
    change, sharpness = [], []
    before: NDArray[np.float32] | None = None
    for index, frame in read_frames(path):
        grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
        scale = THUMB_SIDE / max(grey.shape)
        thumb = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.float32)
        detail = cv2.resize(grey, None, fx=2 * scale, fy=2 * scale, interpolation=cv2.INTER_AREA)
        change.append(np.inf if before is None else _difference(thumb, before))
        sharpness.append(float(cv2.Laplacian(detail, cv2.CV_32F).var()))
        before = thumb
        if progress:
            progress(index + 1, max(total, index + 1))
    return Survey(np.array(change, np.float32), np.array(sharpness, np.float32))


def choose(survey: Survey, count: int) -> Selection:
    """Spread at most ``count`` slots evenly over the frames that are neither duplicates nor blurred.

    A clip with fewer good frames is used whole. Each slot's middle frame comes first; its neighbours follow, so that
    one of them can step in when the first turns out to show nobody.
    """
    duplicate, blurred = duplicates(survey.change), np.zeros(survey.frame_count, bool)
    originals = np.flatnonzero(~duplicate)
    ratio = relative_sharpness(survey.sharpness[originals])
    blurred[originals[ratio < BLURRED]] = True
    good = originals[ratio >= BLURRED]
    slots = []
    for part in np.array_split(good, min(max(count, 1), len(good))):
        middle = (len(part) - 1) / 2.0
        order = np.argsort(np.abs(np.arange(len(part)) - middle), kind="stable")
        slots.append(tuple(int(i) for i in part[order]))
    left_out = [LeftOut(int(i), "the same picture as the frame before") for i in np.flatnonzero(duplicate)]
    left_out += [LeftOut(int(i), "blurred, unlike its neighbours") for i in np.flatnonzero(blurred)]
    return Selection(tuple(slots), tuple(sorted(left_out, key=lambda x: x.frame_index)))


def duplicates(change: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which frames repeat the one before, exactly or up to the codec's noise. [F]"""
    finite = np.where(
        np.isfinite(change), change, np.nanmax(np.where(np.isfinite(change), change, np.nan), initial=0.0)
    )
    usual = _local_median(finite, 8)
    return np.asarray((change < EXACT) | ((change < DUPLICATE_LEVEL) & (change < DUPLICATE_PART * usual)))


def relative_sharpness(sharpness: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return each value over the median of its neighbours on both sides. [F]"""
    return np.asarray(sharpness / np.maximum(_local_median(sharpness, NEIGHBOURS), 1e-9), np.float32)


def _local_median(values: NDArray[np.float32], reach: int) -> NDArray[np.float64]:
    padded = np.pad(values.astype(np.float64), reach, mode="reflect" if len(values) > reach else "edge")
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1), axis=1))


def _difference(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Root mean square difference over the blocks that change most, so that a small moving hand still counts."""
    squares = cv2.resize((a - b) ** 2, None, fx=1 / 8, fy=1 / 8, interpolation=cv2.INTER_AREA).ravel()
    most = max(1, len(squares) // 20)
    return float(np.sqrt(np.partition(squares, -most)[-most:].mean()))
