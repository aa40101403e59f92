"""Black bars of an editor are told from a dark room, and the focal length is reckoned without them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cardboard import frame, write_video

from fit_avatar.capture.bars import bars_of, find_bars
from fit_avatar.capture.camera import camera_from
from fit_avatar.capture.source import Source

RNG = np.random.default_rng(0)


def padded(picture: np.ndarray, top: int, bottom: int, left: int = 0, right: int = 0) -> np.ndarray:
    return np.pad(picture, ((top, bottom), (left, right), (0, 0))[: picture.ndim])


@pytest.mark.parametrize(
    ("picture", "lines"),
    [
        (padded(np.full((100, 80), 90, np.uint8), 20, 20), 20),
        (padded(np.full((100, 80), 90, np.uint8), 20, 21), 20),
        (padded(np.full((100, 80), 90, np.uint8), 20, 20, 30, 30), 20),  # bars all around
        (padded(np.full((100, 80), 90, np.uint8), 20, 50), 0),  # not in the middle: a dark ceiling and floor
        (padded(np.full((100, 80), 90, np.uint8), 1, 1), 0),
        (np.full((100, 80), 90, np.uint8), 0),
        (np.zeros((100, 80), np.uint8), 0),
    ],
)
def test_bars_are_equal_and_black(picture: np.ndarray, lines: int) -> None:
    noisy = np.minimum(picture + RNG.integers(0, 6, picture.shape, np.uint8), 255).astype(np.uint8)
    assert bars_of(noisy) == lines


def test_a_person_before_a_black_wall_has_no_bars() -> None:
    rows, columns = np.mgrid[:200, :120]
    person = (((rows - 100) / 80) ** 2 + ((columns - 60) / 30) ** 2 < 1).astype(np.uint8) * 180
    assert bars_of(person) == 0 and bars_of(person.T) == 0


def test_the_focal_length_is_that_of_the_picture_between_them(tmp_path: Path) -> None:
    plain = [frame(float(k)) for k in range(6)]
    height, width = plain[0].shape[:2]
    without = write_video(tmp_path / "plain.mp4", plain)
    with_bars = write_video(tmp_path / "bars.mp4", [padded(f, 0, 0, width, width) for f in plain])
    assert find_bars(without, width, height).note == ""
    source = Source.of(video=with_bars, fov_deg=50.0)
    assert source.notes == (
        f"The video has black bars left and right ({width} pixels each); the camera saw what is between them.",
    )
    expected, _ = camera_from(width, height, fov_deg=50.0)
    camera = source.camera
    assert (camera.fx, camera.fy) == (expected.fx, expected.fy)
    assert (camera.width, camera.height, camera.cx, camera.cy) == (3 * width, height, 1.5 * width, height / 2)
