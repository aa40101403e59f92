"""Shifts and turns of a whole picture, as affine maps of pixels that are counted from the picture's corner."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.points import Points
from fit_avatar.capture.types import Image, Mask

Move = NDArray[np.float32]
"""From where pixels are to where they go. [2, 3]"""
STILL = np.eye(2, 3, dtype=np.float32)


def resized_move(move: Move, scale_x: float, scale_y: float) -> Move:
    """Return the same movement of the picture at another size."""
    scale = np.array([scale_x, scale_y], np.float32)
    return np.column_stack([move[:, :2] * scale[:, None] / scale, move[:, 2] * scale]).astype(np.float32)


def moved_points(points: Points, move: Move | None) -> Points:
    """Return points (u, v, confidence) [N, 3] where a movement takes them; unseen ones stay."""
    if move is None:
        return points
    moved = points.copy()
    moved[:, :2] = np.where(points[:, 2:] > 0, points[:, :2] @ move[:, :2].T + move[:, 2], points[:, :2])
    return moved


def moved_mask(mask: Mask, move: Move | None) -> Mask:
    """Return a mask where a movement takes it; its border goes on. [H, W]"""
    return mask if move is None else moved_values(mask.astype(np.uint8) * np.uint8(255), move, cv2.INTER_LINEAR) > 127


def moved_picture(picture: Image, move: Move | None) -> Image:
    """Return a picture where a movement takes it; its border goes on. [H, W, 3]"""
    return picture if move is None else moved_values(picture, move, cv2.INTER_CUBIC)


def moved_values(values: NDArray[np.uint8], move: Move, interpolation: int) -> NDArray[np.uint8]:
    """Return values over the picture [H, W, …] where a movement takes them; the border goes on."""
    # OpenCV counts from the centre of the first pixel.
    centres = move.astype(np.float64)
    centres[:, 2] += move[:, :2] @ [0.5, 0.5] - 0.5
    size, border = values.shape[1::-1], cv2.BORDER_REPLICATE
    return np.asarray(cv2.warpAffine(values, centres, size, flags=interpolation, borderMode=border), np.uint8)
