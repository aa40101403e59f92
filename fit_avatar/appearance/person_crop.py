"""The part of a frame around the person, from which colours are sampled: as they are, and blurred within the mask."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import grid_sample

from fit_avatar.capture.types import Capture
from fit_avatar.errors import BadInputError

FloatArray = NDArray[np.float32]
ByteArray = NDArray[np.uint8]


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
    """One frame around the person, ready to be sampled on a device."""

    image: Tensor  # uint8 [h, w, 3] BGR
    blurred: Tensor  # uint8 [h / reduction, w / reduction, 3] BGR, blurred within the mask
    sharpness: Tensor  # float32 [h / reduction, w / reduction, 1] mean gradient magnitude of the surroundings
    left: int
    top: int
    flow: Tensor | None = None
    """Shift from where the body has a point to where the image shows it, in pixels; of any resolution. [y, x, 2]"""

    @classmethod
    def of(
        cls, bgr: ByteArray, mask: NDArray[np.bool_], device: str | torch.device, config: CropConfig = CROP
    ) -> PersonCrop:
        """Cut out the person and blur it; the background takes no part. bgr [H, W, 3], mask [H, W]

        OpenCV does so on the CPU, and the crop is copied to the device once.
        """
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
        sharpness = (gradient / known)[:, :, None]
        there = [torch.from_numpy(a).to(device) for a in (image, blurred, sharpness)]
        return cls(there[0], there[1], there[2], left, top)

    def colours_at(self, pixels: Tensor) -> Tensor:
        """Return the colours at pixels [N, 2] of the full frame, each moved by the flow. float32 [N, 3] RGB"""
        return self._sample(self.image, pixels, "bicubic").clamp_(0, 255).flip(1)

    def blurred_at(self, pixels: Tensor) -> Tensor:
        """Return the blurred colours at pixels [N, 2] of the full frame. float32 [N, 3] RGB"""
        return self._sample(self.blurred, pixels).flip(1)

    def sharpness_at(self, pixels: Tensor) -> Tensor:
        """Return the mean gradient magnitude around pixels [N, 2] of the full frame. [N]"""
        return self._sample(self.sharpness, pixels)[:, 0]

    def _sample(self, image: Tensor, pixels: Tensor, how: Literal["bilinear", "bicubic"] = "bilinear") -> Tensor:
        ratio = self._ratio(image)
        places = scaled(pixels, ratio, (-self.left * ratio[0], -self.top * ratio[1]))
        if self.flow is not None:
            on_flow = self._ratio(self.flow)
            moved = sample(self.flow, scaled(pixels, on_flow, (-self.left * on_flow[0], -self.top * on_flow[1])))
            places += scaled(moved, ratio)
        return sample(image, places, how)

    def _ratio(self, image: Tensor) -> tuple[float, float]:
        return image.shape[1] / self.image.shape[1], image.shape[0] / self.image.shape[0]


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


def sample(image: Tensor, places: Tensor, how: Literal["bilinear", "bicubic"] = "bilinear") -> Tensor:
    """Return an image's values [h, w, C] at N places (x, y), pixels; beyond its border it is continued. [N, C]"""
    planes, (height, width) = image.permute(2, 0, 1).float(), image.shape[:2]
    grid = scaled(places, (2 / width, 2 / height), (-1, -1))
    return grid_sample(planes[None], grid[None, None], how, "border", align_corners=False)[0, :, 0].T


def scaled(places: Tensor, factor: tuple[float, float], shift: tuple[float, float] = (0, 0)) -> Tensor:
    """Return places (x, y) times a factor and plus a shift along each axis; numbers that no device has to be told."""
    x, y = (places[:, i] * factor[i] + shift[i] for i in (0, 1))
    return torch.stack([x, y], -1)


def as_bytes(colours: Tensor) -> Tensor:
    """Return colours from 0 to 255 as uint8, rounded."""
    return (colours + 0.5).clamp(0, 255).to(torch.uint8)


def _shrink(image: cv2.typing.MatLike, size: tuple[int, int]) -> FloatArray:
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.float32)


def _gradient_magnitude(bgr: ByteArray) -> ByteArray:
    grey = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)
    across, down = (cv2.convertScaleAbs(cv2.Sobel(grey, cv2.CV_16S, *order)) for order in ((1, 0), (0, 1)))
    return np.asarray(cv2.addWeighted(across, 0.5, down, 0.5, 0), dtype=np.uint8)
