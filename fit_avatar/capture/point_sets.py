"""All points that are known of a person, in named sets; converters from one set to another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from fit_avatar.body.keypoint_sets import BODY_25, POINT_SETS
from fit_avatar.capture.points import BODY, FACE, LEFT_HAND, MID_HIP, MIDPOINTS, NECK, RIGHT_HAND

FloatArray = NDArray[np.float32]
PointSets = dict[str, FloatArray]
"""Name of a set of :data:`~fit_avatar.body.keypoint_sets.POINT_SETS` → its points (u, v, confidence) in pixels, where
a confidence of 0 means unseen [T, N, 3]; and ``body_33_world`` → (x, y, z, confidence), metres in the camera's axes
from the middle of the hips [T, 33, 4]."""
WORLD = "body_33_world"
_PARTS = {"body_25": BODY, "face_70": FACE, "left_hand_21": LEFT_HAND, "right_hand_21": RIGHT_HAND}


def convert_points(points: FloatArray, given: Sequence[str], wanted: Sequence[str]) -> FloatArray:
    """Convert points from one named set to another; those that the first lacks are unseen.

    BODY_25's neck and mid-hip are the midpoints of shoulders and hips, where both are seen and the set has no such
    point.

    Args:
        points: (u, v, confidence). [..., N, 3]
        given: names of the N points.
        wanted: names of the M points of the other set.

    Returns:
        (u, v, confidence). [..., M, 3]

    Raises:
        ValueError: not as many points as names.
    """
    if points.shape[-2:] != (len(given), 3):
        raise ValueError(f"there must be {len(given)} points of 3 numbers each: not {points.shape[-2:]}")
    place = {name: k for k, name in enumerate(given)}
    out = np.zeros((*points.shape[:-2], len(wanted), 3), np.float32)
    known = [k for k, name in enumerate(wanted) if name in place]
    out[..., known, :] = points[..., [place[wanted[k]] for k in known], :]
    for middle in (NECK, MID_HIP):
        name, ends = BODY_25[middle], [BODY_25[end] for end in MIDPOINTS[middle]]
        if name in wanted and name not in place and all(end in place for end in ends):
            pair = points[..., [place[end] for end in ends], :]
            confidence = pair[..., 2].min(-1, keepdims=True)
            both = np.concatenate([pair[..., :2].mean(-2), confidence], -1)
            out[..., wanted.index(name), :] = np.where(confidence > 0, both, 0.0)
    return out


def convert_set(points: FloatArray, given: str, wanted: str) -> FloatArray:
    """Convert points [..., N, 3] between two of :data:`POINT_SETS` by name, such as "face_468" to "face_70".

    Raises:
        KeyError: there is no such set.
        ValueError: not as many points as the set has.
    """
    return convert_points(points, POINT_SETS[given], POINT_SETS[wanted])


def split_parts(points: FloatArray) -> PointSets:
    """Return the sets of all points [T, 137, 3] that some frame shows, and always the body."""
    parts = {name: points[:, place] for name, place in _PARTS.items()}
    return {name: part for name, part in parts.items() if name == "body_25" or (part[..., 2] > 0).any()}


def seen_sets(sets: Mapping[str, FloatArray]) -> PointSets:
    """Return the sets without those that no frame shows."""
    return {name: points for name, points in sets.items() if (points[..., -1] > 0).any()}
