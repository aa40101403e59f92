"""The clip's colours as a few dozen clusters, and whose they are, the person's or the background's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Image = NDArray[np.uint8]

BITS = 5
"""Bits kept per channel in the table colour → cluster."""
CLUSTERS = 64
CELL = 4
"""Local histograms are kept per cell of this many pixels a side."""
PRIOR_SHARE = 0.1
"""The clip-wide histogram counts as much as this part of a full window of pixels."""
DECISIVE = 3.0
"""Clip-wide log ratios below this say nothing: skin may look like brick."""
LIMIT = 3.0
"""No colour alone says more than this log ratio."""


@dataclass(frozen=True)
class Palette:
    """K colour clusters of one clip, found by table, and how often each occurs on the person and behind."""

    table: NDArray[np.uint8]
    """Cluster of each quantised colour. [2^(3·BITS)]"""
    frequency: NDArray[np.float32]
    """Share of each cluster among the person's and the background's pixels. [2, K]"""

    @staticmethod
    def of(samples: Image) -> Palette:
        """Cluster sampled BGR colours [N, 3] by k-means in Lab (same samples, same clusters)."""
        count = min(CLUSTERS, len(samples))
        cv2.setRNGSeed(0)
        stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 12, 0.5)
        start = np.zeros((len(samples), 1), np.int32)
        _, _, centres = cv2.kmeans(_lab(samples), count, start, stop, 1, cv2.KMEANS_PP_CENTERS)
        levels = (np.arange(1 << BITS) * (256 >> BITS) + (128 >> BITS)).astype(np.uint8)
        grid = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1).reshape(-1, 3)
        half_norm = 0.5 * (centres**2).sum(1)
        nearest = np.argmax(_lab(grid) @ centres.T - half_norm, axis=1)
        return Palette(nearest.astype(np.uint8), np.full((2, count), 1.0 / count, np.float32))

    def learn(self, examples: Iterable[tuple[Image, Mask, Mask]]) -> Palette:
        """Return a palette with the frequencies of examples (frame, surely person, surely background)."""
        size = self.frequency.shape[1]
        counts = np.ones((2, size))
        for frame, person, behind in examples:
            labels = self.labels(frame)
            for row, mask in zip(counts, (person, behind), strict=True):
                row += np.bincount(labels[mask], minlength=size)
        return replace(self, frequency=(counts / counts.sum(1, keepdims=True)).astype(np.float32))

    def labels(self, image: Image) -> NDArray[np.uint8]:
        """Return each pixel's cluster. [h, w, 3] → [h, w]"""
        q = (image >> (8 - BITS)).astype(np.int32)
        return np.asarray(self.table[(q[..., 0] << (2 * BITS)) | (q[..., 1] << BITS) | q[..., 2]])

    def overall(self) -> NDArray[np.float32]:
        """Return each cluster's clip-wide log ratio person / background where it is decisive, else 0. [K]"""
        ratio = np.log(self.frequency[0] / self.frequency[1])
        beyond = np.sign(ratio) * np.maximum(np.abs(ratio) - DECISIVE, 0.0)
        return np.asarray(np.clip(beyond, -LIMIT, LIMIT), np.float32)

    def local(self, labels: NDArray[np.uint8], person: Mask, behind: Mask, window: int) -> NDArray[np.float32]:
        """Return each pixel's log ratio person / background by the colours within a window around it. [h, w]

        Args:
            labels: clusters of the pixels. [h, w]
            person: pixels to learn the person's colours from. [h, w]
            behind: pixels to learn the background's colours from. [h, w]
            window: side of the window in pixels.
        """
        rows, cols = (-(-n // CELL) for n in labels.shape)
        side = 2 * max(window // (2 * CELL), 1) + 1
        prior = PRIOR_SHARE * (side * CELL) ** 2
        logs = []
        for mask, frequency in zip((person, behind), self.frequency, strict=True):
            y, x = np.nonzero(mask)
            cell = (labels[y, x].astype(np.int64) * rows + y // CELL) * cols + x // CELL
            counts = np.bincount(cell, minlength=len(frequency) * rows * cols).reshape(-1, rows, cols)
            near = np.stack([_window_sum(layer, side) for layer in counts.astype(np.float32)])
            logs.append(np.log((near + prior * frequency[:, None, None]) / (near.sum(0) + prior)))
        y, x = np.arange(labels.shape[0])[:, None] // CELL, np.arange(labels.shape[1])[None] // CELL
        return np.asarray(np.clip(logs[0] - logs[1], -LIMIT, LIMIT)[labels, y, x], np.float32)


def _window_sum(layer: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    return np.asarray(cv2.boxFilter(layer, -1, (side, side), normalize=False, borderType=cv2.BORDER_CONSTANT))


def _lab(bgr: Image) -> NDArray[np.float32]:
    lab = cv2.cvtColor(bgr.reshape(-1, 1, 3).astype(np.float32) / 255.0, cv2.COLOR_BGR2Lab)
    return np.asarray(lab.reshape(-1, 3))
