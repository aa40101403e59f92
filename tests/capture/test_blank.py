"""Frames that show nothing of the scene."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from cardboard import frame, scene, write_video

from fit_avatar.capture.blank import BLANK, FADING, find_blank, measure_structure
from fit_avatar.capture.selection import measure_frames, select_frames


def grey(picture: np.ndarray) -> np.ndarray:
    small = cv2.cvtColor(cv2.resize(picture, (240, 320)), cv2.COLOR_BGR2GRAY)
    return small.astype(np.float32)


def test_a_covered_lens_has_no_structure_whatever_its_noise() -> None:
    y, x = np.mgrid[:320, :240]
    hand = 30 + 0.1 * x + 0.05 * y + np.random.default_rng(0).normal(0, 1.5, (320, 240))
    shown = measure_structure(grey(frame()))
    assert measure_structure(hand.astype(np.float32)) < 0.15 * shown
    assert measure_structure(cv2.GaussianBlur(grey(frame()), (0, 0), 3)) > 0.3 * shown  # motion blur is no cover
    assert measure_structure(np.zeros((320, 240), np.float32)) == 0.0


def test_fades_go_with_the_black_beside_them() -> None:
    structure = np.array([0, 0, 0, 8, 16, 24, 30, 31, 30, 22, 30, 31, 30, 12, 3, 0], np.float32)
    change = np.full(len(structure), 5.0, np.float32)
    change[0] = np.inf
    blank, fading = find_blank(structure, change)
    assert np.flatnonzero(blank).tolist() == [0, 1, 2, 14, 15]
    assert np.flatnonzero(fading).tolist() == [3, 4, 5, 13]  # 9 has no black beside it


def test_a_hand_that_comes_quickly_goes_with_the_cover() -> None:
    structure = np.full(20, 30.0, np.float32)
    structure[9:12] = 1.0
    change = np.full(20, 5.0, np.float32)
    change[[0, 7, 8, 9, 12, 13]] = [np.inf, 40, 40, 40, 40, 40]
    blank, fading = find_blank(structure, change)
    assert np.flatnonzero(blank).tolist() == [9, 10, 11]
    assert np.flatnonzero(fading).tolist() == [7, 8, 12]


@pytest.mark.parametrize("level", [0.0, 30.0])
def test_clips_without_black_and_all_black_ones(level: float) -> None:
    blank, fading = find_blank(np.full(9, level, np.float32), np.full(9, 5.0, np.float32))
    assert blank.all() == (level == 0.0) == blank.any() and not fading.any()


def test_slots_are_spread_over_what_is_to_be_seen(tmp_path) -> None:  # type: ignore[no-untyped-def]
    pictures = [scene() * np.uint8(0)] * 10 + [frame(1.5 * i - 12) for i in range(16)]
    selection = select_frames(measure_frames(write_video(tmp_path / "a.mp4", pictures)), 8)
    assert [slot[0] for slot in selection.slots] == list(range(10, 26, 2))
    assert {f.frame_index: f.reason for f in selection.left_out} == dict.fromkeys(range(10), BLANK)
    assert FADING not in {f.reason for f in selection.left_out}
