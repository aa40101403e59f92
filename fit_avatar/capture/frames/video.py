"""The frames of a video file."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.frames.chroma import chroma_place
from fit_avatar.capture.frames.colour import Converter, has_alpha
from fit_avatar.capture.frames.deinterlace import deinterlaced
from fit_avatar.capture.frames.matte import MATTE_FRAMES, is_matte
from fit_avatar.capture.frames.source import DEFAULT_FPS, Decoded, VideoInfo
from fit_avatar.capture.frames.stream import Stream, open_stream
from fit_avatar.capture.frames.upright import Upright
from fit_avatar.errors import BadInputError
from fit_avatar.io.pictures import check_pixels

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

FPS_RANGE = (1.0, 1000.0)
"""Rates beyond are a damaged header."""


@dataclass(frozen=True)
class VideoFile:
    """A :class:`~fit_avatar.capture.frames.source.FrameSource` in a file that FFmpeg reads, decoded from its start."""

    path: Path

    @property
    def names(self) -> tuple[str, ...]:
        """Return nothing: the frames have no names."""
        return ()

    @cached_property
    def info(self) -> VideoInfo:
        """Return the video's properties.

        Raises:
            BadInputError: no such file, not a video, or no frame in it decodes.
        """
        with open_stream(self.path) as stream:
            reader = _Reader(stream)
            for frame, _ in stream.frames():
                converted = reader.upright(frame)
                break
            else:
                raise BadInputError(_no_frame(self.path))
            height, width = converted[0].shape[:2]
            turn, states = reader.turn, FPS_RANGE[0] <= stream.fps <= FPS_RANGE[1]
            return VideoInfo(
                width, height, stream.fps if states else DEFAULT_FPS, stream.frame_count, turn.rotation, turn.mirrored,
                states, has_alpha(frame) and self._has_matte(), reader.notes(frame, self.path.name),
            )  # fmt: skip

    def decode(self, indices: Collection[int] | None = None) -> Iterator[Decoded]:
        """Yield frames; see :class:`~fit_avatar.capture.frames.source.FrameSource`. Others are not converted."""
        wanted = None if indices is None else {int(i) for i in indices}
        last = None if wanted is None else max(wanted, default=-1)
        if last == -1:
            return
        size, index = None, -1
        with open_stream(self.path) as stream:
            reader = _Reader(stream)
            for index, (frame, time) in enumerate(deinterlaced(stream.frames())):
                if wanted is None or index in wanted:
                    picture, alpha = reader.upright(frame)
                    size = size or picture.shape[:2]
                    if picture.shape[:2] != size:
                        raise BadInputError(
                            f"{self.path} changes its picture size at frame {index}: re-encode it to one size"
                        )
                    yield Decoded(index, picture, alpha, time)
                if index == last:
                    return
        if index == -1:
            raise BadInputError(_no_frame(self.path))

    def stated_times(self) -> NDArray[np.float64]:
        """Return the time of every frame that decodes, in seconds, without converting any. [N]"""
        with open_stream(self.path) as stream:
            return np.array([time for _, time in stream.frames()], np.float64)

    def files(self) -> tuple[Path, ...]:
        """Return the file."""
        return (self.path,)

    def _has_matte(self) -> bool:
        return any(is_matte(each.alpha) for each in islice(self.decode(), MATTE_FRAMES))


class _Reader:
    """Turns one stream's frames into upright BGR."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._converter: Converter | None = None
        self.turn = Upright()

    def upright(self, frame: VideoFrame) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
        """Return a frame as BGR [H, W, 3], and its alpha [H, W] if it has one."""
        if self._converter is None:  # tags of the picture itself are known from here on
            self._converter = Converter(*self._stream.colours, chroma_place(self._stream.stream))
            self.turn = Upright.of(_display_matrix(frame), self._stream.pixel_aspect)
            check_pixels(*self.turn.square_size(frame.width, frame.height), str(self._stream.path))
        picture, alpha = self._converter.convert(frame)
        return self.turn.apply(picture), None if alpha is None else self.turn.apply(alpha)

    def notes(self, frame: VideoFrame, name: str) -> tuple[str, ...]:
        """Return what is put right in a frame, a sentence each."""
        notes = []
        if self._converter is not None and self._converter.wide is not None:
            notes.append(
                f"{name} is {self._converter.wide.name}; its colours were converted to those of an SDR screen."
            )
        if self.turn.stretch != 1:
            width, height = self.turn.square_size(frame.width, frame.height)
            notes.append(
                f"The pixels of {name} are not square; its {frame.width} × {frame.height} pixels were stretched to "
                f"{width} × {height}, to which keypoints, masks and camera belong."
            )
        if frame.interlaced_frame:
            notes.append(f"{name} is interlaced; its frames were deinterlaced.")
        return tuple(notes)


def _display_matrix(frame: VideoFrame) -> bytes | None:
    from av.sidedata.sidedata import Type

    held: Any = frame.side_data
    data = held.get(Type.DISPLAYMATRIX)
    return None if data is None else bytes(data)


def _no_frame(path: Path) -> str:
    return f"no frame of {path} can be decoded: the file may be cut off or damaged, so copy or re-encode it"
