"""Reading a video frame by frame, upright."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.errors import BadInputError
from fit_avatar.io.files import plain_name, require_file
from fit_avatar.io.kinds import misfit, video_remedy
from fit_avatar.io.pictures import check_pixels

Frame = NDArray[np.uint8]

DEFAULT_FPS = 30.0
"""Frame rate if the file does not state a possible one. Chosen by hand."""
MAX_GAPS = 30
"""Reading ends after this many undecodable frames in a row. Chosen by hand."""


@dataclass(frozen=True)
class VideoInfo:
    """A video's properties; width and height are those of the upright frame, in pixels."""

    width: int
    height: int
    fps: float
    """Mean frame rate; 30 if the file does not say."""
    frame_count: int | None
    """Frames according to the file's header, ``None`` if it does not say. Decoding may yield a few fewer."""
    rotation: int
    """Clockwise degrees (0, 90, 180, 270) by which the stored picture is rotated to be upright."""


def probe(path: Path) -> VideoInfo:
    """Read a video's size, rate and orientation by decoding its first frame.

    Raises:
        BadInputError: no such file, not a video, or no frame in it decodes.
    """
    capture = _open(path)
    try:
        frame = _next(capture)
        if frame is None:
            raise BadInputError(_no_frame(path))
        height, width = frame.shape[:2]
        fps = float(capture.get(cv2.CAP_PROP_FPS))
        count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        rotation = int(capture.get(cv2.CAP_PROP_ORIENTATION_META)) % 360
        return VideoInfo(
            width, height, fps if 1.0 <= fps <= 1000.0 else DEFAULT_FPS, count if count > 0 else None, rotation
        )
    finally:
        capture.release()


def read_frames(path: Path, indices: Iterable[int] | None = None) -> Iterator[tuple[int, Frame]]:
    """Decode a video from its start, without seeking, so that an index always means the same frame.

    Args:
        path: any file that OpenCV's FFmpeg reads.
        indices: which frames to yield (in temporal order); all of them if ``None``.

    Yields:
        ``(index, frame)``, the frame upright, BGR. [H, W, 3]

    Raises:
        BadInputError: no such file, not a video, or no frame in it decodes.
    """
    wanted = None if indices is None else {int(i) for i in indices}
    last = None if wanted is None else max(wanted, default=-1)
    capture = _open(path)
    try:
        index, size = 0, None
        while last is None or index <= last:
            if wanted is not None and index not in wanted:
                if not capture.grab():
                    break
            else:
                frame = _next(capture)
                if frame is None:
                    break
                size = size or frame.shape[:2]
                if frame.shape[:2] != size:
                    raise BadInputError(f"{path} changes its picture size at frame {index}: re-encode it to one size")
                yield index, frame
            index += 1
        if index == 0 and last != -1:
            raise BadInputError(_no_frame(path))
    finally:
        capture.release()


def count_frames(path: Path) -> int:
    """Count the frames that decode (headers may be wrong or lack the number)."""
    capture = _open(path)
    try:
        count = 0
        while capture.grab():
            count += 1
        return count
    finally:
        capture.release()


def frame_times(path: Path) -> NDArray[np.float64]:
    """Return the time of every frame that decodes since the first one, in seconds. [N]"""
    return np.arange(count_frames(path)) / probe(path).fps


def _open(path: Path) -> cv2.VideoCapture:
    require_file(path, "video")
    with plain_name(path) as name:
        capture = cv2.VideoCapture(name, cv2.CAP_FFMPEG)
    if not capture.isOpened():
        raise BadInputError(
            misfit(path, "a video", video_remedy(path), "copy it again, or convert it to an MP4 (H.264)")
        )
    width, height = (int(capture.get(side)) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    check_pixels(width, height, str(path))
    # This is OpenCV's default; it is explicit because everything downstream relies on upright frames.
    capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
    return capture


def _next(capture: cv2.VideoCapture) -> Frame | None:
    for _ in range(MAX_GAPS):
        if not capture.grab():
            return None
        ok, frame = capture.retrieve()
        if ok and frame is not None and frame.size:
            return np.asarray(frame, np.uint8)
    return None


def _no_frame(path: Path) -> str:
    return f"no frame of {path} can be decoded: the file may be cut off or damaged, so copy or re-encode it"
