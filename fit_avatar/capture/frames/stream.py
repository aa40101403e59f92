"""Opening a video file and decoding the frames of its main stream, damaged ones included."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fit_avatar.errors import BadInputError, MissingDependencyError
from fit_avatar.io.files import plain_name, require_file
from fit_avatar.io.kinds import misfit, video_remedy
from fit_avatar.io.pictures import check_pixels

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

MAX_ERRORS = 4096
"""Decoding ends after this many damaged packets in a row. Chosen by hand, as OpenCV's."""
ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""FFmpeg's own decoders of these leave the transparency out; those of libvpx do not."""
OPTIONS = {"protocol_whitelist": "file"}
"""A playlist may name files, but no address."""


@dataclass(frozen=True)
class Stream:
    """The main video stream of an open file."""

    path: Path
    container: InputContainer
    stream: VideoStream

    @property
    def fps(self) -> float:
        """Return the frame rate that the header states; 0 if none."""
        rate = self.stream.average_rate or self.stream.guessed_rate
        return float(rate) if rate else 0.0

    @property
    def frame_count(self) -> int | None:
        """Return how many frames there are by the header."""
        if self.stream.frames:
            return int(self.stream.frames)
        seconds = 0.0
        if self.stream.duration and self.stream.time_base:
            seconds = float(self.stream.duration * self.stream.time_base)
        elif self.container.duration:
            seconds = self.container.duration / 1e6
        return round(seconds * self.fps) or None

    @property
    def colours(self) -> tuple[int, int]:
        """Return transfer characteristics and primaries in H.273's numbers; known after the first frame."""
        context = self.stream.codec_context
        return int(context.color_trc), int(context.color_primaries)

    @property
    def pixel_aspect(self) -> Fraction | None:
        """Return the width of a pixel over its height, if the file says."""
        return self.stream.sample_aspect_ratio or self.stream.codec_context.sample_aspect_ratio

    def frames(self) -> Iterator[tuple[VideoFrame, float]]:
        """Yield every frame that decodes, and its time in seconds (NaN if it has none)."""
        from av.error import FFmpegError

        decoder = self._decoder()
        packets = self.container.demux(self.stream)
        errors = 0
        while errors < MAX_ERRORS:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except FFmpegError:  # the file ends in the middle of a packet
                errors += 1
                continue
            try:
                decoded: Any = decoder.decode(packet)
                errors = 0
            except FFmpegError:
                errors += 1
                continue
            for frame in decoded:
                check_pixels(frame.width, frame.height, str(self.path))
                yield frame, _time(frame)

    def _decoder(self) -> Any:
        """Return the stream's decoder, or one that keeps the transparency."""
        from av.codec import CodecContext, codecs_available

        context = self.stream.codec_context
        name = ALPHA_DECODERS.get(context.name, "")
        tags = {key.lower(): value for key, value in self.stream.metadata.items()}
        if name in codecs_available and tags.get("alpha_mode") == "1":
            return CodecContext.create(name, "r")
        return context


@contextmanager
def open_stream(path: Path) -> Iterator[Stream]:
    """Open a file's main video stream.

    Raises:
        BadInputError: no such file, or not a video.
        MissingDependencyError: PyAV does not load.
    """
    require_file(path, "video")
    try:
        import av
    except ImportError as error:
        raise MissingDependencyError(
            f"videos are read with PyAV, which does not load ({error}): pip install av"
        ) from None
    try:
        with plain_name(path) as name:
            # Not ``options``, which PyAV also gives to streams that FFmpeg finds late: MPEG files then end the process.
            container = av.open(name, container_options=OPTIONS, metadata_errors="replace")
    except (av.FFmpegError, OSError, ValueError):
        raise BadInputError(_refusal(path)) from None
    with container:
        stream: Any = container.streams.best("video")
        if stream is None or stream.codec_context is None:
            raise BadInputError(_refusal(path))
        context = stream.codec_context
        check_pixels(context.width, context.height, str(path))
        context.thread_type = "AUTO"
        try:
            yield Stream(path, container, stream)
        except av.FFmpegError as error:  # of a filter: damaged packets are passed over
            reason = (error.strerror or "unknown").lower()
            raise BadInputError(
                f"the frames of {path} ({context.pix_fmt}) cannot be converted ({reason}): re-encode it as H.264"
            ) from None


def _refusal(path: Path) -> str:
    return misfit(path, "a video", video_remedy(path), "copy it again, or convert it to an MP4 (H.264)")


def _time(frame: VideoFrame) -> float:
    stamp = frame.pts if frame.pts is not None else frame.dts
    return math.nan if stamp is None or frame.time_base is None else float(stamp * frame.time_base)
