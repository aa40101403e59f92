"""Reading 2D keypoints that OpenPose (or anything that writes its JSON) made: BODY_25 or COCO-18."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.files import files_by_frame
from fit_avatar.errors import BadInputError

People = NDArray[np.float32]
"""All the people in one frame, BODY_25 as (u, v, confidence). [P, 25, 3]"""

COCO_18_IN_BODY_25 = (0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18)
"""BODY_25 index of each COCO-18 point; BODY_25 adds the mid-hip and the feet."""
MID_HIP, RIGHT_HIP, LEFT_HIP = 8, 9, 12


def load_openpose(folder: Path, frame_count: int | None = None) -> dict[int, People]:
    """Read a folder of OpenPose JSON files, the last number in a name being the frame's index.

    Args:
        folder: one JSON file per frame; ``people`` may be empty.
        frame_count: frames of the video, to notice a folder that belongs to another one.

    Returns:
        Frame index → people, in pixels of the video's frame.

    Raises:
        BadInputError: broken JSON, NaN, another number of points, or a count that does not fit the video.
    """
    files = files_by_frame(folder, ".json", "OpenPose JSON files")
    if frame_count is not None:
        _check_count(files, frame_count, folder)
    return {index: read_people(path) for index, path in files.items()}


def read_people(path: Path) -> People:
    """Read the people of one OpenPose JSON file. [P, 25, 3]

    Raises:
        BadInputError: broken JSON, NaN, or neither 25 nor 18 points.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise BadInputError(f"The keypoint file {path} is not readable JSON ({error}); make it again.") from None
    people = data.get("people") if isinstance(data, dict) else None
    if not isinstance(people, list):
        raise BadInputError(f"The keypoint file {path} has no list 'people'; it must be OpenPose's JSON.")
    return np.array([_person(p, path) for p in people], np.float32).reshape(-1, 25, 3)


def from_coco_18(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn COCO-18 points [18, 3] into BODY_25 [25, 3]; the mid-hip is the mean of the hips if both are seen."""
    body = np.zeros((25, 3), np.float32)
    body[list(COCO_18_IN_BODY_25)] = points
    hips = body[[RIGHT_HIP, LEFT_HIP]]
    if (hips[:, 2] > 0).all():
        body[MID_HIP] = *hips[:, :2].mean(0), hips[:, 2].min()
    return body


def _person(person: Any, path: Path) -> NDArray[np.float32]:
    values = person.get("pose_keypoints_2d", person.get("pose_keypoints")) if isinstance(person, dict) else None
    try:
        numbers = np.array(values, np.float64).ravel()
    except (TypeError, ValueError):
        numbers = np.array([np.nan])
    if values is None or not np.isfinite(numbers).all():
        raise BadInputError(f"The keypoint file {path} holds something that is not a finite number; make it again.")
    if numbers.size not in (75, 54):
        raise BadInputError(
            f"The keypoint file {path} holds {numbers.size} numbers for a person; "
            "BODY_25 has 75 (25 × 3) and COCO has 54 (18 × 3)."
        )
    points = numbers.reshape(-1, 3).astype(np.float32)
    points[:, 2] = np.clip(points[:, 2], 0.0, 1.0)
    return points if len(points) == 25 else from_coco_18(points)


def _check_count(files: dict[int, Path], frame_count: int, folder: Path) -> None:
    last = max(files)
    if last > frame_count + max(2, frame_count // 20):
        raise BadInputError(
            f"{folder} has keypoints up to frame {last} but the video has {frame_count} frames; "
            "they seem to belong to another clip."
        )
    if len(files) < 0.5 * frame_count and last < 0.5 * frame_count:
        raise BadInputError(
            f"{folder} has keypoints for {len(files)} frames (up to frame {last}) but the video has {frame_count}; "
            "run OpenPose over the whole clip."
        )
