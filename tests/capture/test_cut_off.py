from __future__ import annotations

from fit_avatar.capture.cut_off import CUT_OFF, describe_cut_off, name_frames
from fit_avatar.capture.types import LeftOut


def test_sides_and_frames_are_named() -> None:
    frames = [LeftOut(7, CUT_OFF + "bottom"), LeftOut(3, CUT_OFF + "top"), LeftOut(5, "it is blurred")]
    frames += [LeftOut(i, CUT_OFF + "bottom") for i in (1, 2)]
    assert (
        describe_cut_off(frames, 24) == "at the bottom in 3 of 24 frames (1, 2, 7) and at the top in 1 of 24 frames (3)"
    )
    assert describe_cut_off(frames[2:3], 24) == ""


def test_many_frames_are_named_by_the_first_and_the_last() -> None:
    assert name_frames(range(9, 2, -1)) == "3 to 9"
    assert name_frames([4, 3]) == "3, 4"
