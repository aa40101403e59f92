from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from movies import scene, write

from fit_avatar.capture.frames.source import VideoInfo
from fit_avatar.capture.frames.times import Timing
from fit_avatar.capture.video import frame_times

INFO = VideoInfo(160, 96, 25.0, None, 0)
UNEVEN = [0, 40, 200, 210, 500, 900]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
@pytest.mark.parametrize("bframes", ["0", "3"])
def test_times_are_those_of_the_file(tmp_path: Path, name: str, bframes: str) -> None:
    options = {"crf": "10", "bf": bframes}
    path = write(tmp_path / name, scene(6), times_ms=UNEVEN, options=options)
    assert np.abs(frame_times(path) - np.array(UNEVEN) / 1000).max() < 1e-9
    assert np.allclose(frame_times(path, fps=10), np.arange(6) / 10)


def test_constant_rates_are_exact(tmp_path: Path) -> None:
    assert frame_times(write(tmp_path / "a.mkv", scene(6))).tolist() == [k / 25 for k in range(6)]


def test_milliseconds_of_matroska_are_an_even_rate() -> None:
    fps = 30000 / 1001
    timing = Timing.of(np.round(np.arange(100) / fps, 3), VideoInfo(1, 1, fps, None, 0))
    assert timing.is_even and timing.fps == fps and np.allclose(timing.times, np.arange(100) / fps)


def test_a_wrong_header_does_not_count() -> None:
    timing = Timing.of(np.arange(50) / 15, INFO)
    assert timing.is_even and timing.fps == pytest.approx(15) and not timing.note


def test_missing_times_lie_between_the_others() -> None:
    stated = 7.0 + np.array([0.0, 0.1, np.nan, 0.5, 0.6, 0.7, 0.7, 1.5, 1.6, 1.7, 1.8, 1.9, 2.0, 2.1, 2.2, np.nan])
    timing = Timing.of(stated, INFO)
    assert timing.times == pytest.approx(
        [0, 0.1, 0.3, 0.5, 0.6, 0.7, 1.1, 1.5, 1.6, 1.7, 1.8, 1.9, 2, 2.1, 2.2, 2.2 + 2.2 / 14]
    )
    assert not timing.is_even and timing.fps == pytest.approx(15 / timing.times[-1])
    assert timing.note == "The clip's frames are 0.1 to 0.4 s apart; their own times are used."


@pytest.mark.parametrize(
    "stated", [np.full(9, np.nan), np.zeros(9), np.arange(9.0)[::-1], np.array([0.0, 0.04, 9e9, 9e9 + 1]), np.zeros(0)]
)
def test_impossible_times_do_not_count(stated: np.ndarray) -> None:
    assert np.allclose(Timing.of(stated, INFO).times, np.arange(len(stated)) / 25)


def test_what_is_assumed_is_said() -> None:
    unknown = VideoInfo(1, 1, 30.0, None, 0, states_fps=False)
    assert "30 are assumed: say them with --fps" in Timing.of(np.full(4, np.nan), unknown).note
    assert Timing.of(np.full(4, np.nan), unknown, 24).note == ""
    assert Timing.of(np.arange(4) / 25, INFO, 50).note == (
        "The clip states 25 frames a second; 50 are used, as --fps says."
    )
