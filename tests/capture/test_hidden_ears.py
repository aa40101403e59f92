"""Whether hair covers the ears, from pictures of a person who turns the head and is made of patches."""

from __future__ import annotations

import numpy as np
import pytest

from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.capture import Camera, Capture
from fit_avatar.capture.hidden_ears import ears_are_hidden

SKIN, HEIGHT, WIDTH = (120, 150, 210), 500, 200  # BGR
EAR = {"left": 70, "right": 130}
"""Columns of the ears, of a nose at 100: in even frames the left side is seen, in odd ones the right."""


def turning(frames: int = 8) -> Capture:
    keypoints = np.zeros((frames, 25, 3), np.float32)
    for i in range(frames):
        side = ("left", "right")[i % 2]
        for name, place in (("nose", (100, 60)), (f"{side}_ear", (EAR[side], 60)), ("left_ankle", (100, 460))):
            keypoints[i, BODY_25.index(name)] = (*place, 0.9)
    return Capture(
        frame_indices=np.arange(frames) * 2,
        keypoints=keypoints,
        masks=np.ones((frames, HEIGHT, WIDTH), bool),
        camera=Camera(600.0, 600.0, WIDTH / 2, HEIGHT / 2, WIDTH, HEIGHT),
        frame_weights=np.ones(frames, np.float32),
    )


def pictures(left: tuple[int, int, int], right: tuple[int, int, int], frames: int = 8):
    picture = np.full((HEIGHT, WIDTH, 3), SKIN, np.uint8)
    picture[:, : EAR["left"] + 12], picture[:, EAR["right"] - 12 :] = left, right
    return [(2 * i, picture) for i in range(frames)]


@pytest.mark.parametrize("hair", [(40, 55, 90), (20, 20, 20), (60, 160, 230)])
def test_hair_over_both_ears_is_seen(hair):
    assert ears_are_hidden(turning(), pictures(hair, hair))


@pytest.mark.parametrize("ears", [SKIN, (112, 140, 197), (130, 160, 222)])
def test_ears_of_the_face_s_colour_are_seen(ears):
    assert not ears_are_hidden(turning(), pictures(ears, ears))


def test_an_ear_in_a_shadow_is_not_below_hair():
    assert not ears_are_hidden(turning(), pictures((50, 62, 88), SKIN))


def test_ears_that_nobody_sees_are_left_as_they_are():
    hair = (20, 20, 20)
    assert not ears_are_hidden(turning(2), pictures(hair, hair))
    one_side = turning()
    one_side.keypoints[:, BODY_25.index("right_ear"), 2] = 0.1
    assert not ears_are_hidden(one_side, pictures(hair, hair))
    assert not ears_are_hidden(turning(), [])


def test_no_more_pictures_are_read_than_are_needed():
    read = []

    def film():
        for index, picture in [*pictures(SKIN, SKIN, 8), *[(i, None) for i in range(100, 200)]]:
            read.append(index)
            yield index, picture

    assert not ears_are_hidden(turning(), film())
    assert max(read) < 100
