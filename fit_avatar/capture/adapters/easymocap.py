"""EasyMocap's ``annots/<camera>/000000.json``: BODY_25, face and hands of everybody, and the picture's size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fit_avatar.capture.adapters.found import Found, common_size
from fit_avatar.capture.points import Points, join_parts, read_points
from fit_avatar.errors import BadInputError

PARTS = {"keypoints": 25, "face2d": 70, "handl2d": 21, "handr2d": 21}
"""A person's parts, and their numbers of points."""


def read(data: Any, path: Path) -> Found | None:
    """Read one picture's people; ``None`` for another layout."""
    if not isinstance(data, dict) or not isinstance(data.get("annots"), list):
        return None
    people = [_person(one, path) for one in data["annots"]]
    return Found({None: people}, common_size([(data.get("width"), data.get("height"))], path))


def _person(one: Any, path: Path) -> Points:
    if not isinstance(one, dict) or not isinstance(one.get("keypoints"), list):
        raise BadInputError(f"the keypoint file {path} has a person without 'keypoints': make it again")
    body, *others = (
        read_points(one[name], (count,), path, name) if one.get(name) else None for name, count in PARTS.items()
    )
    if body is None:
        raise BadInputError(f"the keypoint file {path} has a person without 'keypoints': make it again")
    return join_parts(body, *others)
