"""Copies of one clip in other encodings must have its colours."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from movies import fill, hlg, pq, scene, write, yuv

from fit_avatar.capture.frames import open_frames
from fit_avatar.capture.frames.colour import Converter
from fit_avatar.capture.frames.hdr import Wide, neutral
from fit_avatar.capture.video import probe, read_frames

MEAN, WORST = 2.0, 24.0
"""Grey levels that compression and 4:2:0 may cost: the first of all pixels, the other at the edges of colours."""


def errors(path: Path, frames: list[np.ndarray]) -> tuple[float, float]:
    read = [frame for _, frame in read_frames(path)]
    assert len(read) == len(frames)
    difference = np.abs(np.array(read, float) - np.array(frames))
    return float(difference.mean()), float(difference.max())


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("plain.mp4", {}),
        ("bt601.mp4", {"matrix": 6}),
        ("full.mp4", {"full": True}),
        ("full601.mp4", {"full": True, "matrix": 5}),
        ("tens.mp4", {"codec": "libx265", "bits": 10}),
        ("hlg.mp4", {"codec": "libx265", "bits": 10, "transfer": 18, "primaries": 9, "matrix": 9, "signal": hlg}),
        ("pq.mp4", {"codec": "libx265", "bits": 10, "transfer": 16, "primaries": 9, "matrix": 9, "signal": pq}),
        (
            "full-pq.mkv",
            {"codec": "ffv1", "full": True, "bits": 10, "transfer": 16, "primaries": 9, "matrix": 9, "signal": pq},
        ),
        ("pq.mkv", {"codec": "ffv1", "bits": 10, "transfer": 16, "primaries": 9, "matrix": 9, "signal": pq}),
        ("vp9.webm", {"codec": "libvpx-vp9", "options": {"crf": "4", "b": "0"}}),
    ],
)
def test_colours_are_those_that_were_filmed(tmp_path: Path, name: str, settings: dict[str, Any]) -> None:
    frames = scene()
    mean, worst = errors(write(tmp_path / name, frames, **settings), frames)
    assert mean < MEAN and worst < WORST, (mean, worst)
    assert abs(np.mean([frame for _, frame in read_frames(tmp_path / name)]) - np.mean(frames)) < 0.6


@pytest.mark.parametrize(("size", "matrix"), [((160, 96), 6), ((1280, 96), 1), ((160, 640), 1)])
def test_untagged_video_has_the_matrix_of_its_size(tmp_path: Path, size: tuple[int, int], matrix: int) -> None:
    frames = scene(1, *size)
    right = errors(write(tmp_path / "a.mp4", frames, matrix=matrix, tagged=False), frames)
    wrong = errors(write(tmp_path / "b.mp4", frames, matrix=7 - matrix, tagged=False), frames)
    assert right[0] < MEAN < wrong[0]


def test_hdr_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mkv", scene(1), codec="ffv1", bits=10, transfer=18, primaries=9, matrix=9, signal=hlg)
    assert probe(path).notes == ("a.mkv is HDR (HLG); its colours were converted to those of an SDR screen.",)


def test_flat_8_bit_values_follow_the_standard() -> None:
    rng = np.random.default_rng(0)
    for matrix in (1, 6, 9):
        for full in (False, True):
            rgb = np.kron(rng.uniform(0, 1, (8, 8, 3)), np.ones((16, 16, 1)))
            frame = av.VideoFrame(128, 128, "yuv420p")
            fill(frame, yuv(rgb, matrix, full, 8))
            frame.colorspace, frame.color_range = matrix, 2 if full else 1
            picture, alpha = Converter(1, 1).convert(frame)
            inner = (slice(None), slice(6, 10)) * 2
            error = (picture[..., ::-1] - 255 * rgb).reshape(8, 16, 8, 16, 3)[inner]
            assert alpha is None and np.abs(error).max() < 2.6 and abs(error.mean()) < 0.3


def test_highlights_are_compressed_and_the_rest_is_left() -> None:
    light = np.array([0.0, 0.3, 0.79, 1.0, 3.0, 50.0])
    seen = neutral(light)
    assert np.allclose(seen[:3], light[:3])
    assert (np.diff(seen) > 0).all() and seen[3] == pytest.approx(0.9) and seen[-1] < 1


def test_wide_gamut_sdr_becomes_bt709() -> None:
    wide = Wide.of(1, 12)  # Display P3
    assert wide is not None and Wide.of(1, 1) is None and Wide.of(2, 2) is None
    pale = np.full((1, 1, 3), 0.5)
    assert wide.to_sdr(np.round(pale * wide.white).astype(np.uint16)).ravel().tolist() == pytest.approx(
        [128] * 3, abs=1
    )
    red = np.array([[[0.2, 0.3, 0.8]]]) * wide.white  # P3's red is more than sRGB's
    assert wide.to_sdr(red.astype(np.uint16))[0, 0, 2] > 0.8 * 255


def test_hdr_takes_milliseconds(tmp_path: Path) -> None:
    frames = scene(1, 1920, 1080)
    path = write(tmp_path / "a.mkv", frames, codec="ffv1", bits=10, transfer=16, primaries=9, matrix=9, signal=pq)
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    converter = Converter(16, 9)
    converter.convert(frame)
    began = time.process_time()
    for _ in range(3):
        converter.convert(frame)
    assert (time.process_time() - began) / 3 < 0.2  # 0.04 where nothing else runs


def test_every_frame_is_its_own(tmp_path: Path) -> None:
    kept = [each.picture for each in open_frames(write(tmp_path / "a.mp4", scene())).decode()]
    assert all(np.abs(a.astype(int) - b).max() > 40 for a, b in pairwise(kept))
