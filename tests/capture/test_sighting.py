"""The person who is meant, before masks are made."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from fit_avatar.capture.config import CaptureConfig
from fit_avatar.capture.mask_check import ELBOWS
from fit_avatar.capture.points import NUM_POINTS, Points
from fit_avatar.capture.presence import LEGS
from fit_avatar.capture.refusals import Given
from fit_avatar.capture.sighting import _require_upper_body
from fit_avatar.errors import NoPersonError

OBSERVER = cast(
    Any,
    SimpleNamespace(
        clip=SimpleNamespace(width=100, height=100), config=CaptureConfig(), given=Given(Path("face.mp4"), None)
    ),
)


def frames(faces: int, bodies: int, shown: tuple[int, ...] = ()) -> dict[int, Points]:
    """Return frames of faces, below whose picture are legs and elbows, but for some points, and of whole bodies."""
    points = {3 * t: np.full((NUM_POINTS, 3), 50, np.float32) for t in range(faces + bodies)}
    for one in list(points.values())[:faces]:
        one[[k for k in (*LEGS, *ELBOWS) if k not in shown], 1] = 140.0
    return points


def test_faces_are_told_before_masks_are_made() -> None:
    with pytest.raises(NoPersonError, match=r"^the person in face\.mp4 is cut off at the bottom in 9 of 10 frames"):
        _require_upper_body(OBSERVER, frames(9, 1))


@pytest.mark.parametrize(
    "points", [frames(7, 3), frames(10, 0, shown=ELBOWS[:1]), frames(10, 0, shown=LEGS[:1])],
    ids=["faces now and then", "an elbow", "a leg"],
)  # fmt: skip
def test_who_shows_more_is_observed(points: dict[int, Points]) -> None:
    _require_upper_body(OBSERVER, points)
