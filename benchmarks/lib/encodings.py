"""One clip in many encodings, as phones, cameras and programs write them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.frames.hdr import BT709, PRIMARIES, srgb_light, to_xyz

BGR = NDArray[np.uint8]
LOSSLESS = {
    "libx264": {"qp": "0"},
    "libx265": {"x265-params": "lossless=1:log-level=none:frame-threads=1:pools=none"},
}
KR_KB = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}


def yuv(rgb: NDArray[np.float64], matrix: int, full: bool, bits: int) -> list[NDArray[Any]]:
    """Return planes of 4:2:0 for R'G'B' in 0..1, with the maths of H.273 rather than a library's. [H, W, 3]

    A sample of chroma is on the left one of two columns and between two rows, as H.264 and HEVC have it.
    """
    red, blue = KR_KB[matrix]
    luma = rgb @ [red, 1 - red - blue, blue]
    chroma = [(rgb[..., 2] - luma) / (2 * (1 - blue)), (rgb[..., 0] - luma) / (2 * (1 - red))]
    chroma = [_left_of_two(c[0::2] + c[1::2]) / 2 for c in chroma]
    unit = 1 << (bits - 8)
    low, high, wide = (0, 255 * unit + unit - 1, 255 * unit + unit - 1) if full else (16 * unit, 219 * unit, 224 * unit)
    values = [low + high * luma, *(128 * unit + wide * c for c in chroma)]
    kind = np.uint8 if bits == 8 else np.uint16
    return [np.clip(np.round(v), 0, (256 * unit) - 1).astype(kind) for v in values]


def _left_of_two(chroma: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return every other column, weighted with its neighbours by 1, 2 and 1. [H, W] → [H, W / 2]"""
    padded = np.pad(chroma, ((0, 0), (1, 1)), "edge")
    return (padded[:, :-2:2] + 2 * padded[:, 1:-1:2] + padded[:, 2::2]) / 4


def write(
    path: Path,
    frames: Sequence[BGR],
    *,
    codec: str = "libx264",
    matrix: int = 1,
    tagged: bool = True,
    full: bool = False,
    bits: int = 8,
    transfer: int = 1,
    primaries: int = 1,
    signal: Callable[[NDArray[np.float64]], NDArray[np.float64]] = lambda rgb: rgb,
    times_ms: Sequence[int] | None = None,
    aspect: Fraction | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Write BGR frames as YUV 4:2:0; ``signal`` maps R'G'B' of sRGB to those of the file."""
    height, width = frames[0].shape[:2]
    known = LOSSLESS.get(codec, {})
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options or known)
        stream.width, stream.height = width, height
        stream.pix_fmt = "yuv420p" if bits == 8 else "yuv420p10le"
        context = stream.codec_context
        context.time_base = Fraction(1, 1000)
        if tagged:
            context.colorspace, context.color_range = matrix, 2 if full else 1
            context.color_trc, context.color_primaries = transfer, primaries
        if aspect is not None:
            context.sample_aspect_ratio = aspect
        for i, picture in enumerate(frames):
            image = av.VideoFrame(width, height, stream.pix_fmt)
            fill(image, yuv(signal(picture[..., ::-1] / 255.0), matrix, full, bits))
            if tagged:
                image.colorspace, image.color_range = matrix, 2 if full else 1
            image.pts, image.time_base = times_ms[i] if times_ms else 40 * i, Fraction(1, 1000)
            container.mux(stream.encode(image))
        container.mux(stream.encode(None))
    return path


def fill(image: av.VideoFrame, planes: Sequence[NDArray[Any]]) -> None:
    """Copy arrays into the planes of a frame, whose rows may be longer."""
    for plane, values in zip(image.planes, planes, strict=True):
        rows = np.zeros((plane.height, plane.line_size // values.itemsize), values.dtype)
        rows[:, : plane.width] = values
        plane.update(rows.tobytes())


def write_rgba(path: Path, frames: Sequence[BGR], alphas: Sequence[NDArray[np.uint8]], codec: str, pixels: str) -> Path:
    """Write frames with transparency."""
    height, width = frames[0].shape[:2]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        if codec.startswith("libvpx"):
            stream.codec_context.bit_rate = 8_000_000
            stream.codec_context.options = {"crf": "4", "auto-alt-ref": "0"}
        for i, (picture, alpha) in enumerate(zip(frames, alphas, strict=True)):
            image = av.VideoFrame.from_ndarray(np.dstack([picture[..., ::-1], alpha]), format="rgba")
            image = image.reformat(format=pixels)
            image.pts, image.time_base = i, Fraction(1, 25)
            container.mux(stream.encode(image))
        container.mux(stream.encode(None))
    return path


def set_matrix(path: Path, a: int, b: int, c: int, d: int) -> Path:
    """Write a display matrix into the track header, as phones do: (x, y) is shown at (a x + c y, b x + d y)."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    values = [a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30]
    data[at : at + 36] = b"".join((v & 0xFFFFFFFF).to_bytes(4, "big") for v in values)
    path.write_bytes(data)
    return path


def to_bt2020(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the light of sRGB values in BT.2020's primaries. [..., 3]"""
    light = srgb_light(rgb) @ (np.linalg.inv(to_xyz(PRIMARIES[9])) @ to_xyz(BT709)).T
    return np.asarray(np.clip(light, 0, 1))


def hlg(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return HLG values for sRGB values whose white is HLG's reference white (BT.2100: OETF; BT.2408: 75 %)."""
    scene_light = to_bt2020(rgb) * ((np.exp((0.75 - 0.55991073) / 0.17883277) + 0.28466892) / 12)
    bright = 0.17883277 * np.log(np.maximum(12 * scene_light - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene_light <= 1 / 12, np.sqrt(3 * scene_light), bright)


def pq(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return PQ values for sRGB values whose white is 203 cd/m² (SMPTE ST 2084; BT.2408)."""
    power = (to_bt2020(rgb) * 203 / 10_000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375
