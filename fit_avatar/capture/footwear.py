"""Whether a person wears something on the feet: bare feet have the colour of the face."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.capture.person import body_size
from fit_avatar.capture.points import Points
from fit_avatar.capture.skin_colour import colour_around
from fit_avatar.capture.types import Capture, Image, Mask

_NOSE, _EYES = BODY_25.index("nose"), [BODY_25.index(f"{side}_eye") for side in ("left", "right")]
_FEET = [[BODY_25.index(f"{side}_{name}") for name in ("ankle", "big_toe")] for side in ("left", "right")]


@dataclass(frozen=True)
class FootwearConfig:
    """When feet are bare. Lengths in heights are fractions of the person's height; colours are CIE Lab's."""

    frames: int = 12
    """As many frames that show face and feet are looked at. Chosen by hand."""
    min_confidence: float = 0.4
    """Points of less confidence are not looked at. Chosen by hand."""
    face: float = 0.016
    """Radius of the skin around the nose, in heights: it holds no hair. Chosen by hand."""
    foot: float = 0.010
    """Radius of what is looked at of the back of a foot, in heights. Chosen by hand."""
    towards_toes: float = 0.7
    """Where its middle is, from the ankle to the big toe: below the hem of trousers. Chosen by hand."""
    most_tint: float = 10.0
    """Feet whose tint (a, b) is so far from the face's are covered. Chosen by hand: a just noticeable difference is
    2.3, shading and a floor that is mirrored in the skin make 5."""
    least_light: float = 0.6
    """Feet that are darker than the face by this factor are covered. Chosen by hand."""
    fewest_pixels: int = 12
    """Smaller patches of skin say nothing. Chosen by hand."""


DEFAULT_FOOTWEAR = FootwearConfig()


def wears_shoes(
    capture: Capture, pictures: Iterable[tuple[int, Image]], config: FootwearConfig = DEFAULT_FOOTWEAR
) -> bool:
    """Return whether the feet are covered, by shoes or socks: False only if they are seen to have the face's colour.

    Args:
        capture: keypoints and masks.
        pictures: undistorted BGR frames with their index in the video; they are gone through until enough are seen.
        config: settings.
    """
    place = {int(index): i for i, index in enumerate(capture.frame_indices)}
    differences: list[tuple[float, float]] = []
    for index, picture in pictures:
        if index not in place:
            continue
        i = place[index]
        differences += _compared(picture, capture.keypoints[i], capture.masks[i], config)
        if len(differences) >= 2 * config.frames:
            break
    if not differences:
        return True
    tint, light = np.median(np.array(differences), axis=0)
    return bool(tint > config.most_tint or light < config.least_light)


def _compared(picture: Image, points: Points, mask: Mask, config: FootwearConfig) -> list[tuple[float, float]]:
    """Return how far each foot's tint is from the face's, and its light as a fraction of the face's."""
    height, sure = body_size(points), points[:, 2] > config.min_confidence
    if height == 0.0 or not sure[[_NOSE, *_EYES]].all():
        return []
    face = colour_around(picture, mask, points[_NOSE, :2], config.face * height, config.fewest_pixels)
    found = []
    for ankle, toe in _FEET:
        if face is None or not sure[[ankle, toe]].all():
            continue
        middle = points[ankle, :2] + config.towards_toes * (points[toe, :2] - points[ankle, :2])
        foot = colour_around(picture, mask, middle, config.foot * height, config.fewest_pixels)
        if foot is not None:
            found.append((float(np.hypot(*(foot - face)[1:])), float(foot[0] / max(face[0], 1.0))))
    return found
