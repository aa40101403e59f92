"""Are the masks believable? Cleaned, then weighed against their neighbours, the keypoints and the frame's border."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Points = NDArray[np.float32]

SMALL_HOLE = 0.002
"""Holes below this part of the person's area are filled; a hole between arm and body is larger."""
SMALL_PART = 0.003
"""Loose parts below this part of the area are specks."""
LIMB_PART = 0.15
"""A loose part up to this large may be a severed limb: one keypoint on it is enough …"""
LARGE_PART_POINTS = 3
"""… while a larger one must hold this many, or it is somebody or something else."""
CONFIDENT = 0.5
TRUNK = (2, 3, 5, 6, 9, 10, 12, 13)
"""Shoulders, elbows, hips and knees: deep enough inside the body to lie on its mask."""
OFF_MASK = 0.5
"""A frame is dropped if fewer of its trunk points lie on the mask."""
CUT = 0.02
"""Contact with the frame's border, as a part of the person's size, that counts as cut off."""
JUMP, WILD_JUMP = 0.18, 0.5
"""Area jumps (log of the ratio to the neighbours' median) that lower the weight and that drop the frame."""
DOUBT = 0.3
"""Weight of a doubtful frame."""


@dataclass(frozen=True)
class Verdict:
    """How far a frame can be trusted: 0 means not at all, and the reason says why."""

    weight: float
    reason: str = ""
    cut_off: bool = False
    """The person leaves the frame at its top or bottom (a photograph: at any side)."""


def clean(mask: Mask, keypoints: Points) -> Mask:
    """Keep the person (the part with most keypoints, and others that hold some), fill small holes. [H, W] → [H, W]"""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    if count < 2:
        return mask
    areas = stats[:, cv2.CC_STAT_AREA]
    u, v, seen = _pixels(keypoints, mask.shape)
    held = np.bincount(labels[v[seen], u[seen]], minlength=count)
    held[0] = 0
    largest = 1 + int(np.argmax(areas[1:]))
    main = int(np.argmax(held)) if held.max() >= LARGE_PART_POINTS else largest
    area = float(areas[main])
    limb = (held > 0) & (areas > SMALL_PART * area) & (areas < LIMB_PART * area)
    keep = limb | (held >= LARGE_PART_POINTS)
    keep[main], keep[0] = True, False
    person = keep[labels]
    _, hole_labels, hole_stats, _ = cv2.connectedComponentsWithStats((~person).astype(np.uint8), connectivity=4)
    fill = hole_stats[:, cv2.CC_STAT_AREA] < SMALL_HOLE * area
    fill[0] = False
    return np.asarray(person | fill[hole_labels])


def judge(masks: list[Mask], keypoints: Points) -> list[Verdict]:
    """Weigh each frame's mask.

    Args:
        masks: cleaned masks of neighbouring frames in the order of time, T of [H, W].
        keypoints: the same frames' BODY_25 points. [T, 25, 3]
    """
    areas = np.array([max(int(m.sum()), 1) for m in masks], np.float64)
    jumps = area_jumps(areas)
    return [_judge_one(mask, points, jump) for mask, points, jump in zip(masks, keypoints, jumps, strict=True)]


def judge_photo(mask: Mask, keypoints: Points) -> Verdict:
    """Weigh one photograph's mask by itself: a cut-off person is told, not refused. [H, W], [25, 3]"""
    if not mask.any():
        return Verdict(0.0, "the mask is empty")
    if share_on_mask(mask, keypoints) < OFF_MASK:
        return Verdict(0.0, "keypoints and mask do not show the same person")
    return Verdict(1.0, cut_off=bool(cut_sides(mask)))


def area_jumps(areas: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return |log(area / median of up to three neighbours on each side)|, less the clip's usual change. [T]"""
    count = len(areas)
    logs = np.log(areas)
    jump = np.zeros(count)
    for t in range(count):
        around = [logs[s] for s in range(max(t - 3, 0), min(t + 4, count)) if s != t]
        jump[t] = abs(logs[t] - np.median(around)) if around else 0.0
    return np.asarray(np.maximum(jump - 2.0 * np.median(jump), 0.0))


def cut_sides(mask: Mask) -> tuple[str, ...]:
    """Name the sides of the frame at which the person is cut off."""
    rows, cols = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return ()
    limit = CUT * max(rows[-1] - rows[0], cols[-1] - cols[0])
    edges = {"top": mask[0], "bottom": mask[-1], "left": mask[:, 0], "right": mask[:, -1]}
    return tuple(side for side, edge in edges.items() if edge.sum() > limit)


def person_sharpness(frame: NDArray[np.uint8], mask: Mask) -> float:
    """Return the energy of fine detail on the person; only its ratio to neighbouring frames means something."""
    rows, cols = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return 0.0
    box = np.s_[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
    grey = cv2.cvtColor(frame[box], cv2.COLOR_BGR2GRAY)
    inside = cv2.erode(mask[box].astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return float(cv2.Laplacian(grey, cv2.CV_32F)[inside].var()) if inside.any() else 0.0


def share_on_mask(mask: Mask, points: Points) -> float:
    """Return how much of the trunk lies on the mask; 1 if none of it is seen. [H, W], [25, 3]"""
    u, v, seen = _pixels(points, mask.shape)
    trunk = [i for i in TRUNK if seen[i]]
    if not trunk:
        return 1.0
    reach = max(1, round(0.015 * np.ptp(np.flatnonzero(mask.any(1)))))
    hits = [mask[max(v[i] - reach, 0) : v[i] + reach + 1, max(u[i] - reach, 0) : u[i] + reach + 1].any() for i in trunk]
    return float(np.mean(hits))


def _judge_one(mask: Mask, points: Points, jump: float) -> Verdict:
    if not mask.any():
        return Verdict(0.0, "the mask is empty")
    sides = cut_sides(mask)
    if "top" in sides or "bottom" in sides:
        return Verdict(0.0, f"the person is cut off at the frame's {' and '.join(sides)}", cut_off=True)
    if jump > WILD_JUMP:
        return Verdict(0.0, "the mask's area jumps against its neighbours")
    on_mask = share_on_mask(mask, points)
    if on_mask < OFF_MASK:
        return Verdict(0.0, "keypoints and mask do not show the same person")
    weight = 1.0
    if sides or jump > JUMP or on_mask < 0.8:
        weight = DOUBT
    return Verdict(weight)


def _pixels(points: Points, shape: tuple[int, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    u, v = np.floor(points[:, 0]).astype(np.int64), np.floor(points[:, 1]).astype(np.int64)
    seen = (points[:, 2] > CONFIDENT) & (u >= 0) & (u < shape[1]) & (v >= 0) & (v < shape[0])
    return u, v, seen
