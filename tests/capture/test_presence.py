"""When the person stands to be filmed."""

from __future__ import annotations

import numpy as np
from turning_person import turning_person

from fit_avatar.capture.blank import BLANK, FADING
from fit_avatar.capture.points import NUM_POINTS
from fit_avatar.capture.presence import COMES, TITLE, coming_and_going, frames_between, summarise, with_titles
from fit_avatar.capture.selection import REPEATS
from fit_avatar.capture.slots import NO_PERSON
from fit_avatar.capture.types import LeftOut

BODY = turning_person(np.linspace(0, 360, 60))


def by_frame(body: np.ndarray) -> dict[int, np.ndarray]:
    """Every second frame of a video."""
    points = np.zeros((len(body), NUM_POINTS, 3), np.float32)
    points[:, :25] = body
    return {2 * t: p for t, p in enumerate(points)}


def test_one_who_walks_in_comes_before_and_one_who_comes_near_goes_after() -> None:
    body = BODY.copy()
    body[:8, :, 0] -= np.linspace(900, 450, 8)[:, None]
    body[-5:, :, :2] = 500 + (body[-5:, :, :2] - 500) * 1.6
    assert coming_and_going(by_frame(body)) == (16, 108)


def test_one_who_is_cut_off_at_first_is_coming() -> None:
    body = BODY.copy()
    body[:6, [10, 11, 13, 14, 19, 20, 21, 22, 23, 24], 2] = 0
    assert coming_and_going(by_frame(body)) == (12, 118)


def test_of_half_bodies_nobody_is_said_to_come_or_go() -> None:
    body = BODY.copy()
    body[6:, [10, 11, 13, 14, 19, 20, 21, 22, 23, 24], 2] = 0
    body[:6, [0, 1, 2, 3, 4, 15, 16, 17, 18], 2] = 0
    assert coming_and_going(by_frame(body)) == (0, 118)


def test_a_turn_in_place_and_one_who_always_moves_are_kept_whole() -> None:
    assert coming_and_going(by_frame(BODY)) == (0, 118)
    for across in (380, 450, 800, 1200):  # most frames are near the middle
        walking = BODY.copy()
        walking[..., 0] += np.linspace(-across, across, 60)[:, None]
        assert coming_and_going(by_frame(walking)) == (0, 118)
    assert coming_and_going({}) == (0, -1)


def test_what_is_between_two_frames_without_the_person_lacks_them_too() -> None:
    assert frames_between([3, 7, 12, 20], [1, 9, 15]) == {3, 4, 5, 6, 7, 12, 20}


def test_titles_are_still_and_show_nobody() -> None:
    change = np.full(60, 20.0, np.float32)
    change[1:12] = 0.4
    left_out = [LeftOut(i, REPEATS if i % 3 else NO_PERSON) for i in range(12)]
    empty_scene = [LeftOut(i, NO_PERSON) for i in range(30, 45)]  # leaves move in it
    frozen = [LeftOut(i, REPEATS) for i in range(50, 60)]  # the person is in the frame before
    told = with_titles([*frozen, *empty_scene, *left_out], change)
    assert [f.frame_index for f in told] == [*range(12), *range(30, 45), *range(50, 60)]
    assert [f.frame_index for f in told if f.reason == TITLE] == list(range(12))
    assert {f.reason for f in told[12:27]} == {NO_PERSON} and {f.reason for f in told[27:]} == {REPEATS}


def test_the_summary_counts_kinds() -> None:
    assert summarise([LeftOut(3, REPEATS)]) == ()
    frames = [LeftOut(0, BLANK), LeftOut(1, FADING), LeftOut(2, COMES)]
    assert summarise(frames) == (
        "Left out of the video: 2 frames black, plain, covered or fading, 1 frame in which the person comes into the "
        "picture or leaves it.",
    )
