"""Which kind of source a path is."""

from __future__ import annotations

from pathlib import Path

from fit_avatar.capture.frames.pictures import PictureSequence
from fit_avatar.capture.frames.source import FrameSource
from fit_avatar.capture.frames.video import VideoFile
from fit_avatar.io.sequences import is_sequence


def open_frames(path: Path) -> FrameSource:
    """Return the frames of a video file, of a folder of pictures, or of a pattern such as ``%05d.png``.

    A file that is called like a pattern is that file.

    Raises:
        BadInputError: there is no such folder, or no such picture in it.
    """
    return PictureSequence.of(path) if is_sequence(path) else VideoFile(path)
