"""What a keypoint file holds, in its own units and its own numbering of frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fit_avatar.body.keypoint_sets import (
    COCO_17,
    COCO_WHOLEBODY_133,
    HALPE_26,
    HALPE_136,
    SAPIENS_308,
)
from fit_avatar.capture.points import Points, from_named, names_by_count, read_points
from fit_avatar.errors import BadInputError

SETS = names_by_count((COCO_17, COCO_WHOLEBODY_133, HALPE_26, HALPE_136, SAPIENS_308))
"""The sets of points that layouts without names may hold, by their numbers of points."""
FRACTIONS = (1.0, 1.0)
"""The size of a picture whose coordinates are fractions of it."""


@dataclass(frozen=True)
class Found:
    """People in a keypoint file."""

    people: dict[int | None, list[Points]]
    """Frame → everybody in it [137, 3]; ``None`` if the file does not say which frame it is. Confidences may exceed
    1."""
    size: tuple[float, float] | None = None
    """Width and height of the picture in the coordinates' unit, if the layout or the file says it."""
    may_be_25b: bool = False
    """Bodies of 25 points were taken as BODY_25 and may be BODY_25B."""
    from_one: bool = False
    """The layout counts frames from 1."""
    is_paired: bool = False
    """Frames are indices already, as the files are named like the video's pictures."""


def named_person(values: Any, scores: Any, path: Path, sets: Sequence[int] = tuple(SETS)) -> Points:
    """Return one person's 137 points from the coordinates and scores of a set that their number tells.

    Args:
        values: (u, v) or (u, v, confidence) of every point, nested or flat.
        scores: confidences, if they are apart; ``None`` for points with a confidence of their own.
        path: the file, for the message.
        sets: numbers of points that are valid.

    Raises:
        BadInputError: no such set, or something that is not a finite number.
    """
    if scores is not None:
        try:
            pairs = np.array(values, np.float64).reshape(-1, 2)
            values = np.column_stack([pairs, np.array(scores, np.float64).ravel()])
        except (TypeError, ValueError, OverflowError):
            raise BadInputError(
                f"the keypoint file {path} has a person with as many scores as points missing: make it again"
            ) from None
    points = read_points(values, sets, path, "person", top=np.inf)
    return from_named(points, SETS[len(points)])


def common_size(sizes: Sequence[Any], path: Path) -> tuple[float, float] | None:
    """Return the one size (width, height) of all pictures that a file is about; ``None`` if it says none.

    Raises:
        BadInputError: the pictures have different sizes.
    """
    known = {size for size in sizes if all(isinstance(n, (int, float)) and n > 0 for n in size)}
    if len(known) > 1:
        raise BadInputError(f"the keypoint file {path} is about pictures of different sizes: give those of one video")
    return next(((float(w), float(h)) for w, h in known), None)
