"""A clean plate of the scene behind the person: per-pixel statistics over the frames that do not show the person there.

Brightness and chromaticity are compared separately, as Horprasert et al. do ("A Statistical Approach for Real-time
Robust Background Subtraction and Shadow Detection", ICCV Frame-Rate Workshop 1999).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.box import Box
from fit_avatar.capture.types import Image, Mask
from fit_avatar.io.threads import in_threads


@dataclass(frozen=True)
class BackgroundConfig:
    """Settings of the background model. Grey levels are in 0..255."""

    min_frames: int = 3
    """Frames that must show a pixel's background before its colour counts as known. Chosen by hand."""
    min_noise: float = 1.0
    """Lower bound of both standard deviations, in grey levels: rounding and the codec. Chosen by hand."""
    max_brightness_noise: float = 10.0
    """Upper bound of the standard deviation of brightness, in grey levels, for shadows that come and go. Chosen by
    hand."""
    max_chroma_noise: float = 4.0
    """Upper bound of the standard deviation of chromaticity, in grey levels, for things that move, such as leaves.
    Chosen by hand."""
    moving_camera_noise: float = 6.0
    """Median standard deviation at the scene's edges, in grey levels, above which the camera is taken to have moved and
    there is no background model. Chosen by hand."""
    edge_quantile: float = 0.9
    """Quantile of the gradient's magnitude above which a pixel is an edge of the scene. Chosen by hand."""
    outlier_sigmas: float = 1.8
    """Distance from the first mean, in standard deviations, beyond which a value does not enter the second mean. Chosen
    by hand."""
    shadow_cost: tuple[float, float] = (0.5, 0.25)
    """Factors on a darkening, relative to other changes of brightness, off the floor and on it; smaller values explain
    more darkening as shadow. Chosen by hand."""
    darkest_shadow: tuple[float, float] = (0.75, 0.65)
    """Brightness relative to the background down to which a darkening may be a shadow, off the floor and on it. Chosen
    by hand."""
    relit: tuple[float, float] = (0.25, 3.0)
    """Brightness relative to the background within which the floor may be in a deep shadow, or lit where a shadow
    usually is. Chosen on benchmarks/masks.py."""
    relit_chroma: tuple[float, float] = (3.0, 0.03)
    """Difference in chromaticity up to which it is still the floor: grey levels, and a fraction of the pixel's own
    colour. Chosen on benchmarks/masks.py."""


DEFAULT_BACKGROUND = BackgroundConfig()
_SUM = np.ones((1, 3), np.float32)
BAND_ROWS = 256
"""Statistics are made of so many rows at a time, which bounds the memory they take. Chosen by hand."""


