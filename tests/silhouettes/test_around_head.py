"""Hats have a brim, which looks down above the eyes; hair that hangs makes the outline wide beside the neck."""

import pytest
import torch
from drawn_person import FACE, drawn_person

from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.silhouettes import extract_contours, has_brim, has_hair_beside_neck, hat_points

FRAMES = 5


def person(**worn):
    keypoints, masks = drawn_person(FRAMES, **worn)
    return torch.from_numpy(keypoints), extract_contours(masks, 600)


@pytest.mark.parametrize(("changes", "worn"), [({}, False), ({"ponytail": True}, False), ({"brim_px": 12}, True)])
def test_a_hat_has_a_brim_and_a_head_has_none(changes, worn):
    assert has_brim(*person(**changes)).item() == worn


def test_a_brim_must_be_seen_in_enough_frames():
    keypoints, outlines = person(brim_px=12)
    keypoints[3:, FACE, 2] = 0.1
    assert has_brim(keypoints, outlines), "what is not seen says nothing"
    keypoints[1:, FACE, 2] = 0.1
    assert not has_brim(keypoints, outlines)


def test_points_of_a_hat_are_around_the_head_and_above_the_ears():
    keypoints, outlines = person(brim_px=12)
    of_hat = hat_points(keypoints, outlines)
    down = outlines.points[..., 1]
    assert of_hat[down < 55].all() and not of_hat[down > 70].any()
    assert not hat_points(*person()).any()


def test_a_brim_that_is_seen_far_below_the_ears_is_of_the_hat_to_its_end():
    keypoints, masks = drawn_person(FRAMES, brim_px=12)
    masks[:, 44:74, 122:134] = True  # its edge hangs on one side, until well below the ears
    keypoints, outlines = torch.from_numpy(keypoints), extract_contours(masks, 600)
    of_hat, (across, down) = hat_points(keypoints, outlines), outlines.points.unbind(-1)
    hangs = (across > 121) & (down > 65) & (down < 76)
    assert hangs.any() and of_hat[hangs].all()
    assert not of_hat[(down > 66) & (across < 100)].any(), "nothing hangs on the other side"
    assert not of_hat[down > 76].any()


@pytest.mark.parametrize(("changes", "long"), [({}, False), ({"brim_px": 12}, False), ({"hair_px": 8}, True)])
def test_long_hair_is_seen_beside_the_neck(changes, long):
    assert has_hair_beside_neck(*person(**changes)).item() == long


def test_hair_is_looked_for_from_the_front_alone():
    keypoints, outlines = person(hair_px=8)
    sides = [BODY_25.index(f"{side}_shoulder") for side in ("left", "right")]
    keypoints[:, sides] = keypoints[:, sides[::-1]]
    assert not has_hair_beside_neck(keypoints, outlines)
