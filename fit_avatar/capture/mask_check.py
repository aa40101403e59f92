"""Checking masks against their neighbours, the keypoints and the frame's border, after removing specks and holes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.box import Box, bounding_box, mask_height
from fit_avatar.capture.cut_off import CUT_OFF
from fit_avatar.capture.feet import lowest_of_feet
from fit_avatar.capture.person import MIN_CONFIDENCE
from fit_avatar.capture.points import Points
from fit_avatar.capture.types import Image, Mask

TRUNK = (2, 3, 5, 6, 9, 10, 12, 13)
"""BODY_25 shoulders, elbows, hips and knees: far enough inside the body to lie on its mask."""

SHOULDERS, ELBOWS = (2, 5), (3, 6)
"""BODY_25 points of the right and of the left side."""

MISMATCH = "keypoints and mask do not show the same person"
"""Why a frame is left out whose mask does not cover the trunk's keypoints."""


@dataclass(frozen=True)
class MaskCheckConfig:
    """Settings of the masks' cleaning and checks. Areas are fractions of the person's area in the mask."""

    max_hole: float = 0.002
    """Holes below this area are filled; the hole between arm and body is larger. Chosen by hand."""
    min_part: float = 0.003
    """Separate components below this area are specks and removed. Chosen by hand."""
    max_limb: float = 0.15
    """A separate component up to this area may be a severed limb, and stays if it holds one keypoint. Chosen by
    hand."""
    large_part_keypoints: int = 3
    """A larger component must hold this many keypoints to stay; otherwise it is somebody or something else. Chosen by
    hand."""
    min_confidence: float = 0.5
    """Keypoints count in all checks if their confidence exceeds this. Chosen by hand."""
    min_on_mask: float = 0.5
    """Fraction of the trunk's keypoints that must lie on the mask; with fewer the frame is left out. Chosen by
    hand."""
    doubtful_on_mask: float = 0.8
    """Below this fraction the frame's weight is lowered. Chosen by hand."""
    on_mask_radius: float = 0.015
    """Distance from the mask at which a keypoint still lies on it, as a fraction of the mask's height. Chosen by
    hand."""
    cut_off_contact: float = 0.02
    """Length of contact with the frame's border, as a fraction of the mask's larger side, above which the person is cut
    off there. Chosen by hand."""
    head_contact: float = 0.05
    """The same at the top: a head of which so much touches it lacks less than 0.01 of the person. Chosen by hand."""
    sole: float = 0.01
    """Feet this far above the frame's bottom, as a fraction of the mask's height, are whole: what touches it is a sole,
    a shadow or a reflection on the floor. The soles are 0.007 to 0.03 below the points of toes and heels. Chosen on
    benchmarks/mirror_floor.py."""
    area_neighbours: int = 3
    """Frames on each side whose median area a mask is compared with. Chosen by hand."""
    usual_area_jumps: float = 2.0
    """Multiple of the clip's median area jump that is subtracted from all jumps. Chosen by hand."""
    doubtful_area_jump: float = 0.18
    """Area jump (absolute log ratio to the neighbours' median) above which the frame's weight is lowered. Chosen by
    hand."""
    max_area_jump: float = 0.5
    """Area jump above which the frame is left out. Chosen by hand."""
    low_weight: float = 0.3
    """Weight of a doubtful frame. Chosen by hand."""


DEFAULT_MASK_CHECK = MaskCheckConfig()


@dataclass(frozen=True)
class MaskCheck:
    """The result of checking one frame."""

    weight: float
    """Confidence in the frame in 0..1; 0 means that it is left out."""
    reason: str = ""
    """Why it is left out."""
    sides: tuple[str, ...] = ()
    """The sides of the frame that cut the person off."""


