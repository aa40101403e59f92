"""From decoded frames in any pixel format to BGR in the colours of an SDR screen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.frames.chroma import LEFT, Place, for_every_pixel
from fit_avatar.capture.frames.hdr import HLG, PQ, SIGNAL_BITS, Wide

if TYPE_CHECKING:
    from av.filter import Graph
    from av.video.frame import VideoFrame

MATRICES = {
    1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020", 10: "bt2020",
}  # fmt: skip
"""Matrix coefficients in H.273's numbers → the names of FFmpeg's ``scale``."""
WEIGHTS = {
    "bt709": (0.2126, 0.0722), "fcc": (0.30, 0.11), "bt601": (0.299, 0.114), "smpte240m": (0.212, 0.087),
    "bt2020": (0.2627, 0.0593),
}  # fmt: skip
"""What red and blue weigh in luma (H.273, table 4)."""
FULL_RANGE = 2
HD_WIDTH, SD_HEIGHT = 1280, 576
"""Untagged video of this width or of more than this height has BT.709's matrix, other has BT.601's: mpv's rule."""
EXACT = "bicubic+accurate_rnd+full_chroma_int"
"""Flags of FFmpeg's scaler; without the last two it is 2 grey levels off, and colours are blocks of 2 × 2 pixels."""


FORMATS, WIDE_FORMATS = ("bgr24", "bgra"), ("gbrp12le", "gbrap12le")
"""Pixel formats without and with alpha."""


@dataclass(frozen=True)
class _Layout:
    """What a conversion depends on."""

    width: int
    height: int
    pixels: str
    """Pixel format."""
    matrix: str
    full: bool
    fewer: tuple[bool, bool]
    """Whether chroma has fewer columns than luma, and fewer rows."""
    has_alpha: bool


class Converter:
    """Converts the frames of one stream; not for several threads."""

    def __init__(self, transfer: int, primaries: int, place: Place = LEFT) -> None:
        """Take the stream's transfer characteristics and primaries in H.273's numbers, and its chroma's place."""
        self.wide, self._place = Wide.of(transfer, primaries), place
        self._layout: _Layout | None = None
        self._graph: Graph | None = None
        self._yuv: NDArray[np.uint8] = np.empty((0, 0, 3), np.uint8)  # kept, as new memory takes long

    def convert(self, frame: VideoFrame) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
        """Return BGR [H, W, 3], and alpha [H, W] if the pixel format has it."""
        layout = layout_of(frame, self.wide)
        if self.wide is None and not layout.has_alpha and _is_planar_yuv(frame):
            return self._from_planes(frame, layout), None
        if layout != self._layout or self._graph is None:
            self._graph, self._layout = _graph(layout, self.wide is not None, self._place), layout
            if self.wide is not None and layout.full and frame.format.components[0].bits > 8:
                self.wide = replace(self.wide, white=(1 << SIGNAL_BITS) - 1)
        self._graph.push(_fresh(frame))
        picture: Any = self._graph.pull()
        if self.wide is not None:
            green, blue, red, *opacity = (_plane(picture, k, np.uint16) for k in range(len(picture.planes)))
            alpha = np.asarray(opacity[0] >> (SIGNAL_BITS - 8), np.uint8) if opacity else None
            return self.wide.to_sdr(np.asarray(cv2.merge([blue, green, red]))), alpha
        pixels = np.asarray(picture.to_ndarray(), np.uint8)
        if not layout.has_alpha:
            return pixels, None
        return np.ascontiguousarray(pixels[..., :3]), np.ascontiguousarray(pixels[..., 3])

    def _from_planes(self, frame: VideoFrame, layout: _Layout) -> NDArray[np.uint8]:
        """Convert 8-bit planar YUV, which most clips are, with chroma interpolated: quicker than the scaler's flags."""
        luma, *chroma = (_plane(frame, k) for k in range(3))
        if self._yuv.shape[:2] != luma.shape:
            self._yuv = np.empty((*luma.shape, 3), np.uint8)
        large = [for_every_pixel(plane, frame.width, frame.height, self._place) for plane in chroma]
        cv2.merge([luma, *large], self._yuv)
        return np.asarray(cv2.transform(self._yuv, yuv_to_bgr(layout.matrix, layout.full)), np.uint8)


