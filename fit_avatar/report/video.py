"""Writing a video that browsers and phones play."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from fit_avatar.errors import MissingDependencyError
from fit_avatar.io.atomic import atomic_path

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.stream import VideoStream

ENCODERS = ("libx264", "libopenh264", "h264", "mpeg4")
"""The first of these that the installed FFmpeg has is used; the last one is everywhere but not in browsers."""


class Frames(Protocol):
    """Takes the frames of a video one by one."""

    def __call__(self, bgr: NDArray[np.uint8]) -> None:
        """Append one frame. [H, W, 3]; an odd last row or column is left out."""


@contextmanager
def video_file(path: Path, fps: float, crf: int = 20) -> Iterator[Frames]:
    """Give a function that appends frames; at the end of the block the finished MP4 moves into place.

    Args:
        path: of the video.
        fps: frames per second.
        crf: constant rate factor of x264; six more halve the size.

    Raises:
        BadInputError: the disk is full or the folder cannot be written to.
        MissingDependencyError: PyAV, or an encoder in it, is missing.
    """
    try:
        import av
    except ImportError as error:
        raise MissingDependencyError(
            f"videos are written with PyAV, which does not load ({error}): pip install av"
        ) from None

    rate = Fraction(fps).limit_denominator(1001)
    front = {"movflags": "+faststart"}  # with its index first, a browser plays it before all of it is loaded
    with atomic_path(path) as temporary, av.open(str(temporary), "w", format="mp4", options=front) as container:
        stream: VideoStream | None = None

        def append(bgr: NDArray[np.uint8]) -> None:
            nonlocal stream
            height, width = (side // 2 * 2 for side in bgr.shape[:2])  # 4:2:0 needs even sides
            if stream is None:
                stream = _stream(container, rate, width, height, crf)
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(bgr[:height, :width]), format="bgr24")
            container.mux(stream.encode(picture))

        yield append
        if stream is not None:
            container.mux(stream.encode())


def _stream(container: OutputContainer, rate: Fraction, width: int, height: int, crf: int) -> VideoStream:
    import av

    encoder = next((name for name in ENCODERS if name in av.codecs_available), None)
    if encoder is None:
        raise MissingDependencyError("the installed PyAV has no H.264 encoder: pip install --force-reinstall av")
    options = {"crf": str(crf), "preset": "veryfast"} if encoder == "libx264" else {}
    stream: VideoStream = container.add_stream(encoder, rate=rate, options=options)  # type: ignore[assignment]
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    return stream
