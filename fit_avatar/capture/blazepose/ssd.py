"""Decoding of single-shot detectors (Liu et al. 2016) with some keypoints a box: of persons, and of faces."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.blazepose.landmarks import sigmoid


@dataclass(frozen=True)
class Layout:
    """Of a detector's input and anchors."""

    side: int
    """Of the model's input, in pixels."""
    grids: tuple[tuple[int, int], ...]
    """Cells a side of each grid of anchors, and anchors a cell."""


PERSON = Layout(224, ((28, 2), (14, 2), (7, 6)))
"""Layers of strides 8, 16 and three times 32, two anchors each."""
FACE = Layout(128, ((16, 2), (8, 6)))
"""Layers of strides 8 and three times 16, two anchors each."""

SAME_HIPS = 0.2
"""Boxes whose hips are nearer, in radii of the circle around the person, show the same person. Chosen by hand."""


@cache
def anchor_centres(layout: Layout = PERSON) -> NDArray[np.float32]:
    """Return the anchors' centres in 0..1; every anchor has the size 1. [2254, 2] for persons, [896, 2] for faces"""
    centres = []
    for cells, per_cell in layout.grids:
        y, x = np.mgrid[:cells, :cells]
        centres.append(np.repeat(np.stack([x, y], -1).reshape(-1, 2), per_cell, axis=0) + 0.5)
        centres[-1] /= cells
    return np.concatenate(centres, dtype=np.float32)


def best_detection(
    boxes: NDArray[np.float32],
    logits: NDArray[np.float32],
    min_score: float,
    min_overlap: float,
    layout: Layout = PERSON,
) -> NDArray[np.float64] | None:
    """Return the keypoints of the most certain box, in 0..1 of the input, by weighted non-maximum suppression.

    Args:
        boxes: centre, size and K keypoints of each of A anchors' boxes, in pixels from the anchor's centre. [A, 4 + 2K]
        logits: of each box's score. [A]
        min_score: boxes with a lower score show nobody.
        min_overlap: boxes whose intersection over union with the best exceeds this are averaged with it, weighted by
            their scores.
        layout: of the detector.

    Returns:
        For persons the middle of the hips, the top of the circle around the body, the middle of the shoulders, the top
        of the circle around the upper body [4, 2]; for faces right and left eye, nose, mouth, right and left ear
        [6, 2]; ``None`` if there is nobody.
    """
    scores = sigmoid(logits)
    certain = scores >= min_score
    if not certain.any():
        return None
    scores, values, anchors = scores[certain], boxes[certain] / layout.side, anchor_centres(layout)[certain]
    centres, half = values[:, :2] + anchors, values[:, 2:4] / 2.0
    low, high = centres - half, centres + half
    best = int(scores.argmax())
    sides = (np.minimum(high, high[best]) - np.maximum(low, low[best])).clip(0.0)
    shared, areas = sides.prod(1), (high - low).prod(1)
    same = shared > min_overlap * (areas + areas[best] - shared)
    same[best] = True
    points = values[same, 4:].reshape(int(same.sum()), -1, 2) + anchors[same, None]
    return np.asarray(np.average(points.astype(np.float64), axis=0, weights=scores[same]))


def all_detections(
    boxes: NDArray[np.float32], logits: NDArray[np.float32], min_score: float, min_overlap: float, most: int
) -> list[NDArray[np.float64]]:
    """Return the keypoints of up to ``most`` people, the most certain first; see :func:`best_detection`. [4, 2] each"""
    hips = boxes[:, 4:6] / PERSON.side + anchor_centres()
    logits, found = logits.copy(), list[NDArray[np.float64]]()
    while len(found) < most:
        points = best_detection(boxes, logits, min_score, min_overlap)
        if points is None:
            break
        found.append(points)
        size = np.linalg.norm(points[1] - points[0])
        logits[np.linalg.norm(hips - points[0], axis=1) < SAME_HIPS * size] = -np.inf
    return found
