"""Limbs that somebody else hides, or that are never seen: where they are is a guess, and it is said which they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.types import Capture


@dataclass(frozen=True)
class HiddenConfig:
    """When a limb is hidden by somebody else.

    Chosen on "one behind the other", "crossing", "close together" and "shaking hands" of benchmarks/people_scenes.py: a
    forearm whose hand somebody holds is not hidden.
    """

    least_sure: float = 0.3
    """The detector is less sure of one of its ends …"""
    reach: float = 0.04
    """… and somebody else is so near in the picture, in heights of the fitted body: the fit is that far off there …"""
    share: float = 0.9
    """… at so much of the limb's length."""
    part: float = 0.25
    """A limb is named that is hidden in a larger part of the frames."""
    never: float = 0.9
    """A limb is named that is in the picture, but unseen for whatever reason, in a larger part of the frames. The own
    body of people who are seen from the side hides an arm in up to 0.83 of the frames of rendered clips, and the arm is
    right; where it was wrong, it was hidden in all."""


HIDDEN = HiddenConfig()
SAMPLES = 9
"""Places along a limb. Chosen by hand."""
WHOLE = {"arm": ("upper arm", "forearm"), "leg": ("thigh", "shin")}
"""What is said where both parts are hidden."""


def behind_others(
    pixels: NDArray[np.floating], sure: NDArray[np.floating], capture: Capture, config: HiddenConfig = HIDDEN
) -> NDArray[np.bool_]:
    """Return in which frames somebody else hides each of L limbs. [T, L]

    Args:
        pixels: both ends of each limb as fitted, in pixels of the capture. [T, L, 2, 2]
        sure: how sure the detector is of the less certain end. [T, L]
        capture: where other people are seen.
        config: thresholds.
    """
    others = capture.other_people
    if others is None:
        return np.zeros(sure.shape, bool)
    rows, columns = others.shape[1:]
    small = pixels * [columns / capture.camera.width, rows / capture.camera.height]
    heights = np.ptp(small[..., 1].reshape(len(small), -1), axis=1)
    along = np.linspace(0.0, 1.0, SAMPLES)[:, None]
    places = (small[:, :, None, 0] * (1 - along) + small[:, :, None, 1] * along).astype(int)
    x, y = places[..., 0], places[..., 1]
    inside = (x >= 0) & (x < columns) & (y >= 0) & (y < rows)
    near = np.stack([_grown(seen, config.reach * height) for seen, height in zip(others, heights, strict=True)])
    covered = near[np.arange(len(near))[:, None, None], y.clip(0, rows - 1), x.clip(0, columns - 1)]
    hidden = (covered & inside).mean(-1)
    return np.asarray((sure < config.least_sure) & (hidden >= config.share))


def unseen(
    pixels: NDArray[np.floating], sure: NDArray[np.floating], capture: Capture, config: HiddenConfig = HIDDEN
) -> NDArray[np.bool_]:
    """Return in which frames a limb is in the picture, and yet not seen, while others are. [T, L]

    Arguments are those of :func:`behind_others`.
    """
    width, height = capture.camera.width, capture.camera.height
    x, y = pixels[..., 0], pixels[..., 1]
    inside = ((x >= 0) & (x < width) & (y >= 0) & (y < height)).all(-1)
    seen = sure >= config.least_sure
    return np.asarray(inside & ~seen & seen.any(1, keepdims=True))


def hidden_sentences(
    behind: Mapping[str, int], never: Mapping[str, int], frames: int, config: HiddenConfig = HIDDEN
) -> tuple[str, ...]:
    """Return what the user is told of limbs that somebody else hides, and of those that are never seen.

    Args:
        behind: by the name of a limb, such as "left forearm": in how many frames somebody else hides it.
        never: the same, in how many it is unseen for whatever reason.
        frames: how many there are.
        config: thresholds.
    """
    named = {limb: count for limb, count in behind.items() if count > config.part * frames}
    hidden = {limb: max(count, never.get(limb, 0)) / frames for limb, count in named.items()}
    gone = [limb for limb, count in never.items() if count > config.never * frames and limb not in hidden]
    told = []
    if hidden:
        parts = [f"the {name} ({max(hidden[limb] for limb in own):.0%})" for name, own in _names(hidden)]
        told.append(
            f"Somebody else hides limbs, which are not seen in a part of the frames: {', '.join(parts)}; where these "
            "are there is a guess, and may be wrong."
        )
    if gone:
        parts = [name for name, _ in _names(gone)]
        told.append(f"Hardly any frame shows the {', the '.join(parts)}: where that is is a guess, and may be wrong.")
    return tuple(told)


def _names(limbs: Iterable[str]) -> list[tuple[str, list[str]]]:
    """Return how limbs are called, such as "left arm" for both of its parts, and which they are."""
    known, found = set(limbs), []
    for side in ("left", "right"):
        for whole, parts in WHOLE.items():
            both = [limb for part in parts if (limb := f"{side} {part}") in known]
            found += [(f"{side} {whole}", both)] if len(both) == len(parts) else [(limb, [limb]) for limb in both]
    return found


def _grown(mask: NDArray[np.bool_], pixels: float) -> NDArray[np.bool_]:
    """Return a mask [h, w] grown by some pixels."""
    kernel = np.ones((2 * round(pixels) + 1,) * 2, np.uint8)
    return np.asarray(cv2.dilate(mask.astype(np.uint8), kernel) > 0)
