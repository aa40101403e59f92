from __future__ import annotations

from pathlib import Path

import numpy as np
from movies import scene, write

from fit_avatar.capture.frames import open_frames
from fit_avatar.capture.video import frame_times, probe, read_frames


def combing(picture: np.ndarray) -> float:
    """Return how far rows differ from the mean of those above and below, beyond what rows two apart do."""
    rows = picture.astype(float)
    return float(np.maximum(np.abs(rows[1:-1] - (rows[:-2] + rows[2:]) / 2) - np.abs(rows[:-2] - rows[2:]), 0).mean())


def interlaced(path: Path, count: int = 6) -> tuple[Path, list[np.ndarray]]:
    """Write frames whose odd rows are filmed half a frame later; return those of the even rows."""
    filmed = scene(2 * count)
    woven = []
    for first, second in zip(filmed[::2], filmed[1::2], strict=True):
        both = first.copy()
        both[1::2] = second[1::2]
        woven.append(both)
    return write(path, woven, options={"crf": "4", "x264-params": "tff=1"}), filmed[::2]


def test_both_fields_become_one_frame(tmp_path: Path) -> None:
    path, first = interlaced(tmp_path / "a.mp4")
    info, frames = probe(path), [frame for _, frame in read_frames(path)]
    assert info.notes == ("a.mp4 is interlaced; its frames were deinterlaced.",)
    assert len(frames) == len(first) and np.allclose(frame_times(path), np.arange(6) / 25)
    woven = write(tmp_path / "b.mp4", [frame for _, frame in read_frames(interlaced(tmp_path / "c.mp4")[0])])
    assert not probe(woven).notes
    for frame, filmed in zip(frames, first, strict=True):
        raw = filmed.copy()
        raw[1::2] = np.roll(filmed, 8, axis=1)[1::2]
        assert combing(frame) < 0.3 * combing(raw)
        assert np.abs(frame.astype(int) - filmed).mean() < 3


def test_an_index_means_the_same_frame_when_others_are_skipped(tmp_path: Path) -> None:
    path, _ = interlaced(tmp_path / "a.mp4")
    every = {each.index: each for each in open_frames(path).decode()}
    for each in open_frames(path).decode([2, 5]):
        assert (each.picture == every[each.index].picture).all() and each.time_s == every[each.index].time_s
