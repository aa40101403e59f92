"""The person who is meant, before masks are made."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from fit_avatar.capture.config import CaptureConfig
from fit_avatar.capture.points import NUM_POINTS, Points
from fit_avatar.capture.refusals import Given
from fit_avatar.capture.sighting import LEGS, _require_legs
from fit_avatar.errors import NoPersonError

OBSERVER = cast(
    Any, SimpleNamespace(clip=SimpleNamespace(height=100), config=CaptureConfig(), given=Given(Path("face.mp4"), None))
)


def frames(knees: list[float]) -> dict[int, Points]:
    points = {3 * t: np.full((NUM_POINTS, 3), 50, np.float32) for t in range(len(knees))}
    for one, height in zip(points.values(), knees, strict=True):
        one[LEGS, 1] = height
    return points


def test_legs_below_the_picture_are_told_before_masks_are_made() -> None:
    with pytest.raises(NoPersonError, match=r"^the person in face\.mp4 is cut off at the bottom in 9 of 10 frames"):
        _require_legs(OBSERVER, frames(9 * [140.0] + [80.0]))


def test_a_person_who_is_cut_off_now_and_then_is_observed() -> None:
    _require_legs(OBSERVER, frames(6 * [140.0] + 4 * [80.0]))
    one_foot = frames(10 * [80.0])
    for points in one_foot.values():
        points[LEGS[-1], 1] = 120.0
    _require_legs(OBSERVER, one_foot)
