"""YOLO's pose labels: one text file per frame, one line per person, everything as fractions of the picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fit_avatar.body.keypoint_sets import COCO_17
from fit_avatar.capture.adapters.found import FRACTIONS, Found
from fit_avatar.capture.points import Points, from_named, read_points
from fit_avatar.errors import BadInputError

BEFORE = 5
"""Class, and the box's centre and size, come before the points."""
AFTER = 2
"""The box's confidence and the track's number may follow."""


def read_text(path: Path) -> Found:
    """Read one frame's people: class, box, then 17 × (x, y) or 17 × (x, y, confidence).

    Raises:
        BadInputError: not such a file.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"the keypoint file {path} cannot be read ({error}): make it again") from None
    return Found({None: [_person(line.split(), path) for line in lines if line.strip()]}, FRACTIONS)


def _person(words: list[str], path: Path) -> Points:
    for width in (3, 2):
        count = width * len(COCO_17)
        if BEFORE + count <= len(words) <= BEFORE + count + AFTER:
            try:
                numbers = [float(word) for word in words[BEFORE : BEFORE + count]]
            except ValueError:
                break
            values: NDArray[np.float64] = np.array(numbers).reshape(-1, width)
            if width == 2:
                values = np.column_stack([values, (values != 0).any(1)])
            return from_named(read_points(values, (len(COCO_17),), path, "person", top=2.0), COCO_17)
    raise BadInputError(
        f"{path} holds no keypoints that can be read: give a folder of OpenPose JSON, or of YOLO's pose labels with "
        "COCO's 17 points"
    )