def clean_mask(mask: Mask, keypoints: Points, config: MaskCheckConfig = DEFAULT_MASK_CHECK) -> Mask:
    """Keep the components of a mask that are the person's, and fill small holes.

    The person is the component with most keypoints (or the largest, if no component holds enough), with other
    components that hold keypoints.

    Args:
        mask: True on the person. [H, W]
        keypoints: BODY_25 points. [25, 3]
        config: settings.

    Returns:
        The cleaned mask. [H, W]
    """
    tight = bounding_box(mask)
    if tight is None:
        return mask
    box = slice(max(tight[0].start - 1, 0), tight[0].stop + 1), slice(max(tight[1].start - 1, 0), tight[1].stop + 1)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask[box].astype(np.uint8), connectivity=4)
    areas = stats[:, cv2.CC_STAT_AREA]
    u, v, seen = _pixels(keypoints, mask.shape, config)
    u, v = u - box[1].start, v - box[0].start
    seen &= (u >= 0) & (v >= 0) & (u < labels.shape[1]) & (v < labels.shape[0])
    held = np.bincount(labels[v[seen], u[seen]], minlength=count)
    held[0] = 0
    largest = 1 + int(np.argmax(areas[1:]))
    main = int(np.argmax(held)) if held.max() >= config.large_part_keypoints else largest
    area = float(areas[main])
    limb = (held > 0) & (areas > config.min_part * area) & (areas < config.max_limb * area)
    keep = limb | (held >= config.large_part_keypoints)
    keep[main], keep[0] = True, False
    person = keep[labels]
    _, hole_labels, hole_stats, _ = cv2.connectedComponentsWithStats((~person).astype(np.uint8), connectivity=4)
    fill = hole_stats[:, cv2.CC_STAT_AREA] < config.max_hole * area
    fill[0] = False
    for side, inner in _sides(hole_labels, box, mask.shape):
        fill[side] &= not inner  # it goes on outside of the box
    cleaned = np.zeros_like(mask)
    cleaned[box] = person | fill[hole_labels]
    return cleaned


def _sides(labels: NDArray[np.int32], box: Box, shape: tuple[int, ...]) -> Iterator[tuple[NDArray[np.int32], bool]]:
    """Yield the labels along each side of a box, and whether the picture goes on there."""
    rows, columns = box
    yield labels[0], rows.start > 0
    yield labels[-1], rows.stop < shape[0]
    yield labels[:, 0], columns.start > 0
    yield labels[:, -1], columns.stop < shape[1]


def check_masks(
    masks: Sequence[Mask], keypoints: Points, config: MaskCheckConfig = DEFAULT_MASK_CHECK
) -> list[MaskCheck]:
    """Check the masks of a clip.

    Args:
        masks: cleaned masks of neighbouring frames in temporal order, T of [H, W].
        keypoints: BODY_25 points in the same frames. [T, 25, 3]
        config: settings.
    """
    jumps = area_jumps(np.array([max(int(mask.sum()), 1) for mask in masks], np.float64), config)
    return [_check_frame(*frame, config) for frame in zip(masks, keypoints, jumps, strict=True)]


def check_photo(mask: Mask, keypoints: Points, config: MaskCheckConfig = DEFAULT_MASK_CHECK) -> MaskCheck:
    """Check one photograph's mask by itself; the person may be cut off. [H, W], [25, 3]"""
    return _mismatch(mask, keypoints, config) or MaskCheck(1.0, sides=cut_off_sides(mask, keypoints, config))


def area_jumps(areas: NDArray[np.float64], config: MaskCheckConfig = DEFAULT_MASK_CHECK) -> NDArray[np.float64]:
    """Return log(area / median of the neighbours on both sides), nearer to 0 by what is usual in the clip. [T]"""
    count, reach = len(areas), config.area_neighbours
    logs = np.log(areas)
    jump = np.zeros(count)
    for t in range(count):
        around = [logs[s] for s in range(max(t - reach, 0), min(t + reach + 1, count)) if s != t]
        jump[t] = logs[t] - np.median(around) if around else 0.0
    size = np.abs(jump)
    return np.asarray(np.sign(jump) * np.maximum(size - config.usual_area_jumps * np.median(size), 0.0))


