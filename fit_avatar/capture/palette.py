"""The colours of a clip as a few dozen clusters, and how likely each belongs to the person or to the background."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.types import Image, Mask


@dataclass(frozen=True)
class PaletteConfig:
    """Settings of the colour model."""

    bits: int = 5
    """Bits per channel of the lookup table from colour to cluster. Chosen by hand."""
    clusters: int = 64
    """Number of colour clusters. Chosen by hand."""
    cell_px: int = 4
    """Side of the square cells for which local histograms are counted, in pixels. Chosen by hand."""
    clip_weight: float = 0.1
    """Weight of the histogram of the whole clip in a local one, as a fraction of the pixels in a full window. Chosen by
    hand."""
    min_log_ratio: float = 3.0
    """Log likelihood ratios of the whole clip count only as far as they exceed this: skin may look like brick. Chosen
    by hand."""
    max_log_ratio: float = 3.0
    """Bound on any log likelihood ratio of a colour. Chosen by hand."""


DEFAULT_PALETTE = PaletteConfig()


@dataclass(frozen=True)
class Palette:
    """The K colour clusters of a clip, and how frequent each is on the person and in the background."""

    table: NDArray[np.uint8]
    """Cluster of each quantised colour. [2^(3·bits)]"""
    frequency: NDArray[np.float32]
    """Fraction of the person's and of the background's pixels in each cluster. [2, K]"""
    config: PaletteConfig = DEFAULT_PALETTE

    @staticmethod
    def cluster(samples: Image, config: PaletteConfig = DEFAULT_PALETTE) -> Palette:
        """Cluster sampled BGR colours [N, 3] by k-means in Lab; the same samples give the same clusters."""
        bits, count = config.bits, min(config.clusters, len(samples))
        cv2.setRNGSeed(0)
        stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 12, 0.5)
        start = np.zeros((len(samples), 1), np.int32)
        _, _, centres = cv2.kmeans(_lab(samples), count, start, stop, 1, cv2.KMEANS_PP_CENTERS)
        levels = (np.arange(1 << bits) * (256 >> bits) + (128 >> bits)).astype(np.uint8)
        grid = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1).reshape(-1, 3)
        half_norm = 0.5 * (centres**2).sum(1)
        nearest = np.argmax(_lab(grid) @ centres.T - half_norm, axis=1)
        return Palette(nearest.astype(np.uint8), np.full((2, count), 1.0 / count, np.float32), config)

    def learn(self, examples: Iterable[tuple[Image, Mask, Mask]]) -> Palette:
        """Return the palette with the frequencies of examples (frame, certainly person, certainly background)."""
        size = self.frequency.shape[1]
        counts = np.ones((2, size))
        for frame, *masks in examples:
            labels = self.labels(frame)
            for row, mask in zip(counts, masks, strict=True):
                row += np.bincount(labels[mask], minlength=size)
        return replace(self, frequency=(counts / counts.sum(1, keepdims=True)).astype(np.float32))

    def labels(self, image: Image) -> NDArray[np.uint8]:
        """Return each pixel's cluster. [h, w, 3] → [h, w]"""
        bits = self.config.bits
        blue, green, red = np.moveaxis(image >> (8 - bits), -1, 0)  # kept as bytes: quicker than converting all first
        place = blue.astype(np.int32) << (2 * bits)
        place |= green.astype(np.int32) << bits
        place |= red
        return np.asarray(self.table.take(place))

    def clip_log_ratio(self) -> NDArray[np.float32]:
        """Return each cluster's log ratio person / background over the clip, zero where it is indecisive. [K]"""
        ratio = np.log(self.frequency[0] / self.frequency[1])
        excess = np.sign(ratio) * np.maximum(np.abs(ratio) - self.config.min_log_ratio, 0.0)
        return np.asarray(np.clip(excess, -self.config.max_log_ratio, self.config.max_log_ratio), np.float32)

    def local_log_ratio(
        self, labels: NDArray[np.uint8], person: Mask, background: Mask, window: int
    ) -> NDArray[np.float32]:
        """Return each pixel's log ratio person / background from the colours in a window around it. [h, w]

        Args:
            labels: the pixels' clusters. [h, w]
            person: pixels from which the person's colours are learnt. [h, w]
            background: pixels from which the background's colours are learnt. [h, w]
            window: side of the window in pixels.
        """
        cell_px, limit = self.config.cell_px, self.config.max_log_ratio
        rows, columns = (-(-n // cell_px) for n in labels.shape)
        side = 2 * max(window // (2 * cell_px), 1) + 1
        clip_pixels = self.config.clip_weight * (side * cell_px) ** 2
        at = np.arange(labels.shape[0])[:, None] // cell_px * columns + np.arange(labels.shape[1]) // cell_px
        own = at * self.frequency.shape[1] + labels
        logs = []
        for mask, frequency in zip((person, background), self.frequency, strict=True):
            counts = np.bincount(own[mask], minlength=rows * columns * len(frequency))
            local = _window_sum(counts.reshape(rows, columns, -1).astype(np.float32), side)
            total = local.sum(2) + clip_pixels
            logs.append(np.log((local.ravel()[own] + clip_pixels * frequency[labels]) / total.ravel()[at]))
        return np.asarray(np.clip(logs[0] - logs[1], -limit, limit), np.float32)


def _window_sum(layers: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    return np.asarray(cv2.boxFilter(layers, -1, (side, side), normalize=False, borderType=cv2.BORDER_CONSTANT))


def _lab(bgr: Image) -> NDArray[np.float32]:
    """Convert BGR colours to Lab. [N, 3]"""
    lab = cv2.cvtColor(bgr.reshape(-1, 1, 3).astype(np.float32) / 255.0, cv2.COLOR_BGR2Lab)
    return np.asarray(lab.reshape(-1, 3))
