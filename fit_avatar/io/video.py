"""Writing a video that browsers and phones play."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from fit_avatar.errors import MissingDependencyError
from fit_avatar.io.atomic import atomic_path
from fit_avatar.io.optional import install

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

BT709, LIMITED = 1, 1
"""ITU-T H.273's numbers of the matrix, primaries and transfer of HD, and FFmpeg's of the usual range."""
CENTRED_CHROMA = "chromaloc=1"
"""FFmpeg's scaler averages the chroma of 2 × 2 pixels, whereas H.264 that says nothing has it at the left ones."""


@dataclass(frozen=True)
class VideoConfig:
    """How videos are encoded. All values are chosen by hand."""

    encoders: tuple[str, ...] = ("libx264", "libopenh264", "h264", "mpeg4")
    """The first one that the installed FFmpeg has is used. FFmpeg always has the last one, which browsers do not
    play."""
    crf: int = 20
    """Constant rate factor of x264; adding six halves the size of the file."""
    preset: str = "veryfast"
    """Speed of x264; slower ones make smaller files."""


VIDEO = VideoConfig()


class Frames(Protocol):
    """Appends frames to a video."""

    def __call__(self, bgr: NDArray[np.uint8]) -> None:
        """Append one frame. [H, W, 3]; an odd last row or column is cut off."""


@contextmanager
def video_file(path: Path, fps: float, config: VideoConfig = VIDEO) -> Iterator[Frames]:
    """Yield a function that appends frames; the finished MP4 moves to ``path`` at the end of the block.

    Args:
        path: of the video.
        fps: frames per second.
        config: of the encoder.

    Raises:
        BadInputError: the disk is full or the folder cannot be written to.
        MissingDependencyError: PyAV, or an encoder in it, is missing.
    """
    try:
        import av
    except ImportError as error:
        raise MissingDependencyError(
            f"videos are written with PyAV, which does not load ({error}): {install('av')}"
        ) from None

    rate = Fraction(fps).limit_denominator(1001)
    front = {"movflags": "+faststart"}  # the index comes first, so that a browser can play it while it loads
    with atomic_path(path) as temporary, av.open(str(temporary), "w", format="mp4", options=front) as container:
        stream: VideoStream | None = None

        def append(bgr: NDArray[np.uint8]) -> None:
            nonlocal stream
            height, width = (side // 2 * 2 for side in bgr.shape[:2])  # 4:2:0 needs even sides
            if stream is None:
                stream = _stream(container, rate, width, height, config)
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(bgr[:height, :width]), format="bgr24")
            container.mux(stream.encode(_in_bt709(picture)))

        yield append
        if stream is not None:
            container.mux(stream.encode())


def _stream(container: OutputContainer, rate: Fraction, width: int, height: int, config: VideoConfig) -> VideoStream:
    import av

    encoder = next((name for name in config.encoders if name in av.codecs_available), None)
    if encoder is None:
        raise MissingDependencyError("the installed PyAV has no H.264 encoder: pip install --force-reinstall av")
    x264 = {"crf": str(config.crf), "preset": config.preset, "x264-params": CENTRED_CHROMA}
    options = x264 if encoder == "libx264" else {}
    stream: VideoStream = container.add_stream(encoder, rate=rate, options=options)  # type: ignore[assignment]
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    context = stream.codec_context  # tags without which players guess by the size
    context.colorspace = context.color_primaries = context.color_trc = BT709
    context.color_range = LIMITED
    return stream


def _in_bt709(picture: VideoFrame) -> VideoFrame:
    """Return an RGB frame as the YUV that the stream's tags promise."""
    found = picture.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG", interpolation="BICUBIC")
    found.colorspace, found.color_range = BT709, LIMITED
    return found
