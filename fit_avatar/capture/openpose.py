"""Reading 2D keypoints in OpenPose's JSON format: BODY_25, COCO-18 or MPI-15, face and hands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fit_avatar.body.keypoint_sets import BODY_25, COCO_18, MPI_15
from fit_avatar.capture.adapters.found import Found, common_size
from fit_avatar.capture.files import files_by_frame, read_json
from fit_avatar.capture.points import BODY, NUM_POINTS, People, Points, from_named, join_parts, read_points
from fit_avatar.errors import BadInputError

BODIES = {25: BODY_25, 18: COCO_18, 15: MPI_15}
"""The named set of a body's points, by their number."""
PARTS = {"pose": tuple(BODIES), "face": (70,), "hand_left": (21,), "hand_right": (21,)}
"""How many points each part may have; the key is the part's name in the file without ``_keypoints_2d``."""

MAX_PEOPLE = 1000
"""In one frame; more are damage. Chosen by hand."""


def load_openpose(folder: Path) -> dict[int, People]:
    """Read a folder of OpenPose JSON files, the last number in a name being the frame's index.

    Args:
        folder: one JSON file per frame; ``people`` may be empty.

    Returns:
        Frame index → people [P, 137, 3], in pixels of the video's frame.

    Raises:
        BadInputError: no folder, broken JSON, NaN, or a number of points that OpenPose does not write.
    """
    files = files_by_frame(folder, ".json", "OpenPose JSON files")
    return {index: read_people(path) for index, path in files.items()}


def read_people(path: Path) -> People:
    """Read the people of one OpenPose JSON file; parts that are not in it have confidence 0. [P, 137, 3]

    Raises:
        BadInputError: broken JSON, NaN, or a number of points that OpenPose does not write.
    """
    return parse_people(read_json(path, "keypoint file"), path)


def parse_people(data: Any, path: Path) -> People:
    """Return the people of a parsed OpenPose file. [P, 137, 3]

    Raises:
        BadInputError: as :func:`read_people`.
    """
    people = data.get("people") if isinstance(data, dict) else None
    if not isinstance(people, list):
        raise BadInputError(f"the keypoint file {path} has no list 'people': it must be OpenPose's JSON")
    if len(people) > MAX_PEOPLE:
        raise BadInputError(f"the keypoint file {path} has {len(people)} people in one frame: make it again")
    return np.array([_person(p, path) for p in people], np.float32).reshape(-1, NUM_POINTS, 3)


def read(data: Any, path: Path) -> Found | None:
    """Read the people of one frame, or a list of frames as ComfyUI writes it; ``None`` for another layout."""
    frames = data if isinstance(data, list) else [data]
    if not frames or not all(isinstance(frame, dict) and "people" in frame for frame in frames):
        return None
    people = [list(parse_people(frame, path)) for frame in frames]
    size = common_size([(frame.get("canvas_width"), frame.get("canvas_height")) for frame in frames], path)
    every = [person for frame in frames for person in frame["people"] if isinstance(person, dict)]
    may_be_25b = any(len(_pose(person) or ()) == 3 * len(BODY_25) for person in every)
    numbers = range(len(people)) if isinstance(data, list) else (None,)
    return Found(dict(zip(numbers, people, strict=True)), size, may_be_25b)


def from_coco_18(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Convert COCO-18 points [18, 3] to BODY_25 [25, 3]; the mid-hip is seen if both hips are."""
    return from_named(points, COCO_18)[BODY]


def _person(person: Any, path: Path) -> Points:
    found = {part: _part(person, part, path) for part in PARTS} if isinstance(person, dict) else {}
    if all(points is None for points in found.values()):
        raise BadInputError(f"the keypoint file {path} has a person without pose_keypoints_2d: make it again")
    pose = found["pose"]
    body = np.zeros((25, 3), np.float32) if pose is None else from_named(pose, BODIES[len(pose)])[BODY]
    return join_parts(body, found["face"], found["hand_left"], found["hand_right"])


def _pose(person: dict[str, Any]) -> Any:
    return person.get("pose_keypoints_2d", person.get("pose_keypoints"))


def _part(person: dict[str, Any], part: str, path: Path) -> Points | None:
    # OpenPose before 1.3 wrote no "_2d"; for parts that are switched off it writes an empty list.
    values = person.get(f"{part}_keypoints_2d", person.get(f"{part}_keypoints"))
    if values is None or values == []:
        return None
    return read_points(values, PARTS[part], path, {"pose": "body", "face": "face"}.get(part, "hand"))
