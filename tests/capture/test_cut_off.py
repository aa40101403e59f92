from __future__ import annotations

from fit_avatar.capture.cut_off import describe_cut_off, name_frames
from fit_avatar.capture.types import CutOff


def test_sides_and_frames_are_named() -> None:
    frames = [CutOff(7, ("bottom",)), CutOff(3, ("top",)), *(CutOff(i, ("bottom",)) for i in (1, 2))]
    assert (
        describe_cut_off(frames, 24) == "at the bottom in 3 of 24 frames (1, 2, 7) and at the top in 1 of 24 frames (3)"
    )
    assert describe_cut_off([CutOff(5, ("bottom", "left"))], 9) == "at the bottom and left in 1 of 9 frames (5)"
    assert describe_cut_off([], 24) == ""


def test_heads_and_feet_are_outside_lengthwise() -> None:
    assert CutOff(0, ("left", "top")).lengthwise and CutOff(0, ("bottom",)).lengthwise
    assert not CutOff(0, ("left", "right")).lengthwise


def test_many_frames_are_named_by_the_first_and_the_last() -> None:
    assert name_frames(range(9, 2, -1)) == "3 to 9"
    assert name_frames([4, 3]) == "3, 4"
