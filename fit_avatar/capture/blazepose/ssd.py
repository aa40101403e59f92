"""Decoding of the person detector, a single-shot detector (Liu et al. 2016) with four keypoints a box."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.blazepose.landmarks import sigmoid

INPUT = 224
"""Side of the model's input, in pixels."""
_GRIDS = ((28, 2), (14, 2), (7, 6))
"""Cells a side of each grid of anchors, and anchors a cell: layers of strides 8, 16 and three times 32, two each."""

SAME_HIPS = 0.2
"""Boxes whose hips are nearer, in radii of the circle around the person, show the same person. Chosen by hand."""


@cache
def anchor_centres() -> NDArray[np.float32]:
    """Return the anchors' centres in 0..1; every anchor has the size 1. [2254, 2]"""
    centres = []
    for cells, per_cell in _GRIDS:
        y, x = np.mgrid[:cells, :cells]
        centres.append(np.repeat(np.stack([x, y], -1).reshape(-1, 2), per_cell, axis=0) + 0.5)
        centres[-1] /= cells
    return np.concatenate(centres, dtype=np.float32)


def best_detection(
    boxes: NDArray[np.float32], logits: NDArray[np.float32], min_score: float, min_overlap: float
) -> NDArray[np.float64] | None:
    """Return the keypoints of the most certain person, in 0..1 of the input, by weighted non-maximum suppression.

    Args:
        boxes: centre, size and four keypoints of each anchor's box, in pixels from the anchor's centre. [2254, 12]
        logits: of each box's score. [2254]
        min_score: boxes with a lower score are no person.
        min_overlap: boxes whose intersection over union with the best exceeds this are averaged with it, weighted by
            their scores.

    Returns:
        Middle of the hips, top of the circle around the body, middle of the shoulders, top of the circle around the
        upper body [4, 2]; ``None`` if there is nobody.
    """
    scores = sigmoid(logits)
    certain = scores >= min_score
    if not certain.any():
        return None
    scores, values, anchors = scores[certain], boxes[certain] / INPUT, anchor_centres()[certain]
    centres, half = values[:, :2] + anchors, values[:, 2:4] / 2.0
    low, high = centres - half, centres + half
    best = int(scores.argmax())
    sides = (np.minimum(high, high[best]) - np.maximum(low, low[best])).clip(0.0)
    shared, areas = sides.prod(1), (high - low).prod(1)
    same = shared > min_overlap * (areas + areas[best] - shared)
    same[best] = True
    points = values[same, 4:].reshape(-1, 4, 2) + anchors[same, None]
    return np.asarray(np.average(points.astype(np.float64), axis=0, weights=scores[same]))


def all_detections(
    boxes: NDArray[np.float32], logits: NDArray[np.float32], min_score: float, min_overlap: float, most: int
) -> list[NDArray[np.float64]]:
    """Return the keypoints of up to ``most`` people, the most certain first; see :func:`best_detection`. [4, 2] each"""
    hips = boxes[:, 4:6] / INPUT + anchor_centres()
    logits, found = logits.copy(), list[NDArray[np.float64]]()
    while len(found) < most:
        points = best_detection(boxes, logits, min_score, min_overlap)
        if points is None:
            break
        found.append(points)
        size = np.linalg.norm(points[1] - points[0])
        logits[np.linalg.norm(hips - points[0], axis=1) < SAME_HIPS * size] = -np.inf
    return found
