"""Frames for clips in many encodings, which ``benchmarks/lib/encodings.py`` writes."""

from __future__ import annotations

import cv2
import numpy as np

from lib.encodings import BGR, fill, hlg, pq, set_matrix, write, write_rgba, yuv

__all__ = ["HEIGHT", "WIDTH", "fill", "hlg", "pq", "scene", "set_matrix", "write", "write_rgba", "yuv"]

WIDTH, HEIGHT = 160, 96


def scene(count: int = 5, width: int = WIDTH, height: int = HEIGHT) -> list[BGR]:
    """Return frames of soft colours, no two parts alike, with a bright square that moves. [H, W, 3]"""
    coarse = np.random.default_rng(3).uniform(30, 225, (5, 7, 3))
    ground = cv2.resize(coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    frames = []
    for i in range(count):
        picture = ground.copy()
        picture[8:32, 8 + 8 * i : 32 + 8 * i] = (60, 200, 90)
        frames.append(np.clip(cv2.GaussianBlur(picture, (0, 0), 2.0), 0, 255).astype(np.uint8))
    return frames
