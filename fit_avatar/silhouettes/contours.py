"""Mask outlines as sub-pixel points with outward normals."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fit_avatar.io.threads import in_threads


@dataclass(frozen=True)
class ContourConfig:
    """How outlines are extracted from masks. All values were chosen by hand."""

    min_length_px: int = 24
    """Shorter outlines are specks or pin-holes and are left out."""
    blur_px: float = 1.5
    """Standard deviation of the blur whose half level is the outline to a fraction of a pixel; more rounds corners."""
    max_step_px: float = 1.0
    """Largest move from the mask's border pixel to the half level."""
    min_slope: float = 0.05
    """Lower bound, per pixel, of the blurred mask's gradient in that move: in thin structures it vanishes."""
    min_weight_slope: float = 0.02
    """Points where the gradient is lower have no direction, and weight 0."""
    border_px: float = 2.5
    """Points nearer than this to the frame's border have weight 0: the frame cuts the person there."""


CONTOURS = ContourConfig()
OTHERS_MARGIN = 0.03
"""Beside others is what is nearer than this fraction of the person's height: so far their coarse masks are off. Chosen
by hand."""


@dataclass(frozen=True)
class Contours:
    """The outlines of T masks, resampled to C points each."""

    points: Tensor  # [T, C, 2] pixels; pixel centres at integer + 0.5
    normals: Tensor  # [T, C, 2] unit, pointing away from the person
    weights: Tensor  # [T, C] 1, or 0 where the mask is cut by the frame's border or empty

    def to(self, device: str | torch.device) -> Contours:
        """Return the same outlines on ``device``."""
        return Contours(self.points.to(device), self.normals.to(device), self.weights.to(device))

    def frames(self, index: Tensor) -> Contours:
        """Return the outlines of some frames."""
        return Contours(self.points[index], self.normals[index], self.weights[index])

    def every(self, stride: int) -> Contours:
        """Return the same outlines, thinned."""
        return Contours(self.points[..., ::stride, :], self.normals[..., ::stride, :], self.weights[..., ::stride])


def extract_contours(masks: NDArray[np.bool_], count: int, config: ContourConfig = CONTOURS) -> Contours:
    """Sample every mask's outline, holes included, at ``count`` evenly spaced points.

    Args:
        masks: True on the person. [T, H, W]
        count: points per frame, C.
        config: sub-pixel refinement and thresholds.
    """
    frames = list(in_threads(lambda mask: _extract(mask, count, config), masks))
    points, normals, weights = (np.stack(part) for part in zip(*frames, strict=True))
    return Contours(torch.from_numpy(points), torch.from_numpy(normals), torch.from_numpy(weights))


def _extract(mask: NDArray[np.bool_], count: int, config: ContourConfig) -> tuple[NDArray[np.float32], ...]:
    """Return points [C, 2], normals [C, 2] and weights [C] of one outline; zeros where there is none."""
    empty = np.zeros((count, 2), np.float32), np.zeros((count, 2), np.float32), np.zeros(count, np.float32)
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return empty
    margin = math.ceil(4 * config.blur_px)
    top, left = max(rows[0] - margin, 0), max(columns[0] - margin, 0)
    crop = np.ascontiguousarray(mask[top : rows[-1] + margin + 1, left : columns[-1] + margin + 1]).astype(np.uint8)
    outlines, _ = cv2.findContours(crop, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    kept = [outline[:, 0] for outline in outlines if len(outline) >= config.min_length_px]
    if not kept:
        return empty
    pixels = np.concatenate(kept)
    pixels = pixels[np.linspace(0, len(pixels) - 1, count).round().astype(int)]
    x, y = pixels.T

    soft = cv2.GaussianBlur(crop.astype(np.float32), (0, 0), config.blur_px)
    gradient_x, gradient_y = cv2.Sobel(soft, cv2.CV_32F, 1, 0) / 8, cv2.Sobel(soft, cv2.CV_32F, 0, 1) / 8
    gradient = np.stack([gradient_x[y, x], gradient_y[y, x]], -1)
    slope = np.linalg.norm(gradient, axis=-1, keepdims=True)
    normals = -gradient / np.maximum(slope, 1e-6)
    step = (soft[y, x][:, None] - 0.5) / np.maximum(slope, config.min_slope)
    step = step.clip(-config.max_step_px, config.max_step_px)
    points = pixels + [left + 0.5, top + 0.5] + normals * step

    height, width = mask.shape
    border = config.border_px
    inside = (points > border).all(-1) & (points < np.array([width, height]) - border).all(-1)
    weights = inside & (slope[:, 0] > config.min_weight_slope)
    return points.astype(np.float32), normals.astype(np.float32), weights.astype(np.float32)


def away_from(contours: Contours, masks: NDArray[np.bool_], others: NDArray[np.bool_]) -> Contours:
    """Return outlines whose points beside other people have weight 0: nothing is known there.

    Where somebody else is in front, the mask's outline is theirs; where they are behind, the mask may hold parts of
    them. Measured on benchmarks/people_scenes.py: there 13 to 71 % of the outline are off by more than 6 pixels, 2 to
    3 % elsewhere.

    Args:
        contours: of the masks.
        masks: True on the person. [T, H, W]
        others: True on other people, in smaller pictures. [T, h, w]
    """
    weights = contours.weights.clone()
    height, width = masks.shape[1:]
    rows, columns = others.shape[1:]
    points = contours.points.cpu().numpy() * np.array([columns / width, rows / height])
    for t, other in enumerate(others):
        own = np.flatnonzero(masks[t].any(1))
        if not other.any() or not len(own):
            continue
        reach = OTHERS_MARGIN * (own[-1] + 1 - own[0]) * rows / height
        distance = cv2.distanceTransform((~other).astype(np.uint8), cv2.DIST_L2, 3)
        x, y = (points[t].T).astype(int)
        near = distance[y.clip(0, rows - 1), x.clip(0, columns - 1)] <= reach
        weights[t, torch.from_numpy(near).to(weights.device)] = 0.0
    return replace(contours, weights=weights)
