"""MediaPipe's landmarks as scripts write them to JSON: x and y as fractions of the picture, and visibility.

The 33 of the pose, and beside those of one person the face's 468 or 478 and the hands' 21 (holistic).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from fit_avatar.body.keypoint_sets import (
    FACE_468,
    FACE_478,
    LEFT_HAND_21,
    MEDIAPIPE_33,
    OPENPOSE_137,
    RIGHT_HAND_21,
)
from fit_avatar.capture.adapters.found import FRACTIONS, Found
from fit_avatar.capture.point_sets import convert_points
from fit_avatar.capture.points import Points, from_named, read_points
from fit_avatar.errors import BadInputError

LANDMARKS = ("pose_landmarks", "poseLandmarks", "landmarks", "pose")
PARTS = {
    ("face_landmarks", "faceLandmarks"): (FACE_468, FACE_478),
    ("left_hand_landmarks", "leftHandLandmarks"): (LEFT_HAND_21,),
    ("right_hand_landmarks", "rightHandLandmarks"): (RIGHT_HAND_21,),
}
"""Names of face and hands beside the pose, and the sets of points that each may have."""
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
        return [_with_parts(_person(landmarks, path), frame, path)]
    if isinstance(landmarks, list) and all(_is_landmarks(one) for one in landmarks):
        return [_person(one, path) for one in landmarks]
    return None


def _with_parts(person: Points, frame: dict[str, Any], path: Path) -> Points:
    """Return a person [137, 3] with the face and the hands that a frame holds beside the pose."""
    joined = person.copy()
    for names, sets in PARTS.items():
        landmarks = next((frame[name] for name in names if frame.get(name)), None)
        if landmarks is None:
            continue
        by_count = {len(points): points for points in sets}
        if not isinstance(landmarks, list) or len(landmarks) not in by_count:
            allowed = " or ".join(map(str, by_count))
            raise BadInputError(f"the keypoint file {path} has {names[0]} without {allowed} landmarks: make it again")
        seen = [(*_numbers(each, path)[:2], 1.0) for each in landmarks]  # their visibility is always 0
        points = read_points(seen, tuple(by_count), path, names[0])
        part = convert_points(points, by_count[len(points)], OPENPOSE_137)
        joined = np.where(part[:, 2:] > 0, part, joined)
    return joined


def _is_landmarks(value: Any) -> bool:
    if not isinstance(value, list) or not value:
        return False
    rows = len(value) == len(MEDIAPIPE_33) and all(isinstance(p, list) and len(p) == 4 for p in value)
    return rows or all(isinstance(p, dict) and {"x", "y"} <= p.keys() for p in value)


def _person(landmarks: list[Any], path: Path) -> Points:
    """Return the points of landmarks with names, or of rows (x, y, z, visibility). [137, 3]"""
    if len(landmarks) != len(MEDIAPIPE_33):
        raise BadInputError(f"the keypoint file {path} has {len(landmarks)} landmarks: MediaPipe's pose has 33")
    points = read_points([_numbers(landmark, path) for landmark in landmarks], (len(MEDIAPIPE_33),), path, "person")
    return from_named(points, MEDIAPIPE_33)


def _numbers(landmark: Any, path: Path) -> tuple[Any, Any, Any]:
    """Return x, y and visibility."""
    if isinstance(landmark, list) and len(landmark) in (2, 3, 4):
        return landmark[0], landmark[1], landmark[3] if len(landmark) == 4 else 1.0
    if isinstance(landmark, dict) and {"x", "y"} <= landmark.keys():
        visibility = landmark.get("visibility", landmark.get("v", 1.0))
        return landmark["x"], landmark["y"], visibility
    raise BadInputError(f"the keypoint file {path} has a landmark without x and y: make it again")
