"""Reading lists of COCO's annotations or results: COCO's 17 points, COCO-WholeBody's 133, Halpe's 26 and 136.

COCO-WholeBody's data format (Jin et al., "Whole-Body Human Pose Estimation in the Wild", ECCV 2020) is also what MMPose
writes; AlphaPose writes the same list with other numbers of points and with confidences up to 6.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fit_avatar.body.keypoint_sets import COCO_17, COCO_WHOLEBODY_133, HALPE_26, HALPE_136
from fit_avatar.capture.adapters.found import Found, common_size
from fit_avatar.capture.files import frame_number, read_json
from fit_avatar.capture.points import People, Points, from_named, names_by_count, read_points
from fit_avatar.errors import BadInputError
from fit_avatar.io.files import described

SETS = names_by_count((COCO_17, COCO_WHOLEBODY_133, HALPE_26, HALPE_136))
"""The sets of points that an entry may have, by their number; all begin with COCO's 17."""
PARTS = {
    "foot_kpts": slice(17, 23), "face_kpts": slice(23, 91), "lefthand_kpts": slice(91, 112),
    "righthand_kpts": slice(112, 133),
}  # fmt: skip
"""Names of the parts in a file, beside ``keypoints``, and where they are among COCO-WholeBody's points."""
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
    return _clipped(from_named(points, SETS[len(points)]))


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
    found = read(data, path)
    if found is None:
        raise BadInputError(
            f"the keypoint file {path} holds neither OpenPose's 'people' nor COCO's list of annotations: check the path"
        )
    return {int(index or 0): _clipped(np.stack(people)) for index, people in found.people.items()}


def read(data: Any, path: Path) -> Found | None:
    """Read the people of all pictures, confidences as in the file; ``None`` for another layout.

    Raises:
        BadInputError: NaN, a wrong number of points, nobody, or an entry whose frame is unknown.
    """
    entries = data.get("annotations") if isinstance(data, dict) else data
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        return None
    pictures = data.get("images") if isinstance(data, dict) else None
    images = {i["id"]: i for i in pictures or () if isinstance(i, dict) and isinstance(i.get("id"), (int, str))}
    people: dict[int, list[tuple[Points, Sequence[str]]]] = {}
    for entry in entries:
        people.setdefault(_frame_of(entry, images, path), []).append(_points(entry, path))
    if not people:
        raise BadInputError(f"the keypoint file {path} holds nobody: make it again")
    values = np.concatenate([points[:17, 2] for found in people.values() for points, _ in found])
    labelled = bool(np.isin(values, (0, 1, 2)).all() and (values == 2).any())
    return Found(
        {
            index: [from_named(_with_confidence(points) if labelled else points, names) for points, names in found]
            for index, found in people.items()
        },
        common_size([(image.get("width"), image.get("height")) for image in images.values()], path),
    )


def _clipped(points: NDArray[np.float32]) -> NDArray[np.float32]:
    points[..., 2] = np.minimum(points[..., 2], 1.0)
    return points


def _with_confidence(points: Points) -> Points:
    """Turn an annotator's visibilities 0, 1 and 2 into confidences; hands and faces may have confidences already."""
    v = points[:, 2]
    confidence = np.where(v == 2, 1.0, np.where(v == 1, OCCLUDED_CONFIDENCE, v))
    return np.column_stack([points[:, :2], confidence]).astype(np.float32)


def _points(entry: dict[str, Any], path: Path) -> tuple[Points, Sequence[str]]:
    """Return an entry's points with visibility or confidence as in the file, and their names. [N, 3]"""
    numbers = entry.get("keypoints")
    if numbers is None or numbers == []:
        raise BadInputError(
            f"the keypoint file {path} has an entry without 'keypoints' ({described(entry)}): find keypoints, for "
            "boxes and outlines alone say too little"
        )
    body = read_points(numbers, tuple(SETS), path, "person", top=np.inf)
    parts = {name: entry[name] for name in PARTS if entry.get(name)}
    if len(body) != len(COCO_17) or not parts:
        return body, SETS[len(body)]
    points = np.zeros((len(COCO_WHOLEBODY_133), 3), np.float32)
    points[: len(body)] = body
    for name, values in parts.items():
        place = PARTS[name]
        points[place] = read_points(values, (place.stop - place.start,), path, name, top=np.inf)
    return points, COCO_WHOLEBODY_133


def _frame_of(entry: dict[str, Any], images: dict[Any, dict[str, Any]], path: Path) -> int:
    image = entry.get("image_id")
    known = images.get(image, {}) if isinstance(image, (int, str)) else {}
    name = entry.get("file_name", known.get("file_name"))
    if name is None and isinstance(image, int):
        return image
    index = frame_number(Path(str(name if name is not None else image)).stem)
    if index is None:
        raise BadInputError(
            f"the keypoint file {path} has an entry whose frame is unknown: "
            "its image_id or the picture's file_name must end in the frame's number"
        )
    return index
