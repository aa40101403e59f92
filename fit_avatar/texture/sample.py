"""Reading colours out of one frame, as it is and blurred within the person."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
ByteArray = NDArray[np.uint8]

BLUR = 0.012
"""Standard deviation of the blur that parts colour from detail, in person heights (about 2 cm)."""
REDUCTION = 4
"""The blurred picture is kept this much smaller."""
_COLUMNS = 1024


@dataclass(frozen=True)
class Picture:
    """One frame, ready to be sampled."""

    sharp: ByteArray  # [h, w, 3] BGR
    smooth: ByteArray  # [h / REDUCTION, w / REDUCTION, 3] blurred within the mask
    left: int
    top: int

    @classmethod
    def of(cls, bgr: ByteArray, mask: NDArray[np.bool_]) -> Picture:
        """Cut out the person and blur it; the background takes no part. bgr [H, W, 3], mask [H, W]"""
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        if not len(rows):
            return cls(bgr, cv2.resize(bgr, None, fx=1 / REDUCTION, fy=1 / REDUCTION), 0, 0)
        top, left = max(int(rows[0]) - 8, 0), max(int(columns[0]) - 8, 0)
        box = (slice(top, int(rows[-1]) + 9), slice(left, int(columns[-1]) + 9))
        sharp = np.ascontiguousarray(bgr[box])
        inside = cv2.erode(mask[box].astype(np.float32), np.ones((3, 3)))
        size = (max(1, round(sharp.shape[1] / REDUCTION)), max(1, round(sharp.shape[0] / REDUCTION)))
        weight = cv2.resize(inside, size, interpolation=cv2.INTER_AREA)
        colour = cv2.resize(sharp * inside[:, :, None], size, interpolation=cv2.INTER_AREA)
        sigma = BLUR * len(rows) / REDUCTION
        weight, colour = (cv2.GaussianBlur(a, (0, 0), sigma) for a in (weight, colour))
        smooth = np.clip(colour / np.maximum(weight, 1e-3)[:, :, None] + 0.5, 0, 255).astype(np.uint8)
        return cls(sharp, smooth, left, top)

    def at(self, pixels: FloatArray) -> tuple[ByteArray, ByteArray]:
        """Return sharp (bicubic) and smooth (bilinear) colours at pixels [N, 2]; [N, 3] RGB each."""
        local = pixels - np.array([self.left, self.top], np.float32)
        ratio = np.array(self.smooth.shape[1::-1], np.float32) / np.array(self.sharp.shape[1::-1], np.float32)
        return (
            _read(self.sharp, local - 0.5, cv2.INTER_CUBIC),
            _read(self.smooth, local * ratio - 0.5, cv2.INTER_LINEAR),
        )


def _read(image: ByteArray, places: FloatArray, interpolation: int) -> ByteArray:
    """Sample an image at [N, 2] array coordinates. OpenCV wants a two-dimensional map of limited size."""
    rows = -(-len(places) // _COLUMNS)
    padded = np.zeros((rows * _COLUMNS, 2), np.float32)
    padded[: len(places)] = places
    grid = padded.reshape(rows, _COLUMNS, 2)
    colours = cv2.remap(image, grid, None, interpolation, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(colours.reshape(-1, 3)[: len(places), ::-1], dtype=np.uint8)
