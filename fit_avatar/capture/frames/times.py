"""When each frame of a clip was taken, from what its file states, which may be incomplete or wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.frames.source import VideoInfo

MAX_MISSING = 0.2
"""If a larger part of the times is missing or goes back, none is believed. Chosen by hand."""
MAX_JITTER = 0.1
"""Times that are off an even rate by less than this fraction of a frame are even: Matroska rounds to milliseconds.
Chosen by hand."""
MAX_GAP = 600.0
"""Two frames that are further apart, in seconds, are a damaged clock. Chosen by hand."""


@dataclass(frozen=True)
class Timing:
    """The times of a clip's frames."""

    times: NDArray[np.float64]
    """Of each frame since the first, in seconds, ascending. [N]"""
    fps: float
    """Mean frame rate."""
    is_even: bool
    """Whether the times are those of a constant rate."""
    note: str = ""
    """What the user should know, a sentence."""

    @classmethod
    def of(cls, stated: NDArray[np.float64], info: VideoInfo, fps: float | None = None) -> Timing:
        """Make times of what the frames state (NaN where nothing).

        Args:
            stated: time of each frame, from any origin, in seconds. [N]
            info: of the clip; its rate counts where the times cannot be believed.
            fps: the rate that the user states: then nothing else counts.
        """
        steps = np.arange(len(stated), dtype=np.float64)
        if fps is not None:
            note = ""
            if info.states_fps and abs(fps - info.fps) > 0.01 * fps:
                note = f"The clip states {info.fps:.4g} frames a second; {fps:.4g} are used, as --fps says."
            return cls(steps / fps, fps, True, note)
        times = _completed(stated)
        if times is None or len(times) < 2:
            note = (
                ""
                if info.states_fps
                else (f"The clip does not state its frames per second; {info.fps:g} are assumed: say them with --fps.")
            )
            return cls(steps / info.fps, info.fps, True, note)
        rate = (len(times) - 1) / times[-1]
        if np.abs(times - steps / info.fps).max() <= MAX_JITTER / info.fps:
            return cls(steps / info.fps, info.fps, True)
        if np.abs(times - steps / rate).max() <= MAX_JITTER / rate:
            return cls(steps / rate, float(rate), True)
        intervals = 1.0 / np.diff(times)
        least, most = 1 / intervals.max(), 1 / intervals.min()
        note = f"The clip's frames are {least:.3g} to {most:.3g} s apart; their own times are used."
        return cls(times, float(rate), False, note)


def _completed(stated: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return times since the first, with the missing ones interpolated; ``None`` if they cannot be believed. [N]"""
    times = np.array(stated, np.float64)
    known = np.isfinite(times)
    highest = np.maximum.accumulate(np.where(known, times, -np.inf))
    known[1:] &= times[1:] > highest[:-1]
    if known.sum() < 2 or (~known).mean() > MAX_MISSING:
        return None
    index = np.arange(len(times))
    times = np.interp(index, index[known], times[known])
    ends = index[known]
    step = (times[ends[-1]] - times[ends[0]]) / (ends[-1] - ends[0])  # before the first known and after the last
    times += np.where(index < ends[0], (index - ends[0]) * step, 0.0)
    times += np.where(index > ends[-1], (index - ends[-1]) * step, 0.0)
    if np.diff(times).max() > MAX_GAP:
        return None
    return np.asarray(times - times[0])
