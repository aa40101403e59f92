"""Where a video was cut."""

from __future__ import annotations

import numpy as np
from turning_person import turning_person

from fit_avatar.capture.cuts import find_pieces
from fit_avatar.capture.selection import FrameMeasurements


def measured(count: int, cut: int | None = None) -> FrameMeasurements:
    change = np.full(count, 20.0, np.float32)
    change[0] = np.inf
    if cut is not None:
        change[cut] = 60.0
    return FrameMeasurements(change, np.full(count, 100.0, np.float32), np.full(count, 30.0, np.float32))


def test_a_jump_of_picture_and_person_is_a_cut() -> None:
    degrees = np.linspace(0, 300, 60)
    degrees[25:] += 50
    body, every_second = turning_person(degrees), np.arange(0, 120, 2)
    pieces = find_pieces(body, every_second, every_second / 30, measured(120, 50))
    assert pieces is not None and pieces.tolist() == [0] * 25 + [1] * 35


def test_a_jump_of_one_alone_is_none() -> None:
    degrees = np.linspace(0, 300, 60)
    every_second = np.arange(0, 120, 2)
    assert (
        find_pieces(turning_person(degrees), every_second, every_second / 30, measured(120, 50)) is None
    )  # lamps are switched on
    degrees[25:] += 50
    assert (
        find_pieces(turning_person(degrees), every_second, every_second / 30, measured(120)) is None
    )  # the detector errs


def test_a_gap_is_no_cut_unless_the_person_left_the_picture() -> None:
    degrees, times = np.linspace(0, 300, 60), np.arange(60)
    times[30:] += 40
    body, at_border = turning_person(degrees), np.isin(np.arange(60), (29,))
    assert find_pieces(body, times, times / 30, measured(100)) is None
    pieces = find_pieces(body, times, times / 30, measured(100), at_border)
    assert pieces is not None and pieces.tolist() == [0] * 30 + [1] * 30
    times[30:] -= 30
    assert find_pieces(body, times, times / 30, measured(100), at_border) is None, "a third of a second"