@dataclass(frozen=True)
class Background:
    """The clean plate of a clip filmed by a camera that stands still."""

    mean: Image
    """Mean colour, BGR in 0..255. [H, W, 3]"""
    brightness_sigma: NDArray[np.float32]
    """Standard deviation over time of the brightness (along the mean colour), per channel. [H, W]"""
    chroma_sigma: NDArray[np.float32]
    """Standard deviation over time of the chromaticity (across the mean colour), per channel. [H, W]"""
    known: Mask
    """True where enough frames show the background. [H, W]"""
    config: BackgroundConfig = DEFAULT_BACKGROUND

    def compare(self, image: Image, box: Box) -> Comparison:
        """Compare a crop of a frame with the background.

        Args:
            image: BGR crop, possibly at a smaller size. [h, w, 3]
            box: the crop's rows and columns in the full frame.
        """
        size = image.shape[1::-1]
        plate = cv2.resize(self.mean[box], size, interpolation=cv2.INTER_AREA).astype(np.float32)
        known = cv2.resize(self.known[box].astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
        of_brightness, of_chroma = (cv2.resize(s[box], size) for s in (self.brightness_sigma, self.chroma_sigma))
        colour = image.astype(np.float32)
        norm = np.maximum(_dot(plate, plate), 1.0)
        brightness, square = _dot(plate, colour) / norm, _dot(colour, colour)
        chroma = np.maximum(square - brightness * brightness * norm, 0.0)
        return Comparison(brightness, chroma, square, norm, of_brightness, of_chroma, known, self.config)


@dataclass(frozen=True)
class Comparison:
    """How a picture differs from the background. All [h, w]"""

    brightness: NDArray[np.float32]
    """Relative to the background's."""
    chroma: NDArray[np.float32]
    """Squared difference in chromaticity, summed over the channels, in grey levels."""
    square: NDArray[np.float32]
    """Squared colour, summed over the channels."""
    norm: NDArray[np.float32]
    """Squared colour of the background, summed over the channels."""
    brightness_sigma: NDArray[np.float32]
    chroma_sigma: NDArray[np.float32]
    known: Mask
    """Where the background is known."""
    config: BackgroundConfig = DEFAULT_BACKGROUND

    def distance(self, floor: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """Return the distance from the background, in standard deviations. [h, w]

        A shadow scales all channels alike, so it changes brightness only. Shadows on walls are in the statistics of the
        clip already; the shadow at the person's feet moves with them and is not, so darkening costs less on the floor.

        Args:
            floor: to what degree each row shows the floor at the person's feet, 0..1. [h]
        """
        brightness = self.brightness
        rows = np.zeros(len(brightness), np.float32) if floor is None else floor
        pairs = (self.config.shadow_cost, self.config.darkest_shadow)
        cost, darkest = (np.interp(rows, (0.0, 1.0), pair)[:, None].astype(np.float32) for pair in pairs)
        darkening = cost * (1.0 - np.maximum(brightness, darkest)) + np.maximum(darkest - brightness, 0.0)
        change = np.where(brightness > 1.0, brightness - 1.0, darkening) ** 2 * self.norm
        squares = self.chroma / self.chroma_sigma**2 + change / self.brightness_sigma**2
        return np.asarray(np.sqrt(squares / 3.0), np.float32)

    def relit(self, first: int = 0) -> Mask:
        """Return where the rows from one on show the background's colour under more or less light. [h - first, w]"""
        brightness, square = self.brightness[first:], self.square[first:]
        (darkest, brightest), (levels, part) = self.config.relit, self.config.relit_chroma
        alike = np.sqrt(self.chroma[first:]) < levels + part * np.sqrt(square)
        return np.asarray(alike & (brightness > darkest) & (brightness < brightest))


def estimate_background(
    frames: Sequence[tuple[Image, Mask]], config: BackgroundConfig = DEFAULT_BACKGROUND
) -> Background | None:
    """Average each pixel over the frames that show the background there, then again without outliers.

    Args:
        frames: pairs of a BGR frame [H, W, 3] and a mask that is True wherever the person may be [H, W].
        config: settings.

    Returns:
        The background model, or ``None`` if there is no frame or the camera moved.
    """
    if not frames:
        return None
    bands = [slice(top, top + BAND_ROWS) for top in range(0, len(frames[0][0]), BAND_ROWS)]
    first = list(in_threads(lambda band: _statistics(frames, [~maybe[band] for _, maybe in frames], band), bands))
    variances = [along**2 + 2.0 * across**2 for _, along, across, _ in first]
    spread = np.sqrt(np.concatenate(variances) / 3.0)
    if _camera_moved(frames[0][0], spread, np.concatenate([count for *_, count in first]) >= config.min_frames, config):
        return None

    def without_outliers(number: int) -> tuple[Image, NDArray[np.float32], NDArray[np.float32], Mask]:
        (first_mean, *_, count), band = first[number], bands[number]
        limit = config.outlier_sigmas**2 * (variances[number] + 3.0 * config.min_noise**2)
        usable = []
        for frame, maybe in frames:
            difference = cv2.subtract(frame[band], first_mean, dtype=cv2.CV_32F)
            usable.append(~maybe[band] & (_dot(difference, difference) < limit))
        mean, along, across, inlier_count = _statistics(frames, usable, band)
        known = (count >= config.min_frames) & (inlier_count >= config.min_frames)
        return np.round(mean).astype(np.uint8), along, across, known

    refined = list(in_threads(without_outliers, range(len(bands))))
    mean, along, across, known = (np.concatenate(parts) for parts in zip(*refined, strict=True))
    if not known.any():
        return None
    brightness_sigma = np.minimum(np.hypot(along, config.min_noise), config.max_brightness_noise)
    chroma_sigma = np.minimum(np.hypot(across, config.min_noise), config.max_chroma_noise)
    return Background(mean, brightness_sigma, chroma_sigma, known, config)


def _camera_moved(frame: Image, sigma: NDArray[np.float32], known: Mask, config: BackgroundConfig) -> bool:
    """Decide by the scene's sharpest edges, whose colours change most when the camera moves even a little."""
    grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    gradient = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    if not known.any():
        return True
    edges = known & (gradient >= np.quantile(gradient[known], config.edge_quantile))
    return float(np.median(sigma[edges])) > config.moving_camera_noise


def _statistics(
    frames: Sequence[tuple[Image, Mask]], usable: Sequence[Mask], rows: slice
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return mean [h, W, 3], standard deviations along and across it [h, W], and number of usable values [h, W]."""
    shape = frames[0][0][rows].shape
    total, square, product = (np.zeros(shape, np.float32) for _ in range(3))
    count = np.zeros(shape[:2], np.float32)
    for (picture, _), mask in zip(frames, usable, strict=True):
        frame, weight = np.ascontiguousarray(picture[rows]), mask.astype(np.uint8)
        cv2.accumulate(frame, total, weight)
        cv2.accumulateSquare(frame, square, weight)
        cv2.accumulateProduct(frame, _rotate_channels(frame), product, weight)
        count += weight
    divisor = np.maximum(count, 1.0)[..., None]
    mean = total / divisor
    rotated = _rotate_channels(mean)
    variance = np.maximum(square / divisor - mean * mean, 0.0)
    covariance = product / divisor - mean * rotated
    # The variance along a direction m is mᵀCm / mᵀm; C's off-diagonal entries are those of each channel with the next.
    norm = np.maximum(_dot(mean, mean), 1.0)
    spread = _dot(mean * mean, variance) + 2.0 * _dot(mean * rotated, covariance)
    along = np.maximum(spread / norm, 0.0)
    across = np.maximum(variance.sum(axis=2) - along, 0.0) / 2.0
    return mean, np.sqrt(along), np.sqrt(across), count


def _dot(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """Return the dot product of two pictures' colours. [H, W, 3] → [H, W]"""
    return np.asarray(cv2.transform(a * b, _SUM))


def _rotate_channels(image: NDArray[Any]) -> NDArray[Any]:
    """Move each channel on by one, the last to the front. [H, W, 3]"""
    first, second, third = cv2.split(image)
    return np.asarray(cv2.merge((third, first, second)))
