"""Frames in temporal order, from a video file or a sequence of pictures, upright and in an SDR screen's colours."""

from fit_avatar.capture.frames.opening import open_frames
from fit_avatar.capture.frames.source import Decoded, Frame, FrameSource, VideoInfo

__all__ = ["Decoded", "Frame", "FrameSource", "VideoInfo", "open_frames"]
