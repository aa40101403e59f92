"""Face, hands and metric points beside the built-in detector's body: all that its models give, in the used frames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from fit_avatar.body.keypoint_sets import BODY_25, BODY_25_MIRROR, MEDIAPIPE_33, MEDIAPIPE_33_MIRROR, POINT_SETS
from fit_avatar.capture.blazepose import FaceEstimator, HandEstimator, Hands, Part
from fit_avatar.capture.mediapipe_pose import Detection
from fit_avatar.capture.point_sets import WORLD, PointSets, convert_set, seen_sets
from fit_avatar.capture.points import BODY, Points
from fit_avatar.capture.types import Image, Progress

STEP = "Finding face and hands"
_LIKE = {
    "eye_inner": "eye", "eye_outer": "eye", "mouth": "eye", "pinky": "wrist", "index": "wrist", "thumb": "wrist",
}  # fmt: skip
"""Points that BODY_25 lacks, and those whose left and right go with them."""
PARTS = ("face_468", "left_hand_21", "right_hand_21")
FOUND = ("body_33", *PARTS)
"""Sets of points in the picture that the models give."""


def find_whole_body(
    frames: Iterable[tuple[int, Image]],
    indices: Sequence[int],
    detections: Mapping[int, Detection],
    corrected: Mapping[int, Points],
    progress: Progress | None = None,
    follow: bool = True,
) -> PointSets:
    """Find face and hands where the pose says that they are, frame after frame, and put all points into named sets.

    Args:
        frames: index and picture of the T frames, in temporal order; in those that are left out nothing is seen.
        indices: of the T frames.
        detections: frame index → what the built-in detector has found.
        corrected: frame index → the body's points after their left and right were corrected. [25 or 137, 3]
        progress: called with (step, done, total).
        follow: look for face and hands where they were in the frame before, if the pose agrees.

    Returns:
        ``body_33``, ``body_33_world``, and where some frame shows them ``face_468``, ``face_70`` and both hands; in
        pixels of the frames as they are. Nothing if the detections have no landmarks.
    """
    if all(detections[index].landmarks is None for index in indices):
        return {}
    face_finder, hand_finder = FaceEstimator(), HandEstimator()
    face: Part | None = None
    hands: Hands = (None, None)
    sets: PointSets = {name: np.zeros((len(indices), len(POINT_SETS[name]), 3), np.float32) for name in FOUND}
    sets[WORLD] = np.zeros((len(indices), len(MEDIAPIPE_33), 4), np.float32)
    place = {index: row for row, index in enumerate(indices)}
    for index, picture in frames:
        row, height, width = place[index], *picture.shape[:2]
        pose, sets[WORLD][row] = _corrected(detections[index], corrected[index])
        face = face_finder.estimate(picture, pose, face if follow else None)
        hands = hand_finder.estimate(picture, pose, hands if follow else (None, None))
        sets["body_33"][row] = _inside(pose[:, [0, 1, 3]], width, height)
        for name, part in zip(PARTS, (face, *hands), strict=True):
            if part is not None:
                points = np.column_stack([part.points, np.full(len(part.points), part.score)])
                sets[name][row] = _inside(points.astype(np.float32), width, height)
        if progress is not None:
            progress(STEP, row + 1, len(indices))
    sets["face_70"] = convert_set(sets["face_468"], "face_468", "face_70")
    return seen_sets(sets)


def exchanged(before: Points, after: Points) -> NDArray[np.bool_]:
    """Return which of MediaPipe's points were exchanged with their left–right counterparts, as BODY_25's were. [33]

    Args:
        before: BODY_25 as detected. [25, 3]
        after: the same, corrected. [25, 3]
    """
    moved = (after != before).any(-1) & (after == before[list(BODY_25_MIRROR)]).all(-1)
    return np.asarray(moved[list(_FOLLOWS)])


def removed(before: Points, after: Points) -> NDArray[np.bool_]:
    """Return which of MediaPipe's points go with points of BODY_25 [25, 3] that were found to be wrong. [33]"""
    gone = (before[:, 2] > 0) & (after[:, 2] == 0)
    return np.asarray(gone[list(_FOLLOWS)])


def _corrected(found: Detection, after: Points) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return landmarks (u, v, depth, visibility) and metric points (x, y, z, visibility) as corrected. 2 × [33, 4]"""
    before, body = found.keypoints, after[BODY]
    landmarks = np.zeros((len(MEDIAPIPE_33), 4), np.float32) if found.landmarks is None else found.landmarks
    metres = np.zeros((len(MEDIAPIPE_33), 3), np.float32) if found.world is None else found.world
    order = np.where(exchanged(before, body), MEDIAPIPE_33_MIRROR, np.arange(len(MEDIAPIPE_33)))
    landmarks = landmarks[order]
    landmarks[removed(before, body), 3] = 0.0
    return landmarks, np.column_stack([metres[order], landmarks[:, 3]]).astype(np.float32)


def _inside(points: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    """Return the points [N, 3], those outside the picture unseen."""
    u, v = points[:, 0], points[:, 1]
    outside = (u < 0) | (u >= width) | (v < 0) | (v >= height)
    return np.asarray(np.where(outside[:, None] & [False, False, True], 0.0, points), np.float32)


def _followed(name: str) -> int:
    for part, other in _LIKE.items():
        for side in ("left", "right"):
            if name in (f"{side}_{part}", f"{part}_{side}"):
                name = f"{side}_{other}"
    return BODY_25.index(name)


_FOLLOWS = tuple(map(_followed, MEDIAPIPE_33))
"""BODY_25 point whose correction each of MediaPipe's points shares."""
