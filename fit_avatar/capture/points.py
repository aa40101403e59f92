"""All keypoints of a person in one array: body, face and hands, each in OpenPose's order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fit_avatar.errors import BadInputError

Points = NDArray[np.float32]
"""(u, v, confidence) in pixels; confidence 0 means unseen. [N, 3]"""
People = NDArray[np.float32]
"""Everybody in one frame. [P, 137, 3]"""

BODY, FACE, LEFT_HAND, RIGHT_HAND = slice(0, 25), slice(25, 95), slice(95, 116), slice(116, 137)
"""Where the parts are: BODY_25, 70 points of the face, 21 of each hand."""
NUM_POINTS = 137
NECK, MID_HIP = 1, 8
"""BODY_25 points that are midpoints of two others."""
MIDPOINTS = {NECK: (2, 5), MID_HIP: (9, 12)}
"""The shoulders and the hips, whose midpoints they are."""


def join_parts(
    body: Points, face: Points | None = None, left: Points | None = None, right: Points | None = None
) -> Points:
    """Join a person's parts; what is not given is unseen.

    Args:
        body: BODY_25. [25, 3]
        face: all 70 points [70, 3], or the first of them (68 without the pupils).
        left: left hand. [21, 3]
        right: right hand. [21, 3]

    Returns:
        All points. [137, 3]
    """
    points = np.zeros((NUM_POINTS, 3), np.float32)
    for place, part in ((BODY, body), (FACE, face), (LEFT_HAND, left), (RIGHT_HAND, right)):
        if part is not None:
            points[place.start : place.start + len(part)] = part
    return points


def with_midpoints(body: Points, *targets: int) -> Points:
    """Return BODY_25 points [25, 3] with neck or mid-hip between shoulders or hips, where both of those are seen.

    Args:
        body: BODY_25. [25, 3]
        targets: which of ``MIDPOINTS`` to set.
    """
    body = body.copy()
    for target in targets:
        pair = body[list(MIDPOINTS[target])]
        if (pair[:, 2] > 0).all():
            body[target] = *pair[:, :2].mean(0), pair[:, 2].min()
    return body


def face_points(points: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Return the faces [T, 70, 3] of T frames' points [T, 137, 3]; ``None`` if no frame shows one."""
    face = points[:, FACE]
    return face if (face[..., 2] > 0).any() else None


def hand_points(points: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Return left and right hands [T, 2, 21, 3] of T frames' points [T, 137, 3]; ``None`` if no frame shows one."""
    hands = np.stack([points[:, LEFT_HAND], points[:, RIGHT_HAND]], axis=1)
    return hands if (hands[..., 2] > 0).any() else None


def read_points(values: object, counts: Sequence[int], path: Path, part: str, top: float = 1.0) -> Points:
    """Turn the numbers u, v, confidence, u, … that a file holds for a part of a person into points.

    Args:
        values: the numbers as parsed from the file.
        counts: the numbers of points that are valid.
        path: the file, for the message.
        part: "body", "face", …, for the message.
        top: the largest valid confidence.

    Returns:
        The points, with confidences clipped to 0..top. [N, 3]

    Raises:
        BadInputError: not finite numbers, or another number of them.
    """
    try:
        numbers: NDArray[np.float64] = np.array(values, np.float64).ravel()
    except (TypeError, ValueError):
        numbers = np.array([np.nan])
    if not np.isfinite(numbers).all():
        raise BadInputError(f"the keypoint file {path} holds something that is not a finite number: make it again")
    if numbers.size not in [3 * count for count in counts]:
        allowed = " or ".join(f"{3 * count} ({count} × 3)" for count in counts)
        raise BadInputError(
            f"the keypoint file {path} holds {numbers.size} numbers for a {part}: there must be {allowed}"
        )
    points = numbers.reshape(-1, 3).astype(np.float32)
    points[:, 2] = np.clip(points[:, 2], 0.0, top)
    return points
