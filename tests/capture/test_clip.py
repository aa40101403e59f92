from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cardboard import frame, write_video

from fit_avatar.capture.clip import Clip
from fit_avatar.capture.selection import FrameMeasurements, select_frames
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


def test_the_first_reading_keeps_what_will_probably_be_selected(clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    read = dict(read_frames(clip.path))
    take = clip.first_reading(3)  # of 0 to 2, 3 to 5, 6 to 7
    for index, picture in read.items():
        take(index, picture)
    again: list[int] = []
    monkeypatch.setattr(
        sys.modules["fit_avatar.capture.clip"], "read_frames", lambda path, indices: iter(again.extend(indices) or ())
    )
    assert all(picture is read[i] for i, picture in clip.frames([1, 4, 6])) and not again
    clip.keep_only({4})
    assert [index for index, _ in clip.frames([1, 4, 6])] == [4] and again == [1, 6]


@pytest.mark.parametrize("count", [1, 7, 8, 13, 120, 757])
@pytest.mark.parametrize("frames", [1, 5, 8, 120])
def test_what_is_kept_at_first_is_what_is_selected_of_a_good_clip(clip: Clip, count: int, frames: int) -> None:
    good = FrameMeasurements(*(np.full(count, 100.0, np.float32) for _ in range(3)))
    clip.info = replace(clip.info, frame_count=count)
    take, picture = clip.first_reading(frames), np.zeros((clip.height, clip.width, 3), np.uint8)
    for index in range(count):
        take(index, picture)
    assert list(clip._kept) == [first for first, *_ in select_frames(good, frames).slots]


def test_a_header_may_state_any_number_of_frames(clip: Clip) -> None:
    clip.info = replace(clip.info, frame_count=2**62)
    clip.first_reading(10**6)


def test_the_first_reading_keeps_no_more_than_memory_allows(clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["fit_avatar.capture.clip"], "MEMORY_BYTES", 2 * clip.width * clip.height * 3)
    take = clip.first_reading(8)
    for index, picture in read_frames(clip.path):
        take(index, picture)
    assert list(clip._kept) == [0, 1]
