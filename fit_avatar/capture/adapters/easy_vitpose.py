"""easy_ViTPose's JSON: for every frame the people by their track number, each point as (y, x, confidence)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fit_avatar.body.keypoint_sets import COCO_17, COCO_WHOLEBODY_133, EASY_VITPOSE_25
from fit_avatar.capture.adapters.found import Found
from fit_avatar.capture.points import Points, from_named, names_by_count, read_points

SETS = names_by_count((EASY_VITPOSE_25, COCO_17, COCO_WHOLEBODY_133))
"""The sets of points that its models have."""


def read(data: Any, path: Path) -> Found | None:
    """Read all frames; ``None`` for another layout."""
    frames = data.get("keypoints") if isinstance(data, dict) and "skeleton" in data else None
    if not isinstance(frames, list) or not all(isinstance(frame, dict) for frame in frames):
        return None
    return Found({k: [_person(one, path) for one in frame.values()] for k, frame in enumerate(frames)})


def _person(values: Any, path: Path) -> Points:
    points = read_points(values, tuple(SETS), path, "person", top=float("inf"))
    return from_named(points[:, [1, 0, 2]], SETS[len(points)])
