"""Frames that show nothing of the scene: black, a plain card, a covered lens, and fades to and from them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

BLANK = "nothing is to be seen in it: it is black or plain, or the lens is covered"
FADING = "it fades in or out, or something is before the lens"


@dataclass(frozen=True)
class BlankConfig:
    """Settings of the search for frames that show nothing. Grey levels are in 0..255."""

    size_px: int = 80
    """Longer side of the picture in which structure is measured, in pixels: so small that the noise of a dark picture
    averages out, and large enough for a person. Chosen by hand."""
    least: float = 1.0
    """A frame with less structure than this, in grey levels, shows nothing. Chosen by hand."""
    blank_part: float = 0.15
    """A frame with less structure than this fraction of the clip's median shows nothing. Chosen on
    benchmarks/scenes.py."""
    whole_part: float = 0.9
    """Next to such frames, those with less structure than this fraction of the median fade, as long as it grows from
    one to the next … Chosen on benchmarks/scenes.py."""
    max_fade: int = 30
    """… up to so many of them on either side. Chosen by hand."""
    quick: float = 3.0
    """Next to such frames, those that change this many times as fast as the median do so, too: a hand moves before
    the lens. Chosen on benchmarks/scenes.py."""


DEFAULT_BLANK = BlankConfig()


def measure_structure(grey: NDArray[np.float32], config: BlankConfig = DEFAULT_BLANK) -> float:
    """Return how much a picture has of edges and spots larger than a few hundredths of it, in grey levels. [h, w]"""
    scale = min(1.0, config.size_px / max(grey.shape))
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return float(cv2.Laplacian(small, cv2.CV_32F).std())


def find_blank(
    structure: NDArray[np.float32], change: NDArray[np.float32], config: BlankConfig = DEFAULT_BLANK
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which frames show nothing [F], and which are fades or half covered beside them [F].

    Args:
        structure: of every frame, from :func:`measure_structure`. [F]
        change: of every frame from the one before, in grey levels; infinite for the first. [F]
        config: settings.
    """
    shows = structure > config.least
    if not shows.any():
        return ~shows, np.zeros_like(shows)
    usual = float(np.median(structure[shows]))
    blank = ~shows | (structure < config.blank_part * usual)
    if not blank.any() or blank.all():
        return blank, np.zeros_like(blank)
    # The step from a blank frame to one that is not is large even at a cut, so that it tells nothing.
    to_next = np.append(change[1:], np.float32(0.0))
    normal = ~blank & np.isfinite(change)
    fast = config.quick * float(np.median(change[normal])) if normal.any() else np.inf
    weak = structure < config.whole_part * usual
    grows = np.append(structure[1:] > structure[:-1], False)
    falls = np.append(False, structure[1:] < structure[:-1])
    forwards = _run_on(blank, (weak & grows) | (to_next > fast), config.max_fade)
    backwards = _run_on(blank[::-1], ((weak & falls) | (change > fast))[::-1], config.max_fade)[::-1]
    return blank, np.asarray((forwards | backwards) & ~blank)


def _run_on(start: NDArray[np.bool_], goes_on: NDArray[np.bool_], most: int) -> NDArray[np.bool_]:
    """Return the frames that follow a starting frame without a break as long as something goes on. [F]"""
    result, since = start.copy(), most
    for t in range(len(start)):
        since = 0 if start[t] else since + 1
        result[t] = start[t] or (t > 0 and bool(result[t - 1]) and bool(goes_on[t]) and since <= most)
    return result
