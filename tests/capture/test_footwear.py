"""Whether feet are bare, from pictures of a person made of discs."""

from __future__ import annotations

import numpy as np
import pytest

from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.capture import Camera, Capture
from fit_avatar.capture.footwear import wears_shoes

SKIN, HEIGHT, WIDTH = (120, 150, 210), 500, 200  # BGR
PLACES = {
    "nose": (100, 60), "left_eye": (108, 52), "right_eye": (92, 52), "left_ankle": (120, 430), "right_ankle": (80, 430),
    "left_big_toe": (125, 460), "right_big_toe": (75, 460),
}  # fmt: skip


def standing(frames: int = 3, unseen: tuple[str, ...] = ()) -> Capture:
    keypoints = np.zeros((frames, 25, 3), np.float32)
    for name, place in PLACES.items():
        keypoints[:, BODY_25.index(name)] = (*place, 0.0 if name in unseen else 0.9)
    return Capture(
        frame_indices=np.arange(frames) * 2,
        keypoints=keypoints,
        masks=np.ones((frames, HEIGHT, WIDTH), bool),
        camera=Camera(600.0, 600.0, WIDTH / 2, HEIGHT / 2, WIDTH, HEIGHT),
        frame_weights=np.ones(frames, np.float32),
    )


def pictures(feet: tuple[int, int, int], frames: int = 3):
    picture = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    picture[:200] = SKIN
    picture[440:] = feet
    return [(2 * i, picture) for i in range(frames)]


@pytest.mark.parametrize("feet", [SKIN, (100, 130, 185), (125, 158, 222)])
def test_feet_of_the_face_s_colour_are_bare_in_light_and_in_some_shade(feet):
    assert not wears_shoes(standing(), pictures(feet))


@pytest.mark.parametrize("feet", [(30, 30, 30), (200, 60, 40), (240, 240, 240), (50, 60, 85)])
def test_feet_of_other_colours_are_covered(feet):
    assert wears_shoes(standing(), pictures(feet))


def test_where_face_and_feet_are_not_seen_together_shoes_are_supposed():
    assert wears_shoes(standing(unseen=("nose",)), pictures(SKIN))
    assert wears_shoes(standing(unseen=("left_big_toe", "right_big_toe")), pictures(SKIN))
    assert not wears_shoes(standing(unseen=("left_big_toe",)), pictures(SKIN))


def test_no_more_pictures_are_read_than_are_needed():
    read = []

    def film():
        for index, picture in pictures(SKIN, 40):
            read.append(index)
            yield index, picture

    assert not wears_shoes(standing(40), film())
    assert len(read) <= 13


def test_frames_that_are_not_used_and_points_at_the_edge_are_passed_over():
    capture = standing()
    shown = [(1, np.zeros((HEIGHT, WIDTH, 3), np.uint8)), *pictures(SKIN)]
    assert not wears_shoes(capture, shown)
    capture.keypoints[:, [BODY_25.index(f"{side}_ankle") for side in ("left", "right")], 1] = 600
    capture.keypoints[:, [BODY_25.index(f"{side}_big_toe") for side in ("left", "right")], 1] = 650
    assert wears_shoes(capture, shown)
