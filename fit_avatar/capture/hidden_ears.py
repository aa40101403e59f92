"""Whether hair or a cap covers the ears: those that are seen are about as light as the face, and of its colour."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.capture.person import body_size
from fit_avatar.capture.points import Points
from fit_avatar.capture.skin_colour import colour_around
from fit_avatar.capture.types import Capture, Image

_NOSE, _EARS = BODY_25.index("nose"), [BODY_25.index(f"{side}_ear") for side in ("left", "right")]


@dataclass(frozen=True)
class HiddenEarsConfig:
    """When ears are hidden. Lengths in heights are fractions of the person's height; colours are CIE Lab's."""

    frames: int = 8
    """As many frames that show a side of the head are looked at, for each. Chosen by hand."""
    fewest_frames: int = 2
    """With fewer nothing is said of an ear. Chosen by hand."""
    min_confidence: float = 0.4
    """Points of less confidence are not looked at. Chosen by hand."""
    from_the_side: float = 0.045
    """A head is seen from the side where the nose is so far beside the ear, in heights: turned by half a right angle.
    Chosen by hand."""
    radius: float = 0.012
    """Radius of what is looked at of ear and face, in heights. Chosen by hand."""
    towards_ear: float = 0.25
    """Where the middle of the face's patch is, from the nose to the ear: on the cheek. Chosen by hand."""
    most_tint: float = 10.0
    """What is so far from the face's tint (a, b) is no ear. Chosen by hand, as for feet."""
    least_light: float = 0.78
    """What is darker than the face by this factor is no ear, or one in a shadow: both sides must be. Measured on
    rendered people: the lighter side had 0.66 below hair, and 0.89 or more where ears were seen."""
    fewest_pixels: int = 12
    """Smaller patches say nothing. Chosen by hand, as for feet."""


DEFAULT_HIDDEN_EARS = HiddenEarsConfig()


def ears_are_hidden(
    capture: Capture, pictures: Iterable[tuple[int, Image]], config: HiddenEarsConfig = DEFAULT_HIDDEN_EARS
) -> bool:
    """Return whether both ears are covered: False where they are not seen well enough to tell.

    Args:
        capture: keypoints and masks.
        pictures: undistorted BGR frames with their index in the video; they are gone through until enough are seen.
        config: settings.
    """
    shown = [_frames_of(capture.keypoints, ear, config) for ear in _EARS]
    if min(map(len, shown)) < config.fewest_frames:
        return False
    place = {int(capture.frame_indices[i]): i for frames in shown for i in frames}
    compared: dict[int, list[tuple[float, float]]] = {ear: [] for ear in _EARS}
    for index, picture in pictures:
        i = place.pop(index, None)
        if i is None:
            continue
        for ear, frames in zip(_EARS, shown, strict=True):
            if i in frames:
                compared[ear] += _compared(picture, capture, i, ear, config)
        if not place:
            break
    if min(map(len, compared.values())) < config.fewest_frames:
        return False
    tint, light = np.array([np.median(found, axis=0) for found in compared.values()]).T
    return bool(light.max() < config.least_light or tint.min() > config.most_tint)


def _frames_of(keypoints: Points, ear: int, config: HiddenEarsConfig) -> list[int]:
    """Return frames that show an ear and the face from the side, spread over those there are. keypoints [T, K, 3]"""
    found = []
    for i, points in enumerate(keypoints):
        height = body_size(points)
        if height > 0 and (points[[_NOSE, ear], 2] > config.min_confidence).all():
            beside = abs(points[ear, 0] - points[_NOSE, 0]) / height
            if beside > config.from_the_side:
                found.append(i)
    chosen = np.linspace(0, len(found) - 1, min(config.frames, len(found))).round().astype(int)
    return [found[k] for k in chosen]


def _compared(
    picture: Image, capture: Capture, i: int, ear: int, config: HiddenEarsConfig
) -> list[tuple[float, float]]:
    """Return how far an ear's tint is from the face's, and its light as a fraction of the face's, if both are seen."""
    points, mask = capture.keypoints[i], capture.masks[i]
    radius = config.radius * body_size(points)
    cheek = points[_NOSE, :2] + config.towards_ear * (points[ear, :2] - points[_NOSE, :2])
    face = colour_around(picture, mask, cheek, radius, config.fewest_pixels)
    seen = colour_around(picture, mask, points[ear, :2], radius, config.fewest_pixels)
    if face is None or seen is None:
        return []
    return [(float(np.hypot(*(seen - face)[1:])), float(seen[0] / max(face[0], 1.0)))]
