"""What every source of frames can do: a video file, or a sequence of pictures."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]
"""BGR [H, W, 3]."""

DEFAULT_FPS = 30.0
"""Frame rate if the source does not state a possible one. Chosen by hand."""


@dataclass(frozen=True)
class VideoInfo:
    """A source's properties; width and height are those of the upright frame with square pixels."""

    width: int
    height: int
    fps: float
    """Mean frame rate; 30 if the source does not say."""
    frame_count: int | None
    """Frames according to the file's header, ``None`` if it does not say. Decoding may yield a few fewer."""
    rotation: int
    """Clockwise degrees (0, 90, 180, 270) by which the stored picture is rotated to be upright, after mirroring."""
    mirrored: bool = False
    """Whether the stored picture is mirrored, left and right, before that."""
    states_fps: bool = True
    """Whether ``fps`` is the source's own."""
    has_matte: bool = False
    """Whether the frames are transparent where the person is not."""
    notes: tuple[str, ...] = ()
    """What is put right in all frames, a sentence each."""


@dataclass(frozen=True)
class Decoded:
    """One frame of a source, upright, in the colours of an SDR screen, with square pixels."""

    index: int
    picture: Frame
    """BGR [H, W, 3]."""
    alpha: NDArray[np.uint8] | None
    """Opacity in 0..255, if the source has it. [H, W]"""
    time_s: float
    """As the source states it, from any origin; NaN if it does not."""


class FrameSource(Protocol):
    """Frames in temporal order, which are always counted from the first: an index always means the same frame."""

    @property
    def info(self) -> VideoInfo:
        """Return the source's properties, found in its first frames."""

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the frames' files without suffixes; empty if the frames are in one file."""

    def decode(self, indices: Collection[int] | None = None) -> Iterator[Decoded]:
        """Yield frames, all of them if ``indices`` is ``None``, otherwise those.

        Raises:
            BadInputError: the frames have different sizes, or none of them decodes.
        """

    def stated_times(self) -> NDArray[np.float64]:
        """Return the time of every frame that decodes, from any origin, in seconds; NaN if none is stated. [N]"""

    def files(self) -> tuple[Path, ...]:
        """Return the files that hold the frames."""
