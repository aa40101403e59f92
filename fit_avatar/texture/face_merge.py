"""Several pictures of one face in the texture's plane become one: aligned with the best one, in their mean light."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class FaceMergeConfig:
    """How pictures of a face are merged. Lengths are fractions of the patch's longer side; values chosen by hand."""

    max_shift: float = 0.03
    """Largest shift that the optical flow may find after the points of the face have been followed."""
    smooth_shift: float = 0.015
    """Standard deviation of the smoothing of that flow."""
    same_light: float = 0.06
    """Standard deviation of the blur in which a frame's colours are brought to those of the best one before details are
    averaged; then they get the mean light of all: no frame's share of a place shows, and none decides on the light."""


FACE_MERGE = FaceMergeConfig()
_FAINT = 1e-3
"""Weight of the mean difference, which alone is left far from where both pictures are known."""


def merge_faces(
    patches: Sequence[FloatArray], weights: Sequence[FloatArray], config: FaceMergeConfig = FACE_MERGE
) -> tuple[FloatArray, FloatArray]:
    """Return the merged picture [H, W, 3] and the sum of the weights [H, W].

    Args:
        patches: K pictures, the best one first; 0 to 255, meaningless where their weight is 0. [H, W, 3] each
        weights: of their pixels. [H, W] each
        config: how.
    """
    best, known = patches[0], weights[0]
    merged, total = best * known[..., None], known.copy()
    mean = merged.copy()
    for patch, weight in zip(patches[1:], weights[1:], strict=True):
        aligned, seen = _aligned(best, known, patch, weight, config)
        lit = aligned + _difference(best - aligned, np.minimum(known, seen), config)
        merged += lit.clip(0, 255) * seen[..., None]
        mean += aligned * seen[..., None]
        total += seen
    merged, mean = (colours / np.maximum(total, 1e-12)[..., None] for colours in (merged, mean))
    return (merged + _difference(mean - merged, total, config)).clip(0, 255), total


def _aligned(
    best: FloatArray, known: FloatArray, patch: FloatArray, weight: FloatArray, config: FaceMergeConfig
) -> tuple[FloatArray, FloatArray]:
    """Return a picture and its weight, moved onto the best picture where both are known."""
    both = (known > 0) & (weight > 0)
    if not both.any():
        return patch, weight
    grey = [cv2.cvtColor(image.clip(0, 255).astype(np.uint8), cv2.COLOR_RGB2GRAY) for image in (best, patch)]
    grey[1] = np.where(both, grey[1], grey[0])
    grey[0] = np.where(both | (known > 0), grey[0], 0).astype(np.uint8)
    grey[1] = np.where(both | (known > 0), grey[1], 0).astype(np.uint8)
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(grey[0], grey[1], None)
    side = max(grey[0].shape)
    flow *= both[..., None]
    length = np.linalg.norm(flow, axis=2, keepdims=True)
    flow *= np.minimum(1, config.max_shift * side / np.maximum(length, 1e-6))
    flow = cv2.GaussianBlur(flow, (0, 0), config.smooth_shift * side)
    rows, columns = np.indices(grey[0].shape, dtype=np.float32)
    column, row = columns + flow[..., 0], rows + flow[..., 1]
    moved = cv2.remap(patch, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    there = cv2.remap((weight > 0).astype(np.float32), column, row, cv2.INTER_LINEAR)
    at = cv2.remap(weight, column, row, cv2.INTER_LINEAR)
    whole = there > 0.999
    return np.asarray(np.where(whole[..., None], moved, patch), np.float32), np.asarray(np.where(whole, at, 0))


def _difference(difference: FloatArray, weight: FloatArray, config: FaceMergeConfig) -> FloatArray:
    """Return what is smooth of a difference of two pictures [H, W, 3], continued beyond where both are known."""
    sigma = config.same_light * max(weight.shape)
    scale = min(1.0, 4 / sigma)
    size = tuple(max(1, round(side * scale)) for side in weight.shape[::-1])
    small = [cv2.resize(a, size, interpolation=cv2.INTER_AREA) for a in (difference * weight[..., None], weight)]
    blurred = [cv2.GaussianBlur(a, (0, 0), sigma * scale) for a in small]
    usual = small[0].sum(axis=(0, 1)) / max(float(small[1].sum()), 1e-6)
    smooth = (blurred[0] + _FAINT * usual) / (blurred[1] + _FAINT)[..., None]
    return np.asarray(cv2.resize(smooth, weight.shape[::-1], interpolation=cv2.INTER_LINEAR), dtype=np.float32)
