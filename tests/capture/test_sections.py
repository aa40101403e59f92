from __future__ import annotations

import numpy as np
import pytest
from turning_person import turning_person

from fit_avatar.body.keypoint_sets import BODY_25_MIRROR
from fit_avatar.capture.facing import Facing
from fit_avatar.capture.sections import find_sections

SIZE = 700.0


def sections(body: np.ndarray, times: np.ndarray) -> list[int]:
    """Return the first frames of all sections but the first."""
    return [part.start for part in find_sections(body, times / 30, SIZE, Facing.of(body, times / 30, SIZE).front)][1:]


@pytest.mark.parametrize("every", [1, 3, 6])
def test_a_steady_turn_is_one_section(every: int) -> None:
    body = turning_person(np.arange(0, 360, 3.0))[::every]
    assert sections(body, np.arange(0, 120, every)) == []
    assert sections(body, np.arange(len(body))) == []


def test_exchanged_left_and_right_is_no_cut() -> None:
    body = turning_person(np.arange(0, 360, 3.0))
    body[40:70] = body[40:70][:, list(BODY_25_MIRROR)]
    assert sections(body, np.arange(120)) == []


def test_gaps_and_cuts_are_found() -> None:
    body = turning_person(np.arange(0, 360, 3.0))
    for first, last in ((10, 40), (25, 70), (30, 90), (55, 85)):
        keep = np.r_[0:first, last:120]
        assert sections(body[keep], keep) == [first]
        assert sections(body[keep], np.arange(len(keep))) == [first], (first, last)


def test_no_frames_are_one_empty_section() -> None:
    assert find_sections(np.zeros((0, 25, 3), np.float32), np.zeros(0), 1.0, np.zeros(0)) == [slice(0, 0)]
