"""Reading colours out of one frame, as it is and blurred within the person."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
ByteArray = NDArray[np.uint8]

BLUR = 0.012
"""Standard deviation of the blur that parts colour from detail, in person heights (about 2 cm)."""
REDUCTION = 4
"""The blurred picture is kept this much smaller."""
MARGIN_PX = 16
_COLUMNS = 1024


@dataclass(frozen=True)
class Picture:
    """One frame around the person, ready to be sampled."""

    sharp: ByteArray  # [h, w, 3] BGR
    smooth: ByteArray  # [h / REDUCTION, w / REDUCTION, 3] blurred within the mask
    energy: FloatArray  # [h / REDUCTION, w / REDUCTION] mean strength of the gradients around
    left: int
    top: int
    shift: FloatArray = field(default_factory=lambda: np.zeros((1, 1, 2), np.float32))
    """How far things lie from where the body has them, in pixels, over the same window at any resolution. [y, x, 2]"""

    @classmethod
    def of(cls, bgr: ByteArray, mask: NDArray[np.bool_]) -> Picture:
        """Cut out the person and blur it; the background takes no part. bgr [H, W, 3], mask [H, W]"""
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        if not len(rows):
            rows, columns = np.arange(len(bgr)), np.arange(bgr.shape[1])
        top, left = max(int(rows[0]) - MARGIN_PX, 0), max(int(columns[0]) - MARGIN_PX, 0)
        box = (slice(top, int(rows[-1]) + MARGIN_PX + 1), slice(left, int(columns[-1]) + MARGIN_PX + 1))
        sharp = bgr[box].copy()
        inside = cv2.erode(mask[box].astype(np.uint8), np.ones((3, 3)))
        size = (max(1, round(sharp.shape[1] / REDUCTION)), max(1, round(sharp.shape[0] / REDUCTION)))
        sigma = BLUR * len(rows) / REDUCTION
        weight = _shrink(inside * np.uint8(255), size)
        colour = _shrink(sharp * inside[:, :, None], size)
        strength = _shrink(_gradient(sharp) * inside, size)
        weight, colour, strength = (cv2.GaussianBlur(a, (0, 0), sigma) for a in (weight, colour, strength))
        share = np.maximum(weight / 255, 1e-3)
        smooth = np.clip(colour / share[:, :, None] + 0.5, 0, 255).astype(np.uint8)
        return cls(sharp, smooth, strength / share, left, top)

    def sharp_at(self, pixels: FloatArray) -> ByteArray:
        """Return the colours at pixels [N, 2] of the frame, each moved by the shift. [N, 3] RGB"""
        return read(self.sharp, self._local(pixels) - 0.5, cv2.INTER_CUBIC)[:, ::-1]

    def smooth_at(self, pixels: FloatArray) -> ByteArray:
        """Return the blurred colours there. [N, 3] RGB"""
        return read(self.smooth, self._local(pixels) * self._ratio(self.smooth) - 0.5)[:, ::-1]

    def energy_at(self, pixels: FloatArray) -> FloatArray:
        """Return the strength of the detail there. [N]"""
        return read(self.energy, self._local(pixels) * self._ratio(self.energy) - 0.5)

    def _local(self, pixels: FloatArray) -> FloatArray:
        local = pixels - np.array([self.left, self.top], np.float32)
        if self.shift.size > 2:
            local = local + read(self.shift, local * self._ratio(self.shift) - 0.5)
        return local

    def _ratio(self, image: NDArray[np.generic]) -> FloatArray:
        return np.array(image.shape[1::-1], np.float32) / np.array(self.sharp.shape[1::-1], np.float32)


def _shrink(image: ByteArray, size: tuple[int, int]) -> FloatArray:
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.float32)


def _gradient(bgr: ByteArray) -> ByteArray:
    grey = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)
    across, down = (cv2.convertScaleAbs(cv2.Sobel(grey, cv2.CV_16S, *order)) for order in ((1, 0), (0, 1)))
    return np.asarray(cv2.addWeighted(across, 0.5, down, 0.5, 0), dtype=np.uint8)


def read(image: NDArray[np.generic], places: FloatArray, interpolation: int = cv2.INTER_LINEAR) -> NDArray[Any]:
    """Return an image's values at [N, 2] array coordinates. OpenCV wants a two-dimensional map of limited size."""
    rows = max(1, -(-len(places) // _COLUMNS))
    padded = np.zeros((rows * _COLUMNS, 2), np.float32)
    padded[: len(places)] = places
    grid = padded.reshape(rows, _COLUMNS, 2)
    values: NDArray[Any] = cv2.remap(image, grid, None, interpolation, borderMode=cv2.BORDER_REPLICATE)
    return values.reshape(rows * _COLUMNS, *image.shape[2:])[: len(places)]
