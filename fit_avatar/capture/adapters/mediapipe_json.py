"""MediaPipe's 33 landmarks as scripts write them to JSON: x and y as fractions of the picture, and visibility."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fit_avatar.body.keypoint_sets import MEDIAPIPE_33
from fit_avatar.capture.adapters.found import FRACTIONS, Found
from fit_avatar.capture.points import Points, from_named, read_points
from fit_avatar.errors import BadInputError

LANDMARKS = ("pose_landmarks", "poseLandmarks", "landmarks", "pose")
FRAME = ("frame", "frame_id", "frame_index", "frame_idx", "frame_number", "index")
"""Names that scripts give to a frame's landmarks and its number."""


def read(data: Any, path: Path) -> Found | None:
    """Read the landmarks of one picture or of all frames; ``None`` for another layout."""
    if isinstance(data, dict) and isinstance(data.get("frames"), list):
        data = data["frames"]
    if _is_landmarks(data):
        return Found({None: [_person(data, path)]}, FRACTIONS)
    if isinstance(data, dict) and (people := _people(data, path)) is not None:
        return Found({None: people}, FRACTIONS)
    if not isinstance(data, list) or not data:
        return None
    found: dict[int | None, list[Points]] = {}
    for place, frame in enumerate(data):
        people = [_person(frame, path)] if _is_landmarks(frame) else _people(frame, path)
        if people is None:
            return None
        number = next((frame[n] for n in FRAME if n in frame), place) if isinstance(frame, dict) else place
        if isinstance(number, bool) or not isinstance(number, int):
            raise BadInputError(f"the keypoint file {path} has the frame number {number!r}: it must be a whole number")
        found[number] = people
    return Found(found, FRACTIONS) if any(found.values()) else None


def _people(frame: Any, path: Path) -> list[Points] | None:
    """Return the people of a frame, none where its landmarks are null; ``None`` for another layout."""
    name = next((name for name in LANDMARKS if isinstance(frame, dict) and name in frame), None)
    if name is None:
        return None
    landmarks = frame[name]
    if not landmarks:
        return []
    if _is_landmarks(landmarks):
        return [_person(landmarks, path)]
    if isinstance(landmarks, list) and all(_is_landmarks(one) for one in landmarks):
        return [_person(one, path) for one in landmarks]
    return None


def _is_landmarks(value: Any) -> bool:
    if not isinstance(value, list) or not value:
        return False
    rows = len(value) == len(MEDIAPIPE_33) and all(isinstance(p, list) and len(p) == 4 for p in value)
    return rows or all(isinstance(p, dict) and {"x", "y"} <= p.keys() for p in value)


def _person(landmarks: list[Any], path: Path) -> Points:
    """Return the points of landmarks with names, or of rows (x, y, z, visibility). [137, 3]"""
    if len(landmarks) != len(MEDIAPIPE_33):
        raise BadInputError(f"the keypoint file {path} has {len(landmarks)} landmarks: MediaPipe's pose has 33")
    points = read_points([_numbers(landmark) for landmark in landmarks], (len(MEDIAPIPE_33),), path, "person")
    return from_named(points, MEDIAPIPE_33)


def _numbers(landmark: Any) -> tuple[Any, Any, Any]:
    if isinstance(landmark, list):
        return landmark[0], landmark[1], landmark[3]
    return landmark["x"], landmark["y"], landmark.get("visibility", landmark.get("v", 1.0))
