"""The part of a frame around the person, from which colours are sampled: as they are, and blurred within the mask."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.types import Capture
from fit_avatar.errors import BadInputError

FloatArray = NDArray[np.float32]
ByteArray = NDArray[np.uint8]

_COLUMNS = 1024


@dataclass(frozen=True)
class CropConfig:
    """How a frame is cut out and split into coarse colour and detail. All values were chosen by hand."""

    blur: float = 0.012
    """Standard deviation of the blur that separates coarse colour from detail, in person heights (about 2 cm)."""
    reduction: int = 4
    """The blurred images are stored so many times smaller, or fewer, so that it is less than the blur and nothing is
    lost: of a person of 300 pixels three times."""
    margin_px: int = 16
    """Pixels around the mask that are kept, for bicubic sampling and for shifts of the image."""


CROP = CropConfig()


@dataclass(frozen=True)
class PersonCrop:
    """One frame around the person, ready to be sampled."""

    image: ByteArray  # [h, w, 3] BGR
    blurred: ByteArray  # [h / reduction, w / reduction, 3] BGR, blurred within the mask
    sharpness: FloatArray  # [h / reduction, w / reduction] mean gradient magnitude of the surroundings
    left: int
    top: int
    flow: FloatArray = field(default_factory=lambda: np.zeros((1, 1, 2), np.float32))
    """Shift from where the body has a point to where the image shows it, in pixels; of any resolution. [y, x, 2]"""

    @classmethod
    def of(cls, bgr: ByteArray, mask: NDArray[np.bool_], config: CropConfig = CROP) -> PersonCrop:
        """Cut out the person and blur it; the background takes no part. bgr [H, W, 3], mask [H, W]"""
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        if not len(rows):
            rows, columns = np.arange(len(bgr)), np.arange(bgr.shape[1])
        margin = config.margin_px
        top, left = max(int(rows[0]) - margin, 0), max(int(columns[0]) - margin, 0)
        box = (slice(top, int(rows[-1]) + margin + 1), slice(left, int(columns[-1]) + margin + 1))
        image = bgr[box].copy()
        inside = cv2.erode(mask[box].astype(np.uint8), np.ones((3, 3)))
        reduction = max(1, min(config.reduction, int(config.blur * len(rows))))
        size = (max(1, round(image.shape[1] / reduction)), max(1, round(image.shape[0] / reduction)))
        sigma = config.blur * len(rows) / reduction
        weight = _shrink(inside * np.uint8(255), size)
        colour = _shrink(cv2.copyTo(image, inside), size)
        gradient = _shrink(cv2.copyTo(_gradient_magnitude(image), inside), size)
        weight, colour, gradient = (cv2.GaussianBlur(a, (0, 0), sigma) for a in (weight, colour, gradient))
        known = np.maximum(weight / 255, 1e-3)
        blurred = np.clip(colour / known[:, :, None] + 0.5, 0, 255).astype(np.uint8)
        return cls(image, blurred, gradient / known, left, top)

    def colours_at(self, pixels: FloatArray) -> ByteArray:
        """Return the colours at pixels [N, 2] of the full frame, each moved by the flow. [N, 3] RGB"""
        return sample(self.image, self._local(pixels) - 0.5, cv2.INTER_CUBIC)[:, ::-1]

    def blurred_at(self, pixels: FloatArray) -> ByteArray:
        """Return the blurred colours at pixels [N, 2] of the full frame. [N, 3] RGB"""
        return sample(self.blurred, self._local(pixels) * self._ratio(self.blurred) - 0.5)[:, ::-1]

    def sharpness_at(self, pixels: FloatArray) -> FloatArray:
        """Return the mean gradient magnitude around pixels [N, 2] of the full frame. [N]"""
        return sample(self.sharpness, self._local(pixels) * self._ratio(self.sharpness) - 0.5)

    def _local(self, pixels: FloatArray) -> FloatArray:
        local = pixels - np.array([self.left, self.top], np.float32)
        if self.flow.size > 2:
            local = local + sample(self.flow, local * self._ratio(self.flow) - 0.5)
        return local

    def _ratio(self, image: NDArray[np.generic]) -> FloatArray:
        return np.divide(image.shape[1::-1], self.image.shape[1::-1], dtype=np.float32)


def captured_frames(capture: Capture, frames: Iterable[tuple[int, ByteArray]]) -> Iterator[tuple[int, ByteArray]]:
    """Yield the capture's frames by their position among its T, each once; others are skipped.

    Args:
        capture: of T frames.
        frames: (frame index, BGR image [H, W, 3]), undistorted, in any order.

    Raises:
        BadInputError: a frame's size differs from the camera's.
    """
    position = {int(index): t for t, index in enumerate(capture.frame_indices)}
    camera = capture.camera
    for index, bgr in frames:
        t = position.pop(int(index), None)
        if t is None:
            continue
        height, width = bgr.shape[:2]
        if (width, height) != (camera.width, camera.height):
            raise BadInputError(
                f"frame {index} has {width}×{height} pixels, but the camera is of {camera.width}×{camera.height}: "
                "give frames of the size that the capture was made from"
            )
        yield t, bgr


def sample(image: NDArray[np.generic], places: FloatArray, interpolation: int = cv2.INTER_LINEAR) -> NDArray[Any]:
    """Return an image's values at N array coordinates (x, y): pixel centres at integers. [N, 2] → [N, ...]"""
    rows = max(1, -(-len(places) // _COLUMNS))  # OpenCV wants a two-dimensional map of limited size
    padded = np.zeros((rows * _COLUMNS, 2), np.float32)
    padded[: len(places)] = places
    grid = padded.reshape(rows, _COLUMNS, 2)
    values: NDArray[Any] = cv2.remap(image, grid, None, interpolation, borderMode=cv2.BORDER_REPLICATE)
    return values.reshape(rows * _COLUMNS, *image.shape[2:])[: len(places)]


def _shrink(image: cv2.typing.MatLike, size: tuple[int, int]) -> FloatArray:
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.float32)


def _gradient_magnitude(bgr: ByteArray) -> ByteArray:
    grey = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)
    across, down = (cv2.convertScaleAbs(cv2.Sobel(grey, cv2.CV_16S, *order)) for order in ((1, 0), (0, 1)))
    return np.asarray(cv2.addWeighted(across, 0.5, down, 0.5, 0), dtype=np.uint8)