def layout_of(frame: VideoFrame, wide: Wide | None) -> _Layout:
    """Return the layout of a frame, with what its tags leave open as players take it."""
    matrix = MATRICES.get(int(frame.colorspace))
    if matrix is None:
        hdr = wide is not None and wide.transfer in (PQ, HLG)
        hd = frame.width >= HD_WIDTH or frame.height > SD_HEIGHT
        matrix = "bt2020" if hdr else "bt709" if hd else "bt601"
    pixels = frame.format.name
    full = int(frame.color_range) == FULL_RANGE or pixels.startswith("yuvj") or frame.format.is_rgb
    fewer = frame.format.chroma_width(256) < 256, frame.format.chroma_height(256) < 256
    return _Layout(frame.width, frame.height, pixels, matrix, full, fewer, has_alpha(frame))


def has_alpha(frame: VideoFrame) -> bool:
    """Return whether a frame's pixel format has transparency."""
    return frame.format.has_palette or any(part.is_alpha for part in frame.format.components)


def yuv_to_bgr(matrix: str, full: bool) -> NDArray[np.float64]:
    """Return the matrix from 8-bit (Y, U, V, 1) to 8-bit (B, G, R) (H.273, section 8.3). [3, 4]"""
    red, blue = WEIGHTS[matrix]
    green = 1.0 - red - blue
    luma, chroma, black = (1.0, 1.0, 0.0) if full else (255 / 219, 255 / 224, 16.0)
    to_b, to_r = 2 * (1 - blue) * chroma, 2 * (1 - red) * chroma
    rows = np.array([[luma, to_b, 0.0], [luma, -to_b * blue / green, -to_r * red / green], [luma, 0.0, to_r]])
    return np.column_stack([rows, -rows @ [black, 128.0, 128.0]])


def _is_planar_yuv(frame: VideoFrame) -> bool:
    parts = frame.format.components
    yuv = frame.format.name.startswith("yuv") and not frame.format.is_rgb
    return yuv and len(frame.planes) == 3 and len(parts) == 3 and all(part.bits == 8 for part in parts)


def _plane(frame: VideoFrame, index: int, kind: type[np.generic] = np.uint8) -> NDArray[Any]:
    plane: Any = frame.planes[index]
    rows: NDArray[Any] = np.frombuffer(plane, kind, plane.height * plane.line_size // np.dtype(kind).itemsize)
    return np.asarray(rows.reshape(plane.height, -1)[:, : plane.width])


def _graph(layout: _Layout, wide: bool, place: Place) -> Graph:
    """Return a graph that takes frames of a layout and gives BGR or BGRA of 8 bits, wide ones as planes of 12."""
    from av.filter import Graph

    graph = Graph()
    span = "pc" if layout.full else "tv"
    scale = f"flags={EXACT}:in_color_matrix={layout.matrix}:in_range={span}:out_range=pc:sws_dither=none"
    for option, here, fewer in zip(("in_h_chr_pos", "in_v_chr_pos"), place, layout.fewer, strict=True):
        scale += f":{option}={round(256 * here)}" * fewer  # in 256ths of a pixel
    wanted = WIDE_FORMATS if wide else FORMATS
    size = f"width={layout.width}:height={layout.height}"
    graph.link_nodes(
        graph.add("buffer", f"{size}:pix_fmt={layout.pixels}:time_base=1/1000:pixel_aspect=1/1"),
        graph.add("scale", scale),
        graph.add("format", f"pix_fmts={wanted[layout.has_alpha]}"),
        graph.add("buffersink"),
    )
    graph.configure()
    return graph


def _fresh(frame: VideoFrame) -> VideoFrame:
    frame.pts = None  # the graph needs none, and complains of those that do not increase
    return frame
