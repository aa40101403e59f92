"""Where the samples of chroma are, of which most video has one for 2 × 2 pixels, and chroma for every pixel."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from av.video.stream import VideoStream

Place = tuple[float, float]
"""Where a sample of chroma is among the columns and among the rows that it is for: 0 on the first of them, 0.5 in their
middle."""
LEFT: Place = (0.0, 0.5)
"""Of 4:2:0 in H.264, HEVC, MPEG-2 and MPEG-4 that say nothing (H.264 and H.265, section E.2.1), and of others."""
CENTRE: Place = (0.5, 0.5)
"""Of JPEG and MPEG-1."""
SITING = (b"\x55\xb7\x81", b"\x55\xb8\x81")
"""Matroska's elements ChromaSitingHorz and ChromaSitingVert, each of one byte."""
PLACES = {1: 0.0, 2: 0.5}
"""Their values (RFC 9559, sections 5.1.4.1.28.21 and 22)."""


def chroma_place(stream: VideoStream) -> Place:
    """Return where the samples of chroma are in a stream.

    PyAV has no name for it, but FFmpeg writes what it knows of a stream into the header of a Matroska file. The packets
    are opaque to it: no encoder is opened, of which x265 and others would talk to the terminal.
    """
    import av

    header = io.BytesIO()
    try:
        with av.open(header, "w", format="matroska") as container:
            container.add_stream_from_template(stream, opaque=True)
            container.start_encoding()
    except (av.FFmpegError, ValueError):  # of a codec that Matroska does not hold
        return _usual(stream)
    written = header.getvalue()
    found = [PLACES.get(written[written.index(key) + len(key)]) if key in written else None for key in SITING]
    across, down = found
    return _usual(stream) if across is None or down is None else (across, down)


def for_every_pixel(chroma: NDArray[np.uint8], width: int, height: int, place: Place) -> NDArray[np.uint8]:
    """Interpolate a plane of chroma. [h, w] → [height, width]"""
    rows, columns = -(-height // chroma.shape[0]), -(-width // chroma.shape[1])
    between = (1 if place[0] == 0.0 else columns, 1 if place[1] == 0.0 else rows)
    if between != (1, 1):
        size = chroma.shape[1] * between[0], chroma.shape[0] * between[1]
        chroma = np.asarray(cv2.resize(chroma, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    if columns > between[0]:
        chroma = _first_of(chroma, columns)
    if rows > between[1]:
        chroma = np.ascontiguousarray(_first_of(np.ascontiguousarray(chroma.T), rows).T)
    return np.asarray(chroma[:height, :width])


def _first_of(chroma: NDArray[np.uint8], count: int) -> NDArray[np.uint8]:
    """Interpolate along rows, a sample being on the first of so many pixels. [h, w] → [h, count w]"""
    following = cv2.copyMakeBorder(chroma[:, 1:], 0, 0, 0, 1, cv2.BORDER_REPLICATE) if chroma.shape[1] > 1 else chroma
    parts = [chroma, *(cv2.addWeighted(chroma, 1 - k / count, following, k / count, 0.0) for k in range(1, count))]
    return np.asarray(cv2.merge(parts), np.uint8).reshape(len(chroma), -1)


def _usual(stream: VideoStream) -> Place:
    return CENTRE if (stream.codec_context.pix_fmt or "").startswith("yuvj") else LEFT
