"""Reading a clip frame by frame, upright: a video file, a folder of pictures, or a pattern such as ``%05d.png``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.frames import Frame, VideoInfo, open_frames
from fit_avatar.capture.frames.matte import composed
from fit_avatar.capture.frames.times import Timing

__all__ = ["Frame", "VideoInfo", "count_frames", "frame_times", "probe", "read_frames", "read_raw"]


def probe(path: Path) -> VideoInfo:
    """Read a clip's size, rate and orientation by decoding its first frame.

    Raises:
        BadInputError: no such file, not a video, or no frame in it decodes.
    """
    return open_frames(path).info


def read_frames(path: Path, indices: Iterable[int] | None = None) -> Iterator[tuple[int, Frame]]:
    """Decode a clip from its start, without seeking, so that an index always means the same frame.

    Args:
        path: a video that FFmpeg reads, a folder of pictures, or a pattern.
        indices: which frames to yield (in temporal order); all of them if ``None``.

    Yields:
        ``(index, frame)``, the frame upright, BGR; transparent ones over grey. [H, W, 3]

    Raises:
        BadInputError: no such file, not a video, or no frame in it decodes.
    """
    for each in open_frames(path).decode(None if indices is None else {int(i) for i in indices}):
        yield each.index, composed(each.picture, each.alpha)


def read_raw(path: Path, indices: Iterable[int]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yield frames like :func:`read_frames`, but with their alpha where they have it. [H, W, 3] or [H, W, 4]"""
    for each in open_frames(path).decode({int(i) for i in indices}):
        alpha = () if each.alpha is None else (each.alpha[..., None],)
        yield each.index, np.concatenate([each.picture, *alpha], -1) if alpha else each.picture


def count_frames(path: Path) -> int:
    """Count the frames that decode (headers may be wrong or lack the number)."""
    return len(open_frames(path).stated_times())


def frame_times(path: Path, fps: float | None = None) -> NDArray[np.float64]:
    """Return the time of every frame that decodes since the first one, in seconds. [N]

    Args:
        path: the clip.
        fps: its frame rate, instead of what the file states.

    Raises:
        BadInputError: as :func:`probe`.
    """
    source = open_frames(path)
    return Timing.of(source.stated_times(), source.info, fps).times
