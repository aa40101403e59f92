"""A bare JSON array of points, one file per frame, as ExAvatar's preprocessing writes them: ``[133][3]``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fit_avatar.capture.adapters.found import Found, named_person
from fit_avatar.capture.points import Points

MAX_DEPTH = 4


def read(data: Any, path: Path) -> Found | None:
    """Read one person [N, 3] or several [P, N, 3]; ``None`` for another layout."""
    if not isinstance(data, list) or not data or not isinstance(data[0], list):
        return None
    depth = _depth(data)
    if depth not in (2, 3):
        return None
    people = [data] if depth == 2 else data
    return Found({None: [_person(one, path) for one in people]})


def _depth(data: Any) -> int:
    """Return how deep lists are nested around the first number; 0 if there is none."""
    for depth in range(MAX_DEPTH):
        if isinstance(data, (int, float)):
            return depth
        if not isinstance(data, list) or not data:
            break
        data = data[0]
    return 0


def _person(values: list[Any], path: Path) -> Points:
    without_confidence = all(isinstance(point, list) and len(point) == 2 for point in values)
    return named_person(values, [1.0] * len(values) if without_confidence else None, path)
