"""Where the person's movement does not go on: jump cuts, pieces put together, and where they are away for a while."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.person import body_size
from fit_avatar.capture.points import Points
from fit_avatar.capture.sections import DEFAULT_SECTIONS, SectionConfig, find_sections
from fit_avatar.capture.selection import FrameMeasurements, relative_change

WITHOUT_GAPS = replace(DEFAULT_SECTIONS, max_gap_s=np.inf)


@dataclass(frozen=True)
class CutConfig:
    """Settings of the search for cuts: both the picture and the person change at once."""

    change_ratio: float = 1.8
    """A picture that changes this many times as much as around may have been cut; without cuts, 1.5 is rare. Chosen on
    benchmarks/scenes.py."""
    sections: SectionConfig = WITHOUT_GAPS
    """How a person moves who was cut. Short gaps without a cut are none: their length is known."""
    away_s: float = 0.5
    """Who leaves the picture for longer than this, in seconds, may be anywhere when they come back … Chosen by hand:
    half a step is as long."""
    away_ratio: float = 4.0
    """… if the gap is also this many times as long as usual; up to there, its length counts as it is. Chosen by hand,
    as the observations' ``UNEVEN``."""


DEFAULT_CUTS = CutConfig()


def find_pieces(
    body: Points,
    indices: NDArray[np.int64],
    times_s: NDArray[np.float64],
    measured: FrameMeasurements,
    cut_off: NDArray[np.bool_] | None = None,
    config: CutConfig = DEFAULT_CUTS,
) -> NDArray[np.int64] | None:
    """Return the number of the continuous piece that each used frame is from [T]; ``None`` if all are one.

    Args:
        body: BODY_25 points in the used frames. [T, 25, 3]
        indices: of these frames in the video, ascending. [T]
        times_s: of these frames. [T]
        measured: of all frames of the video.
        cut_off: in which of the used frames the border of the picture cuts the person off. [T]
        config: settings.
    """
    sizes = [size for size in map(body_size, body) if size > 0]
    if len(body) < 3 or not sizes:
        return None
    interval = np.diff(times_s)
    away = interval > max(config.away_s, config.away_ratio * float(np.median(interval)))
    away &= np.zeros(len(away), bool) if cut_off is None else cut_off[:-1] | cut_off[1:]
    ratio = relative_change(measured.change)
    cut = np.array([ratio[a + 1 : b + 1].max() for a, b in itertools.pairwise(indices)])
    starts = np.concatenate([[False], away])
    for part in find_sections(body, times_s, float(np.median(sizes)), np.zeros(len(body)), config.sections)[1:]:
        starts[part.start] |= cut[part.start - 1] > config.change_ratio
    return np.cumsum(starts) if starts.any() else None
