"""Which frames of a video to use: evenly spread over those that show something, none twice, none blurred by motion."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.blank import BLANK, DEFAULT_BLANK, FADING, BlankConfig, find_blank, measure_structure
from fit_avatar.capture.frames import open_frames
from fit_avatar.capture.frames.matte import composed
from fit_avatar.capture.frames.source import Decoded
from fit_avatar.capture.types import Image, LeftOut
from fit_avatar.io.threads import in_threads

REPEATS = "it repeats the frame before"
BLURRED = "it is blurred compared with its neighbours"


@dataclass(frozen=True)
class SelectionConfig:
    """Settings of the frames' selection. Grey levels are in 0..255."""

    thumbnail_px: int = 320
    """Longer side of the grey thumbnail on which neighbouring frames are compared, in pixels. Chosen by hand."""
    block_px: int = 8
    """Side of the thumbnail's blocks, in pixels, whose differences are compared. Chosen by hand."""
    changing_blocks: float = 0.05
    """Fraction of the blocks, those that change most, that make up a frame's change, so that one moving hand counts.
    Chosen by hand."""
    duplicate_change: float = 2.5
    """A frame that changes less than this, in grey levels, from the one before may be a duplicate … Chosen by hand."""
    duplicate_ratio: float = 0.35
    """… and is one if it also changes less than this fraction of the median around it. Chosen by hand."""
    exact_duplicate_change: float = 0.05
    """A frame that changes less than this, in grey levels, is a duplicate in any case. Chosen by hand."""
    change_neighbours: int = 8
    """Frames on each side whose median change a frame is compared with. Chosen by hand."""
    sharpness_neighbours: int = 5
    """Frames on each side whose median sharpness a frame is compared with. Chosen by hand."""
    min_sharpness: float = 0.55
    """Frames below this fraction of their neighbours' sharpness are left out as blurred. Chosen by hand."""
    blank: BlankConfig = DEFAULT_BLANK
    """What black frames and a covered lens are."""


DEFAULT_SELECTION = SelectionConfig()


@dataclass(frozen=True)
class FrameMeasurements:
    """What is measured in every frame of a video before frames are selected."""

    change: NDArray[np.float32]
    """Difference from the frame before, in grey levels; infinite for the first. [F]"""
    sharpness: NDArray[np.float32]
    """Energy of fine detail, which can only be compared between neighbouring frames. [F]"""
    structure: NDArray[np.float32]
    """Energy of coarse detail, in grey levels: little where nothing is to be seen. [F]"""
    times_s: NDArray[np.float64] | None = None
    """Time of each frame as the source states it, from any origin; NaN where it does not. [F]"""

    @property
    def frame_count(self) -> int:
        """Number of frames that decode."""
        return len(self.change)


@dataclass(frozen=True)
class Selection:
    """Slots spread evenly over the video, each with the frames that may fill it."""

    slots: tuple[tuple[int, ...], ...]
    """Frame indices of each slot's candidates, the preferred one first."""
    left_out: tuple[LeftOut, ...]
    """Duplicates, blurred frames and those that show nothing."""


def measure_frames(
    path: Path,
    progress: Callable[[int, int], None] | None = None,
    config: SelectionConfig = DEFAULT_SELECTION,
    seen: Callable[[int, Image], None] | None = None,
) -> FrameMeasurements:
    """Decode a video once and measure each frame's change and sharpness.

    Args:
        path: the video.
        progress: called with the number of frames read and the number in all.
        config: settings.
        seen: is shown every frame, its index and BGR [H, W, 3], by several threads.

    Raises:
        BadInputError: as :func:`fit_avatar.capture.video.read_frames`.
    """
    source = open_frames(path)
    total = source.info.frame_count or 0
    change, sharpness, structure, times = [], [], [], []
    previous: NDArray[np.float32] | None = None

    def measure(each: Decoded) -> tuple[int, float, NDArray[np.float32], float, float]:
        picture = composed(each.picture, each.alpha)
        if seen:
            seen(each.index, picture)
        grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        scale = config.thumbnail_px / max(grey.shape)
        thumbnail = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.float32)
        detail = cv2.resize(grey, None, fx=2 * scale, fy=2 * scale, interpolation=cv2.INTER_AREA)
        sharp = float(cv2.Laplacian(detail, cv2.CV_32F).var())
        return each.index, each.time_s, thumbnail, sharp, measure_structure(thumbnail, config.blank)

    for index, time_s, thumbnail, sharp, structured in in_threads(measure, source.decode()):
        change.append(np.inf if previous is None else _change(thumbnail, previous, config))
        sharpness.append(sharp)
        structure.append(structured)
        times.append(time_s)
        previous = thumbnail
        if progress:
            progress(index + 1, max(total, index + 1))
    return FrameMeasurements(
        np.array(change, np.float32), np.array(sharpness, np.float32), np.array(structure, np.float32), np.array(times)
    )


