"""The keypoints of one person through a clip: tracked, with left and right and outliers corrected."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.config import CaptureConfig
from fit_avatar.capture.left_right import LeftRightConfig, fix_left_right
from fit_avatar.capture.person import find_second_person, track_person
from fit_avatar.capture.points import People, Points


@dataclass(frozen=True)
class Track:
    """One person in all frames whose people are known, not only in the selected ones: neighbours are nearer then."""

    points: dict[int, Points]
    """Frame index → all points, corrected. [137, 3]"""
    swapped: frozenset[int]
    """Frames in which left and right had been exchanged."""
    second_person: dict[int, Points]
    """Frame index → somebody else of about the same size. [137, 3]"""

    @classmethod
    def of(cls, people: Mapping[int, People], times_s: NDArray[np.float64], config: CaptureConfig) -> Track:
        """Track a person.

        Args:
            people: frame index → everybody in the frame. [P, 137, 3]
            times_s: of all frames of the video. [F]
            config: settings.
        """
        person = track_person(people, sorted(people), config.tracking)
        points, swapped = fix_points(person, times_s, config.left_right)
        return cls(points, swapped, find_second_person(people, person, config.tracking))

    def changed(self, change: Callable[[Points], Points]) -> Track:
        """Return the track with all its points changed in the same way."""
        points, second = ({index: change(p) for index, p in some.items()} for some in (self.points, self.second_person))
        return replace(self, points=points, second_person=second)


def fix_points(
    points: Mapping[int, Points], times_s: NDArray[np.float64], config: LeftRightConfig
) -> tuple[dict[int, Points], frozenset[int]]:
    """Correct left and right, and outliers, of one person's points.

    Args:
        points: frame index → all points. [137, 3]
        times_s: of all frames of the video. [F]
        config: settings.

    Returns:
        Frame index → corrected points; and the frames whose left and right were exchanged.
    """
    if not points:
        return {}, frozenset()
    indices = np.array(sorted(points), np.int64)
    fixed, swapped = fix_left_right(np.stack([points[i] for i in indices.tolist()]), times_s[indices], config)
    return dict(zip(indices.tolist(), fixed, strict=True)), frozenset(indices[swapped].tolist())
