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