def cut_off_sides(mask: Mask, keypoints: Points, config: MaskCheckConfig = DEFAULT_MASK_CHECK) -> tuple[str, ...]:
    """Name the sides of the frame that cut the person off: top, bottom, left, right.

    Feet that are seen whole are not cut off by the bottom, though the mask may touch it. [H, W], [25, 3]
    """
    box = bounding_box(mask)
    if box is None:
        return ()
    size = max(side.stop - side.start - 1 for side in box)
    edges = {"top": mask[0], "bottom": mask[-1], "left": mask[:, 0], "right": mask[:, -1]}
    feet = lowest_of_feet(keypoints, config.min_confidence)
    if feet is not None and feet < len(mask) - config.sole * mask_height(mask):
        del edges["bottom"]
    limits = {"top": config.head_contact}
    return tuple(side for side, e in edges.items() if e.sum() > limits.get(side, config.cut_off_contact) * size)


def shows_upper_body(keypoints: Points, width: int, height: int) -> bool:
    """Return whether both shoulders and an elbow are in the picture: the least of which a pose can be made. [K, 3]"""
    u, v, confidence = keypoints[(*SHOULDERS, *ELBOWS), :].T
    seen = (confidence > MIN_CONFIDENCE) & (u >= 0) & (u < width) & (v >= 0) & (v < height)
    return bool(seen[:2].all() and seen[2:].any())


def person_sharpness(frame: Image, mask: Mask) -> float:
    """Return the energy of fine detail on the person, which can only be compared between neighbouring frames."""
    box = bounding_box(mask)
    if box is None:
        return 0.0
    grey = cv2.cvtColor(frame[box], cv2.COLOR_BGR2GRAY)
    inside = cv2.erode(mask[box].astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return float(cv2.Laplacian(grey, cv2.CV_32F)[inside].var()) if inside.any() else 0.0


def fraction_on_mask(mask: Mask, keypoints: Points, config: MaskCheckConfig = DEFAULT_MASK_CHECK) -> float:
    """Return which fraction of the trunk's visible keypoints lies on the mask; 1 if none is visible. [H, W], [25, 3]"""
    u, v, seen = _pixels(keypoints, mask.shape, config)
    trunk = [i for i in TRUNK if seen[i]]
    if not trunk:
        return 1.0
    reach = max(1, round(config.on_mask_radius * mask_height(mask)))
    hits = [mask[max(v[i] - reach, 0) : v[i] + reach + 1, max(u[i] - reach, 0) : u[i] + reach + 1].any() for i in trunk]
    return float(np.mean(hits))


def _mismatch(mask: Mask, keypoints: Points, config: MaskCheckConfig) -> MaskCheck | None:
    """Reject a mask that is empty or that shows somebody else than the keypoints do."""
    if not mask.any():
        return MaskCheck(0.0, "the mask is empty")
    if fraction_on_mask(mask, keypoints, config) < config.min_on_mask:
        return MaskCheck(0.0, MISMATCH)
    return None


def _check_frame(mask: Mask, keypoints: Points, jump: float, config: MaskCheckConfig) -> MaskCheck:
    sides = cut_off_sides(mask, keypoints, config)
    if {"top", "bottom"} & set(sides) and not shows_upper_body(keypoints, mask.shape[1], mask.shape[0]):
        return MaskCheck(0.0, CUT_OFF + " and ".join(sides), sides)
    jump = max(jump, 0.0) if sides else abs(jump)  # who leaves the picture becomes smaller in it
    if mask.any() and jump > config.max_area_jump:
        return MaskCheck(0.0, "the mask's area jumps compared with its neighbours")
    mismatch = _mismatch(mask, keypoints, config)
    if mismatch is not None:
        return mismatch
    doubtful = fraction_on_mask(mask, keypoints, config) < config.doubtful_on_mask
    return MaskCheck(config.low_weight if jump > config.doubtful_area_jump or doubtful else 1.0, sides=sides)


def _pixels(
    points: Points, shape: tuple[int, ...], config: MaskCheckConfig
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return the points' columns and rows, and which are visible inside the picture. 3 × [N]"""
    u, v = np.floor(points[:, 0]).astype(np.int64), np.floor(points[:, 1]).astype(np.int64)
    seen = (points[:, 2] > config.min_confidence) & (u >= 0) & (u < shape[1]) & (v >= 0) & (v < shape[0])
    return u, v, seen
