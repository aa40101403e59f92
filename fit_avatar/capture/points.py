"""All keypoints of a person in one array: body, face and hands, each in OpenPose's order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fit_avatar.body.keypoint_sets import OPENPOSE_137
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
HAND_WRISTS = {LEFT_HAND.start: "left_wrist", RIGHT_HAND.start: "right_wrist"}
"""A hand's first point is the wrist, which sets without a point of that name have in the body alone."""

MAX_COORDINATE = 1e6
"""Larger numbers, in pixels, are damage."""


def from_named(points: Points, names: Sequence[str]) -> Points:
    """Return all 137 points from a named set of them.

    What the set lacks is unseen; neck and mid-hip are then the midpoints of shoulders and hips, where both are seen.

    Args:
        points: (u, v, confidence). [N, 3]
        names: one of the tables in :mod:`fit_avatar.body.keypoint_sets`. N names

    Raises:
        ValueError: not as many points as names.
    """
    if points.shape != (len(names), 3):
        raise ValueError(f"there must be {len(names)} points of 3 numbers each: not {points.shape}")
    place = {name: k for k, name in enumerate(names)}
    out = np.zeros((NUM_POINTS, 3), np.float32)
    known = [k for k, name in enumerate(OPENPOSE_137) if name in place]
    out[known] = points[[place[OPENPOSE_137[k]] for k in known]]
    for first, wrist in HAND_WRISTS.items():
        fingers = out[first + 1 : first + 21]
        if OPENPOSE_137[first] not in place and wrist in place and (fingers[:, 2] > 0).any():
            out[first] = points[place[wrist]]
    out[:, 2] = np.maximum(out[:, 2], 0.0)
    missing = [k for k in MIDPOINTS if OPENPOSE_137[k] not in place]
    out[BODY] = with_midpoints(out[BODY], *missing)
    return out


def names_by_count(sets: Sequence[Sequence[str]]) -> Mapping[int, Sequence[str]]:
    """Return named sets of points by their numbers of points."""
    return {len(names): names for names in sets}


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


def hand_points(
    points: NDArray[np.float32], others: Mapping[str, NDArray[np.float32]] | None = None
) -> NDArray[np.float32] | None:
    """Return left and right hands [T, 2, 21, 3] of T frames' points [T, 137, 3]; ``None`` if no frame shows one.

    Where the points have no hands at all, those of the sets ``left_hand_21`` and ``right_hand_21`` are taken.
    """
    hands = np.stack([points[:, LEFT_HAND], points[:, RIGHT_HAND]], axis=1)
    if not (hands[..., 2] > 0).any() and others:
        for side, name in enumerate(("left_hand_21", "right_hand_21")):
            hands[:, side] = others.get(name, hands[:, side])
    return hands if (hands[..., 2] > 0).any() else None


def read_points(values: object, counts: Sequence[int], path: Path, part: str, top: float = 1.0) -> Points:
    """Turn the numbers u, v, confidence, u, … that a file holds for a part of a person into points.

    Args:
        values: the numbers as parsed from the file.
        counts: the numbers of points that are valid.
        path: the file, for the message.
        part: "body", "face", …, for the message.
        top: the largest valid confidence; larger ones are set to it.

    Returns:
        The points, with confidences clipped to 0..top. [N, 3]

    Raises:
        BadInputError: not finite numbers, or another number of them.
    """
    try:
        numbers: NDArray[np.float64] = np.array(values, np.float64).ravel()
    except (TypeError, ValueError, OverflowError):
        numbers = np.array([np.nan])
    if not np.isfinite(numbers).all():
        raise BadInputError(f"the keypoint file {path} holds something that is not a finite number: make it again")
    if numbers.size and np.abs(numbers).max() > MAX_COORDINATE:
        raise BadInputError(
            f"the keypoint file {path} holds coordinates that are outside of any picture: make it again"
        )
    if numbers.size not in [3 * count for count in counts]:
        allowed = " or ".join(f"{3 * count} ({count} × 3)" for count in counts)
        raise BadInputError(
            f"the keypoint file {path} holds {numbers.size} numbers for a {part}: there must be {allowed}"
        )
    points = numbers.reshape(-1, 3).astype(np.float32)
    points[:, 2] = np.clip(points[:, 2], 0.0, top)
    return points