def select_frames(
    measured: FrameMeasurements,
    count: int,
    config: SelectionConfig = DEFAULT_SELECTION,
    without: Collection[int] = (),
) -> Selection:
    """Spread at most ``count`` slots evenly over the frames that show something and are neither duplicates nor blurred.

    A video with fewer such frames is used whole. A slot's middle frame is preferred; its neighbours follow, so that one
    of them can take its place if it does not show the person. Frames ``without`` are no candidates.
    """
    blank, fading = find_blank(measured.structure, measured.change, config.blank)
    duplicate, blurred = find_duplicates(measured.change, config), np.zeros(measured.frame_count, bool)
    duplicate &= ~(blank | fading)
    originals = np.flatnonzero(~(blank | fading | duplicate))
    sharp = relative_sharpness(measured.sharpness[originals], config) >= config.min_sharpness
    blurred[originals[~sharp]] = True
    usable = originals[sharp & ~np.isin(originals, list(without))]
    slots = []
    for part in np.array_split(usable, min(max(count, 1), len(usable))) if len(usable) else ():
        middle = (len(part) - 1) / 2.0
        order = np.argsort(np.abs(np.arange(len(part)) - middle), kind="stable")
        slots.append(tuple(int(i) for i in part[order]))
    reasons = {BLANK: blank, FADING: fading, REPEATS: duplicate, BLURRED: blurred}
    left_out = [LeftOut(int(i), reason) for reason, frames in reasons.items() for i in np.flatnonzero(frames)]
    return Selection(tuple(slots), tuple(sorted(left_out, key=lambda x: x.frame_index)))


def find_duplicates(change: NDArray[np.float32], config: SelectionConfig = DEFAULT_SELECTION) -> NDArray[np.bool_]:
    """Return which frames repeat the one before, exactly or up to the codec's noise. [F]"""
    small = (change < config.duplicate_change) & (change < config.duplicate_ratio * _usual_change(change, config))
    return np.asarray((change < config.exact_duplicate_change) | small)


def relative_change(change: NDArray[np.float32], config: SelectionConfig = DEFAULT_SELECTION) -> NDArray[np.float64]:
    """Return each frame's change relative to the median of its neighbours on both sides; 1 for the first. [F]"""
    usual = np.maximum(_usual_change(change, config), config.duplicate_change)
    return np.asarray(np.where(np.isfinite(change), change / usual, 1.0))


def relative_sharpness(
    sharpness: NDArray[np.float32], config: SelectionConfig = DEFAULT_SELECTION
) -> NDArray[np.float32]:
    """Return each frame's sharpness relative to the median of its neighbours on both sides. [F]"""
    usual = _local_median(sharpness, config.sharpness_neighbours)
    return np.asarray(sharpness / np.maximum(usual, 1e-9), np.float32)


def _usual_change(change: NDArray[np.float32], config: SelectionConfig) -> NDArray[np.float64]:
    largest = np.nanmax(np.where(np.isfinite(change), change, np.nan), initial=0.0)
    return _local_median(np.where(np.isfinite(change), change, largest), config.change_neighbours)


def _local_median(values: NDArray[np.float32], reach: int) -> NDArray[np.float64]:
    if not len(values):
        return np.zeros(0)
    padded = np.pad(values.astype(np.float64), reach, mode="reflect" if len(values) > reach else "edge")
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1), axis=1))


def _change(a: NDArray[np.float32], b: NDArray[np.float32], config: SelectionConfig) -> float:
    """Return the root mean square difference over the blocks that change most."""
    scale = 1 / config.block_px
    squares = cv2.resize((a - b) ** 2, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).ravel()
    most = max(1, int(config.changing_blocks * len(squares)))
    return float(np.sqrt(np.partition(squares, -most)[-most:].mean()))
