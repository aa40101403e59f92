"""A written video says which colours it has, so that players and this program show those that were written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fit_avatar.capture import read_frames
from fit_avatar.io.video import video_file


@pytest.mark.parametrize("size", [(64, 96), (720, 1280)])
def test_colours_come_back(tmp_path: Path, size: tuple[int, int]) -> None:
    picture = np.empty((*size, 3), np.uint8)
    picture[:] = (40, 60, 200)
    picture[:, : size[1] // 2] = (170, 120, 30)
    with video_file(tmp_path / "a.mp4", 25.0) as append:
        append(picture)
    ((_, read),) = read_frames(tmp_path / "a.mp4")
    difference = np.abs(read.astype(int) - picture)
    assert difference.mean() < 3 and np.median(difference, axis=(0, 1)).max() < 4


def test_an_edge_of_colours_comes_back_in_its_place(tmp_path: Path) -> None:
    picture = np.empty((48, 64, 3), np.uint8)
    picture[:, :32], picture[:, 32:] = (110, 125, 133), (94, 121, 160)  # as bright as each other
    with video_file(tmp_path / "a.mp4", 25.0) as append:
        append(picture)
    ((_, read),) = read_frames(tmp_path / "a.mp4")
    row = read[8:40, :, 2].mean(0)
    assert ((row[-4] - row) / (row[-4] - row[3]))[4:-4].sum() + 4 == pytest.approx(32, abs=0.25)
