"""Variations of a clip as people film and cut them: black, titles, a covered lens, a bump, cuts, other sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.mediapipe_pose import MediaPipeDetector
from fit_avatar.capture.types import PERSON_LEVEL
from fit_avatar.errors import NoPersonError

Picture = NDArray[np.uint8]
STILL = np.float64([[1, 0, 0], [0, 1, 0]])


@dataclass(frozen=True)
class Scene:
    """One frame of a variation."""

    picture: Picture  # [H, W, 3]
    source: int | None
    """The plain clip's frame that it shows whole; ``None``: black, a title, or spoilt."""
    placed: NDArray[np.float64]
    """Takes pixels of the plain clip, counted from its corner, to those of this one. [2, 3]"""


Variation = Callable[[Sequence[Picture]], Iterator[Scene]]


def plain(clip: Sequence[Picture]) -> Iterator[Scene]:
    """Change nothing."""
    yield from (Scene(picture, i, STILL) for i, picture in enumerate(clip))


def black_start(clip: Sequence[Picture], black: int = 60, fade: int = 12) -> Iterator[Scene]:
    """Begin with two seconds of black, and fade in over the first frame."""
    yield from (_spoilt(clip[0] * np.uint8(0)) for _ in range(black))
    yield from (_spoilt(cv2.convertScaleAbs(clip[0], alpha=(i + 1) / (fade + 1))) for i in range(fade))
    yield from plain(clip)


def titles(clip: Sequence[Picture], length: int = 45) -> Iterator[Scene]:
    """Put a title first, one in the middle and one at the end."""
    half = len(clip) // 2
    first, middle, last = (_card(clip[0].shape, text) for text in ("ME, TURNING", "PART TWO", "THANKS"))
    scenes = list(plain(clip))
    yield from [_spoilt(first)] * length + scenes[:half] + [_spoilt(middle)] * length + scenes[half:]
    yield from [_spoilt(last)] * length


def covered(clip: Sequence[Picture], at: int = 50, length: int = 20, moving: int = 6) -> Iterator[Scene]:
    """Put a hand over the lens for a while."""
    height, width = clip[0].shape[:2]
    y, x = np.mgrid[:height, :width] / [[[height]], [[width]]]
    hand = np.stack([30 + 20 * x, 35 + 25 * y, 90 + 60 * x], -1)
    for i, picture in enumerate(clip):
        since = i - at
        if not 0 <= since < length:
            yield Scene(picture, i, STILL)
            continue
        cover = np.clip(min((since + 1) / moving, (length - since) / moving), 0, 1)
        soft = np.clip((cover * 1.3 - x) / 0.15, 0, 1)[..., None]
        noise = np.random.default_rng(i).normal(0, 5, picture.shape)
        yield _spoilt(np.clip(soft * (hand + noise) + (1 - soft) * picture, 0, 255).astype(np.uint8))


