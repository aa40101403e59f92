"""AlphaPose's ``--format cmu`` and ``--format open``: OpenPose's COCO-18, for one picture or all pictures by name.

Its default format is a list of COCO results (:mod:`fit_avatar.capture.coco_wholebody`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fit_avatar.body.keypoint_sets import COCO_18
from fit_avatar.capture.adapters.found import Found
from fit_avatar.capture.files import frame_number
from fit_avatar.capture.openpose import parse_people
from fit_avatar.capture.points import Points, from_named, read_points
from fit_avatar.errors import BadInputError


def read(data: Any, path: Path) -> Found | None:
    """Read the people of one picture, or of all pictures; ``None`` for another layout."""
    if not isinstance(data, dict) or not data:
        return None
    if "bodies" in data:
        return Found({None: _people(data, path)})
    if not all(isinstance(one, dict) and ("bodies" in one or "people" in one) for one in data.values()):
        return None
    return Found({_frame(name, path): _people(one, path) for name, one in data.items()})


def _people(picture: dict[str, Any], path: Path) -> list[Points]:
    if "bodies" not in picture:
        return list(parse_people(picture, path))
    bodies = picture["bodies"]
    if not isinstance(bodies, list) or not all(isinstance(body, dict) and "joints" in body for body in bodies):
        raise BadInputError(f"the keypoint file {path} has a body without 'joints': make it again")
    return [from_named(read_points(body["joints"], (18,), path, "body", top=float("inf")), COCO_18) for body in bodies]


def _frame(name: str, path: Path) -> int:
    number = frame_number(Path(name).stem)
    if number is None:
        raise BadInputError(f"the keypoint file {path} has the picture {name[:60]!r} without a number in its name")
    return number
