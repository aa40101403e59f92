"""A frame that shows the person, before its mask is made, and where people are in several of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.mediapipe_pose import Detection
from fit_avatar.capture.moves import Move, moved_values, resized_move
from fit_avatar.capture.points import Points
from fit_avatar.capture.types import PERSON_LEVEL, Mask


@dataclass(frozen=True)
class Candidate:
    """A frame that shows the person, before its mask is made."""

    points: Points
    """All points. [137, 3]"""
    probability: NDArray[np.uint8] | None
    """Of the person, as 0..255; ``None`` if masks are given. [h, w]"""
    detection: Detection | None = None
    """What the built-in detector has found, where it was asked."""
    crossed: bool = False
    """Whether somebody who is not seen must be right behind the person."""

    @property
    def others(self) -> NDArray[np.uint8] | None:
        """Return the probability of everybody else, if the detector sees anybody. [h, w]"""
        return None if self.detection is None else self.detection.others

    def moved(self, points: Points, move: Move | None, size: tuple[int, int]) -> Candidate:
        """Return the frame with other points, and moved, if it is. ``size``: width and height of the picture"""
        if move is None or self.probability is None:
            return replace(self, points=points)
        scale_y, scale_x = np.divide(self.probability.shape, size[::-1]).tolist()
        small = resized_move(move, scale_x, scale_y)

        def shifted(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
            return moved_values(values, small, cv2.INTER_LINEAR)

        others = None if self.others is None else shifted(self.others)
        detection = None if self.detection is None else replace(self.detection, others=others)
        return replace(self, points=points, probability=shifted(self.probability), detection=detection)


def coarse_masks(found: Mapping[int, Candidate]) -> dict[int, Mask]:
    """Return where the detector sees the person, at the size of its own masks. Frame index → [h, w]"""
    return {index: c.probability > PERSON_LEVEL for index, c in found.items() if c.probability is not None}


def people_in(found: Mapping[int, Candidate], masks: Mapping[int, Mask] | None) -> dict[int, Mask]:
    """Return where the person and everybody else is: they move as the background does not. Frame index → [h, w]

    ``masks``: of the person, if there are given ones.
    """
    own = coarse_masks(found) if masks is None else masks
    people = dict(own)
    for index, mask in own.items():
        others = found[index].others if index in found else None
        if others is not None:
            people[index] = mask | (cv2.resize(others, mask.shape[::-1]) > PERSON_LEVEL)
    return people
