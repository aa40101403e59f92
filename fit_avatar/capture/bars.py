"""Black bars that an editor has put beside a picture, or above and below it, to make it fill a screen.

What the camera saw is the picture between them, so that a focal length that is reckoned from the size of the picture is
that of the part between them. Upright videos in a wide frame are 1.8 times too long-focused otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.video import read_frames

FRAMES = (0, 8, 16, 24)
"""Frames that are looked at: a second from the start. Chosen by hand."""
BLACK = 16
"""Grey level that the codec's noise leaves a bar below. Chosen by hand."""
MIN_SHARE, MAX_SHARE = 0.02, 0.45
"""Each bar's share of the picture's side; thinner ones hardly matter. Chosen by hand."""
UNEQUAL = 0.01
"""Share of the side by which two bars may differ, as editors put a picture in the middle. Chosen by hand."""
FILLED = 0.6
"""Least share of the first line beside a bar that is not black: a person before a black wall fills less. Chosen by
hand."""


@dataclass(frozen=True)
class Bars:
    """The size of the picture between bars, in pixels; without bars that of the whole."""

    width: int
    height: int
    note: str = ""
    """A sentence for the user, if there are bars."""


def find_bars(video: Path, width: int, height: int) -> Bars:
    """Look for bars of equal width on opposite sides, at the beginning of a video of a size in pixels.

    Raises:
        BadInputError: as :func:`fit_avatar.capture.video.read_frames`.
    """
    brightest = np.zeros((height, width), np.uint8)
    for _, frame in read_frames(video, FRAMES):
        if frame.shape[:2] == brightest.shape:  # a header may lie
            brightest = np.maximum(brightest, cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY))
    left_right, above_below = bars_of(brightest.T), bars_of(brightest)
    places = [
        f"{where} ({each} pixels each)"
        for each, where in ((left_right, "left and right"), (above_below, "above and below"))
        if each
    ]
    if not places:
        return Bars(width, height)
    return Bars(
        width - 2 * left_right,
        height - 2 * above_below,
        f"The video has black bars {' and '.join(places)}; the camera saw what is between them.",
    )


def bars_of(brightest: NDArray[np.uint8]) -> int:
    """Return how many lines are black both at the top and at the bottom of the brightest of all frames; 0: no bars."""
    lines = len(brightest)
    lit = np.flatnonzero((brightest > BLACK).any(axis=1))
    if not len(lit):
        return 0
    first, last = int(lit[0]), int(lit[-1])
    above, below = first, lines - 1 - last
    if not MIN_SHARE * lines <= min(above, below) <= max(above, below) <= MAX_SHARE * lines:
        return 0
    if abs(above - below) > max(2.0, UNEQUAL * lines):
        return 0
    across = np.flatnonzero((brightest > BLACK).any(axis=0))
    inner = brightest[:, across[0] : across[-1] + 1]
    # The very first line may be dimmed by the codec or by scaling.
    edges = (inner[first : first + 3].max(axis=0), inner[last - 2 : last + 1].max(axis=0))
    filled = min(float((edge > BLACK).mean()) for edge in edges)
    return round((above + below) / 2) if filled >= FILLED else 0
