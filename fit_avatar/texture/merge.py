"""From a few samples of each texel to one colour: exposure evened out, outliers left out, detail from one frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

SIGMAS = (60.0, 35.0, 20.0)
"""Samples that differ from the mean by much more than this (of 255) are outliers; narrowed from round to round."""
MIN_WEIGHT = 1e-4
SHARP_SLOTS = 4
"""Slots whose samples are also kept unblurred."""
MAX_LOG_GAIN = 0.3
GAIN_SAMPLES = 40_000
_CHUNK = 1 << 18


@dataclass(frozen=True)
class Samples:
    """What the frames say about the N texels; slot k of a texel belongs to frame ``frames[k]`` of its triangle."""

    sharp: NDArray[np.uint8]  # [N, SHARP_SLOTS, 3]; the frames for detail come first
    smooth: NDArray[np.uint8]  # [N, K, 3]
    weight: NDArray[np.float16]  # [N, K] in the colour; 0 = not seen
    detail: NDArray[np.float16]  # [N, SHARP_SLOTS] share in the detail

    @classmethod
    def empty(cls, texels: int, slots: int) -> Samples:
        """Return room for the samples of ``texels`` texels."""
        sharp = min(SHARP_SLOTS, slots)
        return cls(
            sharp=np.zeros((texels, sharp, 3), np.uint8),
            smooth=np.zeros((texels, slots, 3), np.uint8),
            weight=np.zeros((texels, slots), np.float16),
            detail=np.zeros((texels, sharp), np.float16),
        )


def frame_gains(samples: Samples, frame: IntArray, num_frames: int, rounds: int = 3) -> FloatArray:
    """Return the factor per frame and colour channel that makes frames agree (auto-exposure, white balance).

    Each frame is compared with the texels' weighted medians, over a subset of texels.

    Args:
        samples: of N texels.
        frame: of each slot, -1 for none. [N, K]
        num_frames: T.
        rounds: of comparing and correcting.

    Returns:
        [T, 3] factors; their geometric mean is 1.
    """
    step = max(1, len(frame) // GAIN_SAMPLES)
    weight = samples.weight[::step].astype(np.float32)
    colour = np.log(samples.smooth[::step].astype(np.float32).clip(4, 250))
    frame = np.where(weight > MIN_WEIGHT, frame[::step], -1)
    gains = np.zeros((num_frames, 3), np.float32)
    used = frame >= 0
    shared = used.sum(axis=1, keepdims=True) > 1
    for _ in range(rounds):
        corrected = colour + gains[frame]
        difference = weighted_median(corrected, weight)[:, None] - corrected
        for t in range(num_frames):
            mine = (frame == t) & shared
            if mine.sum() > 50:
                gains[t] += np.median(difference[mine], axis=0)
        gains -= gains.mean(axis=0)
        gains = gains.clip(-MAX_LOG_GAIN, MAX_LOG_GAIN)
    return np.exp(gains)


def merge(samples: Samples, frame: IntArray, gains: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return one colour [N, 3] (0 to 255) for each texel, and the summed quality [N] behind it.

    The blurred samples are averaged robustly; what the blur took away comes back from the frames that were
    chosen for detail, where they agree with the rest.

    Args:
        samples: of N texels.
        frame: of each slot, -1 for none. [N, K]
        gains: per frame and channel. [T, 3]
    """
    colours = np.zeros((len(frame), 3), np.float32)
    support = np.zeros(len(frame), np.float32)
    for start in range(0, len(frame), _CHUNK):
        part = slice(start, start + _CHUNK)
        gain = gains[frame[part]]
        smooth = samples.smooth[part] * gain
        weight = samples.weight[part].astype(np.float32)
        low, trust = _robust_mean(smooth, weight)
        robust = weight * trust
        # where the chosen frames are hidden or disagree, the other samples give the detail
        sharp = slice(samples.sharp.shape[1])
        share = samples.detail[part].astype(np.float32) * trust[:, sharp] + 1e-3 * robust[:, sharp]
        share /= np.maximum(share.sum(axis=1, keepdims=True), 1e-12)
        high = np.einsum("nk,nkc->nc", share, samples.sharp[part] * gain[:, sharp] - smooth[:, sharp])
        colours[part] = np.clip(low + high, 0, 255)
        support[part] = np.where(weight.max(axis=1) > MIN_WEIGHT, weight.sum(axis=1), 0)
    return colours, support


def _robust_mean(values: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the mean [N, C] of samples [N, K, C] and the Geman–McClure trust [N, K] in each.

    It starts from the plain mean, not the median: where the samples fall into two groups (a shadow) the
    median jumps from one to the other between neighbouring texels, the mean goes over gradually.
    """
    trust = np.ones_like(weight)
    mean = np.zeros_like(values[:, 0])
    for sigma in (np.inf, *SIGMAS):
        if np.isfinite(sigma):
            trust = 1 / (1 + ((values - mean[:, None]) ** 2).mean(axis=-1) / sigma**2) ** 2
        robust = weight * trust
        mean = np.einsum("nk,nkc->nc", robust, values) / np.maximum(robust.sum(axis=1), 1e-12)[:, None]
    return mean, trust


def weighted_median(values: FloatArray, weight: FloatArray) -> FloatArray:
    """Return the weighted median over the slots, channel by channel. values [N, K, C], weight [N, K] → [N, C]"""
    order = np.argsort(values, axis=1)
    ordered = np.take_along_axis(values, order, axis=1)
    running = np.cumsum(np.take_along_axis(weight[:, :, None], order, axis=1), axis=1)
    middle = (running < 0.5 * running[:, -1:]).sum(axis=1, keepdims=True).clip(max=values.shape[1] - 1)
    return np.asarray(np.take_along_axis(ordered, middle, axis=1)[:, 0])
