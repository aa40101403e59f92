from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from cardboard import frame, write_video

from fit_avatar.capture.clip import Clip
from fit_avatar.capture.video import read_frames


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    return Clip(write_video(tmp_path / "clip.mp4", [frame(2.0 * i) for i in range(8)]))


def test_frames_are_the_same_again(clip: Clip) -> None:
    first = dict(clip.frames([1, 4, 6]))
    clip.drop([4])
    again = dict(clip.frames([6, 4, 2, 1]))
    assert list(first) == [1, 4, 6] and list(again) == [1, 2, 4, 6]
    assert all((again[i] == first[i]).all() for i in first)


def test_other_frames_are_yielded_if_one_does_not_decode(clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(path: Path, indices: Iterable[int]) -> Iterator[tuple[int, np.ndarray]]:
        return (pair for pair in read_frames(path, indices) if pair[0] not in (2, 7))

    kept = dict(clip.frames([3, 5]))
    monkeypatch.setattr(sys.modules["fit_avatar.capture.clip"], "read_frames", read)
    found = dict(clip.frames(range(8)))
    assert list(found) == [0, 1, 3, 4, 5, 6]
    assert found[3] is kept[3] and found[5] is kept[5]


def test_what_was_dropped_is_given_back_from_time_to_time(clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    module, calls = sys.modules["fit_avatar.capture.clip"], []
    monkeypatch.setattr(module, "return_free_memory", lambda: calls.append(1))
    frames = dict(clip.frames(range(6)))
    monkeypatch.setattr(module, "RETURN_BYTES", 2 * frames[0].nbytes)
    for index in (*range(5), 0, 0):  # the last two are gone already
        clip.drop([index])
    assert len(calls) == 2
