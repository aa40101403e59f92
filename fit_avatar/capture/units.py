"""Putting keypoints of other programs right: confidences, the order of BODY_25B, and the unit of the coordinates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fit_avatar.body.keypoint_sets import BODY_25, BODY_25B
from fit_avatar.capture.points import BODY, People, Points, from_named
from fit_avatar.errors import BadInputError

BONES = (
    ("left_shoulder", "left_elbow"), ("left_elbow", "left_wrist"), ("left_hip", "left_knee"),
    ("left_knee", "left_ankle"), ("right_shoulder", "right_elbow"), ("right_elbow", "right_wrist"),
    ("right_hip", "right_knee"), ("right_knee", "right_ankle"), ("left_shoulder", "left_hip"),
    ("right_shoulder", "right_hip"), ("nose", "left_eye"), ("nose", "right_eye"),
)  # fmt: skip
"""Pairs of points that are near each other in a body, and far apart if the points are taken for others."""
MIN_BONES = 6
"""With fewer of them seen, a body does not tell the order of its points. Chosen by hand."""
CLEAR_RATIOS = (0.9, 1.33)
"""The bones' length as BODY_25 over that as BODY_25B: up to the first it is BODY_25, from the second on BODY_25B.
In the median of a clip, people who walk, climb and jump (CMU motion capture), seen from twelve sides, give at most
0.56 as BODY_25 and at least 1.37 as BODY_25B. Chosen by hand."""
MAX_FRACTION = 2.0
"""If all coordinates are below this, they are no pixels. Chosen by hand."""
MAX_OUTSIDE = 0.1
"""Fraction of the picture's side by which points may lie outside of it. Chosen by hand."""


def scale_confidences(people: Mapping[int, People]) -> dict[int, People]:
    """Return people with confidences from 0 to 1, from those of a program whose scale ends above 1.

    The 95th percentile becomes 1: AlphaPose adds up the peaks of heatmaps, RTMPose those of two axes.
    """
    body = np.concatenate([np.zeros(1), *(found[:, BODY, 2].ravel() for found in people.values())])
    seen = body[body > 0]
    top = max(float(np.percentile(seen, 95)), 1.0) if seen.size else 1.0
    out = {index: found.copy() for index, found in people.items()}
    for found in out.values():
        found[..., 2] = np.clip(found[..., 2] / top, 0.0, 1.0)
    return out


def resolve_body_25b(people: Mapping[int, People], path: Path) -> tuple[dict[int, People], str]:
    """Tell BODY_25B from BODY_25 by the lengths of the bones, and convert it.

    Args:
        people: frame index → people whose 25 points were taken as BODY_25. [P, 137, 3]
        path: of the file or folder, for messages.

    Returns:
        The people, and a sentence for the user (empty for BODY_25).

    Raises:
        BadInputError: the points fit neither order clearly.
    """
    ratios = [ratio for found in people.values() for person in found if (ratio := _length_ratio(person)) is not None]
    ratio = float(np.median(ratios)) if ratios else 0.0
    low, high = CLEAR_RATIOS
    if ratio <= low:
        return dict(people), ""
    if ratio < high:
        raise BadInputError(
            f"the 25 points of the bodies in {path} may be BODY_25 or BODY_25B: let OpenPose write them with "
            "--model_pose BODY_25"
        )
    return {index: _from_25b(found) for index, found in people.items()}, (
        f"The bodies in {path.name} have the order of BODY_25B and were converted."
    )


def to_pixels(
    people: Mapping[int, People],
    stated: tuple[float, float] | None,
    size: tuple[int, int] | None,
    path: Path,
) -> tuple[dict[int, People], str]:
    """Return keypoints in pixels of the video's frame, from fractions or another picture size.

    Args:
        people: frame index → people. [P, 137, 3]
        stated: the picture's width and height in the coordinates' unit, if the file or its layout says it.
        size: the video's width and height in pixels, if known.
        path: of the file or folder, for messages.

    Returns:
        The people, and a sentence for the user (empty if nothing was changed).

    Raises:
        BadInputError: the size is needed and not known, or it has another shape than the stated one.
    """
    uv = seen_points(people)
    if len(uv) and float(np.abs(uv).max()) <= MAX_FRACTION:
        stated = (1.0, 1.0)  # whatever size the file states, as ComfyUI does
    if stated is None or stated == size:
        return dict(people), _outside(uv, size, path)
    if size is None:
        raise BadInputError(
            f"the keypoints in {path} are fractions of the picture or for another size: give the size of the video, too"
        )
    if stated == (1.0, 1.0):
        signed = bool(len(uv)) and float(np.percentile(uv, 5)) < -MAX_OUTSIDE
        shift, unit, what = (1.0, 0.5, "from −1 to 1") if signed else (0.0, 1.0, "from 0 to 1")
        factors = (unit * size[0], unit * size[1])
        note = f"The keypoints in {path.name} are fractions {what} and were scaled to {size[0]} × {size[1]} pixels."
    else:
        factors, shift = (size[0] / stated[0], size[1] / stated[1]), 0.0
        if abs(factors[0] / factors[1] - 1.0) > 0.01:
            raise BadInputError(
                f"the keypoints in {path} are for {stated[0]:g} × {stated[1]:g} pixels but the video has "
                f"{size[0]} × {size[1]}: find them in this video"
            )
        note = (
            f"The keypoints in {path.name} are for {stated[0]:g} × {stated[1]:g} pixels and were scaled to the video's "
            f"{size[0]} × {size[1]}."
        )
    return {index: _moved(found, shift, factors) for index, found in people.items()}, note


def seen_points(people: Mapping[int, People]) -> NDArray[np.float32]:
    """Return the seen points of all bodies. [N, 2]"""
    bodies = [found[:, BODY].reshape(-1, 3) for found in people.values()]
    every = np.concatenate([np.zeros((0, 3), np.float32), *bodies])
    return np.asarray(every[every[:, 2] > 0, :2])


def _outside(uv: NDArray[np.float32], size: tuple[int, int] | None, path: Path) -> str:
    if size is None or not len(uv):
        return ""
    limit = (1 + MAX_OUTSIDE) * np.array(size)
    if float((uv > limit).any(1).mean()) < MAX_OUTSIDE:
        return ""
    return (
        f"Many keypoints in {path.name} lie outside of the picture of {size[0]} × {size[1]} pixels: "
        "they seem to be for another picture size."
    )


def _moved(people: People, shift: float, factors: Sequence[float]) -> People:
    out = people.copy()
    out[..., :2] = np.where(people[..., 2:] > 0, (people[..., :2] + shift) * np.array(factors), people[..., :2])
    return out


def _from_25b(people: People) -> People:
    out = people.copy()
    for person in out:
        person[BODY] = from_named(person[BODY], BODY_25B)[BODY]
    return out


def _length_ratio(person: Points) -> float | None:
    """Return the bones' length as BODY_25 over that as BODY_25B; ``None`` if too few are seen."""
    lengths = [_bone_length(person[BODY], names) for names in (BODY_25, BODY_25B)]
    if any(length is None for length in lengths):
        return None
    as_body_25, as_body_25b = (float(length) for length in lengths if length is not None)
    return as_body_25 / max(as_body_25b, 1e-6)


def _bone_length(body: Points, names: Sequence[str]) -> float | None:
    ends = np.array([[names.index(a), names.index(b)] for a, b in BONES])
    pairs = body[ends]
    seen = (pairs[..., 2] > 0).all(1)
    if int(seen.sum()) < MIN_BONES:
        return None
    return float(np.linalg.norm(pairs[seen, 0, :2] - pairs[seen, 1, :2], axis=1).mean())
