"""Chroma must be interpolated where its samples are, or colours lie beside the things that they are of."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from movies import fill

from fit_avatar.capture.frames.chroma import CENTRE, LEFT, Place, chroma_place, for_every_pixel
from fit_avatar.capture.frames.colour import Converter
from fit_avatar.capture.video import read_frames

TOP_LEFT: Place = (0.0, 0.0)
WIDTH, HEIGHT = 64, 48
GREY, RED = (126, 128, 128), (126, 100, 180)
"""Y, U and V of one luma, so that the edge between them is one of chroma alone."""


def edge(row: np.ndarray) -> float:
    """Return where values go from one level to another, in pixels from the left border."""
    low, high = float(row[0]), float(row[-1])
    return float(((high - row.astype(float)) / (high - low)).sum())


def planes(edge_px: int, place: Place, fewer: tuple[int, int] = (2, 2)) -> list[np.ndarray]:
    """Return planes of a grey picture that is red from a column on, chroma being averaged around its place."""
    columns, rows = fewer
    fine = np.where(np.arange(-2, WIDTH + 2) < edge_px, 0.0, 1.0)
    if columns == 1:
        part = fine[2:-2]
    elif place[0] == 0.0:
        part = (fine[1:-3:2] + 2 * fine[2:-2:2] + fine[3:-1:2]) / 4
    else:
        part = (fine[2:-2:2] + fine[3:-1:2]) / 2
    chroma = [np.round(GREY[k] + (RED[k] - GREY[k]) * part).astype(np.uint8) for k in (1, 2)]
    return [np.full((HEIGHT, WIDTH), GREY[0], np.uint8), *(np.tile(c, (HEIGHT // rows, 1)) for c in chroma)]


def written(path: Path, place: Place, codec: str = "libx264", **options: str) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for k in range(3):
            frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
            fill(frame, planes(32, place))
            frame.pts, frame.time_base = k, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def place_in(path: Path) -> Place:
    with av.open(str(path)) as container:
        return chroma_place(container.streams.video[0])


@pytest.mark.parametrize(
    ("name", "codec", "options", "place"),
    [
        ("unsaid.mp4", "libx264", {"qp": "0"}, LEFT),
        ("left.mp4", "libx264", {"qp": "0", "x264-params": "chromaloc=0"}, LEFT),
        ("centre.mp4", "libx264", {"qp": "0", "x264-params": "chromaloc=1"}, CENTRE),
        ("top.mp4", "libx264", {"qp": "0", "x264-params": "chromaloc=2"}, TOP_LEFT),
        ("hevc.mp4", "libx265", {"x265-params": "lossless=1:log-level=none:chromaloc=2"}, TOP_LEFT),
        ("old.mpg", "mpeg1video", {}, CENTRE),
        ("unknown.mkv", "ffv1", {}, LEFT),
    ],
)
def test_colours_lie_on_their_things(
    tmp_path: Path, name: str, codec: str, options: dict[str, str], place: Place
) -> None:
    path = written(tmp_path / name, place, codec, **options)
    assert place_in(path) == place
    blue, _, red = np.moveaxis(next(iter(read_frames(path)))[1][HEIGHT // 2], -1, 0)
    assert edge(red) == pytest.approx(32, abs=0.15) and edge(blue) == pytest.approx(32, abs=0.15)


def test_no_encoder_talks_to_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path / "hevc.mp4", LEFT, "libx265", **{"x265-params": "lossless=1:log-level=none"})
    capfd.readouterr()
    assert place_in(path) == LEFT
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv420p10le", "yuv422p", "yuv422p10le", "yuv444p", "yuv444p10le"])
@pytest.mark.parametrize("place", [LEFT, CENTRE, TOP_LEFT])
def test_every_way_of_converting_agrees(pixels: str, place: Place) -> None:
    fewer = {"0": (2, 2), "2": (2, 1), "4": (1, 1)}[pixels[5]]
    deep = 4 if "10" in pixels else 1
    frame = av.VideoFrame(WIDTH, HEIGHT, pixels)
    fill(frame, [p.astype(np.uint16 if deep > 1 else np.uint8) * deep for p in planes(32, place, fewer)])
    picture, _ = Converter(1, 1, place).convert(frame)
    assert edge(picture[HEIGHT // 2, :, 2]) == pytest.approx(32, abs=0.15)


@pytest.mark.parametrize("place", [LEFT, CENTRE, TOP_LEFT])
@pytest.mark.parametrize(("width", "height"), [(16, 12), (15, 11), (1, 1)])
def test_a_ramp_stays_a_ramp(place: Place, width: int, height: int) -> None:
    y, x = np.mgrid[: (height + 1) // 2, : (width + 1) // 2].astype(float)
    fine = for_every_pixel(
        (40 + 8 * (2 * x + place[0]) + 4 * (2 * y + place[1])).astype(np.uint8), width, height, place
    )
    assert fine.shape == (height, width)
    rows, columns = np.mgrid[:height, :width]
    inner = (slice(1, -2), slice(1, -2))
    assert np.abs(fine - (40.0 + 8 * columns + 4 * rows))[inner].max(initial=0.0) <= 1.5


def test_chroma_of_quarters_is_interpolated() -> None:
    coarse = np.array([[0, 40, 80]], np.uint8)
    assert for_every_pixel(coarse, 12, 1, LEFT)[0, :9].tolist() == [0, 10, 20, 30, 40, 50, 60, 70, 80]
    centred = for_every_pixel(coarse, 12, 1, CENTRE)[0, 1:11]
    assert centred.tolist() == pytest.approx([0, 5, 15, 25, 35, 45, 55, 65, 75, 80], abs=1)