def walks_in(clip: Sequence[Picture], length: int = 40) -> Iterator[Scene]:
    """Show the empty scene first, and then the person, who slides in from the side.

    What is behind them is filled in from around.
    """
    height, width = clip[0].shape[:2]
    found = MediaPipeDetector().detect(clip[0])
    if found is None:
        raise NoPersonError("nobody is in the clip's first frame: give another clip")
    person = (cv2.resize(found.probability, (width, height)) > PERSON_LEVEL).astype(np.uint8)
    quarter = (width // 4, height // 4)
    grown = cv2.dilate(cv2.resize(person, quarter, interpolation=cv2.INTER_NEAREST), np.ones((9, 9), np.uint8))
    filled = cv2.resize(cv2.inpaint(cv2.resize(clip[0], quarter), grown, 5, cv2.INPAINT_TELEA), (width, height))
    behind = cv2.resize(grown, (width, height), interpolation=cv2.INTER_NEAREST)[..., None] > 0
    empty = np.where(behind, filled, clip[0])
    for i in range(length):
        away = round(-width * (1 - max(0, i - length // 3) / (length - length // 3)))
        shift = np.float64([[1, 0, away], [0, 1, 0]])
        mask, moved = (cv2.warpAffine(a, shift, empty.shape[1::-1]) for a in (person, clip[0]))
        yield _spoilt(np.where(mask[..., None] > 0, moved, empty).astype(np.uint8))
    yield from plain(clip)


def bumped(
    clip: Sequence[Picture], at: float = 0.5, until: float = 1.0, shift_px: float = 15.0, turn_deg: float = 0.5
) -> Iterator[Scene]:
    """Shift and turn the picture for a part of the clip, about its middle."""
    height, width = clip[0].shape[:2]
    bump = cv2.getRotationMatrix2D((width / 2, height / 2), turn_deg, 1.0) + [[0, 0, shift_px], [0, 0, -shift_px / 3]]
    for i, picture in enumerate(clip):
        if at * len(clip) <= i < until * len(clip):
            yield Scene(_warp(picture, bump, (width, height)), i, bump)
        else:
            yield Scene(picture, i, STILL)


def jump_cuts(clip: Sequence[Picture]) -> Iterator[Scene]:
    """Cut out three pieces."""
    count = len(clip)
    kept = [
        i for i in range(count) if not any(a * count <= i < b * count for a, b in ((0.2, 0.3), (0.5, 0.6), (0.8, 0.88)))
    ]
    yield from (Scene(clip[i], i, STILL) for i in kept)


def moved_tripod(clip: Sequence[Picture]) -> Iterator[Scene]:
    """Film the second half from a little further away and another place, with a cut between."""
    height, width = clip[0].shape[:2]
    half = len(clip) // 2
    other = np.float64([[0.9, 0, 0.12 * width], [0, 0.9, 0.03 * height]])
    for i, picture in enumerate(clip):
        if i < half:
            yield Scene(picture, i, STILL)
        else:
            yield Scene(_warp(picture, other, (width, height)), i, other)


def resized(clip: Sequence[Picture], width: int, height: int, every: int = 1) -> Iterator[Scene]:
    """Scale every n-th picture to fit, with its border continued to the sides."""
    old_height, old_width = clip[0].shape[:2]
    scale = min(width / old_width, height / old_height)
    small = round(scale * old_width), round(scale * old_height)
    left, top = (width - small[0]) // 2, (height - small[1]) // 2
    placed = np.float64([[small[0] / old_width, 0, left], [0, small[1] / old_height, top]])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    for i in range(0, len(clip), every):
        picture = cv2.resize(clip[i], small, interpolation=how)
        border = (top, height - small[1] - top, left, width - small[0] - left)
        yield Scene(cv2.copyMakeBorder(picture, *border, cv2.BORDER_REPLICATE), i, placed)


VARIATIONS: dict[str, Variation] = {
    "plain": plain,
    "black-start": black_start,
    "titles": titles,
    "covered": covered,
    "walks-in": walks_in,
    "bumped": bumped,
    "bumped-and-back": lambda clip: bumped(clip, 0.35, 0.65),
    "jump-cuts": jump_cuts,
    "moved-tripod": moved_tripod,
    "320-wide": lambda clip: resized(clip, 320, 320),
    "320x240": lambda clip: resized(clip, 320, 240),
    "8k": lambda clip: resized(clip, 7680, 4320, max(1, len(clip) // 30)),
}


def _spoilt(picture: Picture) -> Scene:
    return Scene(picture, None, STILL)


def _warp(picture: Picture, placed: NDArray[np.float64], size: tuple[int, int]) -> Picture:
    """Move a picture as its pixels, counted from its corner, move. ``size``: width and height of the result"""
    centre = placed.copy()
    centre[:, 2] += placed[:, :2] @ [0.5, 0.5] - 0.5
    return np.asarray(cv2.warpAffine(picture, centre, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE))


def _card(shape: tuple[int, ...], text: str) -> Picture:
    height, width = shape[:2]
    card = np.full((height, width, 3), (70, 40, 30), np.uint8)
    scale = width / 400
    cv2.putText(
        card, text, (width // 8, height // 2), cv2.FONT_HERSHEY_DUPLEX, scale, (235, 235, 235), round(3 * scale)
    )
    return card
