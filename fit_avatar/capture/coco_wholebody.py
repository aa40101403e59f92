"""Reading COCO-WholeBody keypoints (133 points: body, feet, face, hands), and plain COCO's 17.

The orders are those of the COCO-WholeBody data format (Jin et al., "Whole-Body Human Pose Estimation in the Wild",
ECCV 2020); MMPose and others write their results in the same layout.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.files import frame_number, read_json
from fit_avatar.capture.points import MID_HIP, NECK, People, Points, join_parts, read_points, with_midpoints
from fit_avatar.errors import BadInputError

COCO_17, COCO_FEET, COCO_FACE, COCO_LEFT, COCO_RIGHT = (
    slice(0, 17), slice(17, 23), slice(23, 91), slice(91, 112), slice(112, 133),
)  # fmt: skip
"""Where the parts are among the 133 points."""
PARTS = {"foot_kpts": COCO_FEET, "face_kpts": COCO_FACE, "lefthand_kpts": COCO_LEFT, "righthand_kpts": COCO_RIGHT}
"""Names of the parts in a file, beside ``keypoints``."""
BODY_25_FROM = {
    0: 0, 2: 6, 3: 8, 4: 10, 5: 5, 6: 7, 7: 9, 9: 12, 10: 14, 11: 16, 12: 11, 13: 13, 14: 15,
    15: 2, 16: 1, 17: 4, 18: 3, 19: 17, 20: 18, 21: 19, 22: 20, 23: 21, 24: 22,
}  # fmt: skip
"""BODY_25 index → COCO-WholeBody index."""
OCCLUDED_CONFIDENCE = 0.5
"""Confidence of a point that is labelled as occluded (visibility 1; visible is 2). Chosen by hand."""


def from_coco_wholebody(points: NDArray[np.float32]) -> Points:
    """Convert COCO-WholeBody's points to OpenPose's order.

    Neck and mid-hip are the midpoints of shoulders and hips, where both are seen. The 68 points of the face have the
    same order; the pupils do not exist and are unseen.

    Args:
        points: (u, v, confidence). [133, 3], or [17, 3] for plain COCO.

    Returns:
        Body, face and hands. [137, 3]

    Raises:
        ValueError: another number of points.
    """
    if points.shape not in ((133, 3), (17, 3)):
        raise ValueError(f"COCO-WholeBody has 133 points and COCO 17, each of 3 numbers: not {points.shape}")
    every = np.zeros((133, 3), np.float32)
    every[: len(points)] = points
    every[:, 2] = np.clip(every[:, 2], 0.0, 1.0)
    body = np.zeros((25, 3), np.float32)
    body[list(BODY_25_FROM)] = every[list(BODY_25_FROM.values())]
    return join_parts(with_midpoints(body, NECK, MID_HIP), every[COCO_FACE], every[COCO_LEFT], every[COCO_RIGHT])


def load_coco_wholebody(path: Path) -> dict[int, People]:
    """Read one JSON file with the people of all frames.

    It may hold a list of annotations or results, or ``{"annotations": […], "images": […]}``. The frame's index is the
    last number in the picture's ``file_name``, or else ``image_id`` (itself, or the last number in it).

    Args:
        path: JSON file; each entry has ``keypoints`` (17 or all 133 points) and may have ``foot_kpts``,
            ``face_kpts``, ``lefthand_kpts`` and ``righthand_kpts``.

    Returns:
        Frame index → people [P, 137, 3], in pixels.

    Raises:
        BadInputError: broken JSON, NaN, a wrong number of points, or an entry whose frame is unknown.
    """
    return people_by_frame(read_json(path, "keypoint file"), path)


def people_by_frame(data: Any, path: Path) -> dict[int, People]:
    """Return the people of a parsed COCO file. Frame index → [P, 137, 3]

    Raises:
        BadInputError: as :func:`load_coco_wholebody`.
    """
    entries = data.get("annotations") if isinstance(data, dict) else data
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BadInputError(
            f"the keypoint file {path} holds neither OpenPose's 'people' nor COCO's list of annotations: check the path"
        )
    images = data.get("images") if isinstance(data, dict) else None
    names = {i["id"]: i.get("file_name") for i in images or () if isinstance(i, dict) and "id" in i}
    people: dict[int, list[Points]] = {}
    for entry in entries:
        people.setdefault(_frame_of(entry, names, path), []).append(_points(entry, path))
    if not people:
        raise BadInputError(f"the keypoint file {path} holds nobody: make it again")
    values = np.concatenate([points[COCO_17, 2] for found in people.values() for points in found])
    labelled = bool(np.isin(values, (0, 1, 2)).all() and (values == 2).any())
    return {
        index: np.stack([from_coco_wholebody(_with_confidence(points) if labelled else points) for points in found])
        for index, found in people.items()
    }


def _with_confidence(points: Points) -> Points:
    """Turn an annotator's visibilities 0, 1 and 2 into confidences; hands and faces may have confidences already."""
    v = points[:, 2]
    confidence = np.where(v == 2, 1.0, np.where(v == 1, OCCLUDED_CONFIDENCE, v))
    return np.column_stack([points[:, :2], confidence]).astype(np.float32)


def _points(entry: dict[str, Any], path: Path) -> Points:
    """Return an entry's points with visibility or confidence as in the file. [133, 3]"""
    points = np.zeros((133, 3), np.float32)
    values = {"keypoints": COCO_17, **PARTS}
    for name, place in values.items():
        numbers = entry.get(name)
        if numbers is None or numbers == []:
            if name == "keypoints":
                raise BadInputError(f"the keypoint file {path} has an entry without 'keypoints': make it again")
            continue
        counts = (17, 133) if name == "keypoints" else (place.stop - place.start,)
        found = read_points(numbers, counts, path, "person" if name == "keypoints" else name, top=2.0)
        points[place.start : place.start + len(found)] = found
    return points


def _frame_of(entry: dict[str, Any], names: dict[Any, Any], path: Path) -> int:
    image = entry.get("image_id")
    name = entry.get("file_name", names.get(image) if isinstance(image, (int, str)) else None)
    if name is None and isinstance(image, int):
        return image
    index = frame_number(Path(str(name if name is not None else image)).stem)
    if index is None:
        raise BadInputError(
            f"the keypoint file {path} has an entry whose frame is unknown: "
            "its image_id or the picture's file_name must end in the frame's number"
        )
    return index
