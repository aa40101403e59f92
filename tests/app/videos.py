"""Small videos, and what poses as one."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np


def write_video(path: Path, frames: int = 30, size: tuple[int, int] = (128, 160), fps: int = 10, seed: int = 0) -> Path:
    """Write a video of noise."""
    random = np.random.default_rng(seed)
    codec = "libvpx" if path.suffix in (".webm", ".mkv") else "mpeg4"
    with av.open(str(path), "w") as video:
        stream = video.add_stream(codec, rate=Fraction(fps))
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for _ in range(frames):
            picture = random.integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
            video.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        video.mux(stream.encode(None))
    return path
