from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from cardboard import frame, write_video

from fit_avatar.capture.selection import FrameMeasurements, find_duplicates, measure_frames, select_frames


def steady(count: int) -> FrameMeasurements:
    change = np.full(count, 8.0, np.float32)
    change[0] = np.inf
    return FrameMeasurements(change, np.full(count, 100.0, np.float32), np.full(count, 30.0, np.float32))


def test_spreads_evenly_and_uses_short_clips_whole() -> None:
    selected = [slot[0] for slot in select_frames(steady(600), 120).slots]
    assert len(selected) == 120 and set(np.diff(selected)) == {5}
    assert [slot[0] for slot in select_frames(steady(40), 120).slots] == list(range(40))
    assert sorted(i for slot in select_frames(steady(50), 7).slots for i in slot) == list(range(50))


def test_duplicates_and_blur_are_left_out_and_replaced(tmp_path: Path) -> None:
    pictures = [frame(1.5 * i) for i in range(16)]
    pictures.insert(6, pictures[5])
    pictures[10] = cv2.blur(pictures[10], (9, 9))
    measured = measure_frames(write_video(tmp_path / "a.mp4", pictures))
    assert measured.frame_count == 17
    selection = select_frames(measured, 100)
    reasons = {x.frame_index: x.reason for x in selection.left_out}
    assert set(reasons) == {6, 10}
    assert "repeats the frame before" in reasons[6] and "blurred" in reasons[10]
    assert len(selection.slots) == 15


def test_slow_motion_is_not_a_duplicate() -> None:
    change = np.full(60, 0.4, np.float32)
    assert not find_duplicates(change).any()
    change[20] = 0.0
    assert np.flatnonzero(find_duplicates(change)).tolist() == [20]
