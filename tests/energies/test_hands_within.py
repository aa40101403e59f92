"""Hands that stick out of the mask are told, those within it are not."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from synthetic import CAMERA, turning_person

from fit_avatar import energies as e
from fit_avatar.body import load_body, pose_body
from fit_avatar.energies.hands_within import vertices_of_hands
from fit_avatar.fitting import video_avatar
from fit_avatar.solvers import Unknowns
from fit_avatar.visibility.raster import silhouette


@pytest.mark.parametrize("size", [(60, 80), (61, 79)])
def test_places_beyond_a_mask_are_about_as_far_as_they_are(size):
    mask = np.zeros((2, *size), bool)
    mask[0, 18:44, 12:49] = True
    beyond, exact = e.distance_beyond(mask, 4), e.distance_field(mask, 4)
    assert beyond.values.shape == exact.values.shape and beyond.stride == 4.0
    assert beyond.values[1].abs().max() == 0  # an empty mask says nothing
    far = exact.values[0].clamp_min(0)
    assert far.max() > 20 and (beyond.values[0] - far).abs().max() < 3.5
    assert beyond.values[0, 7, 7] == 0


def test_cells_are_as_fine_for_any_size_of_a_picture():
    assert e.distance_beyond(np.ones((1, 1080, 1920), bool)).values.shape == (1, 270, 480)
    assert e.distance_beyond(np.ones((1, 240, 320), bool)).values.shape == (1, 240, 320)


@pytest.fixture(scope="module")
def body():
    return load_body(3)


@pytest.fixture(scope="module")
def seen(body):
    """Return a person seen from the front, in the true pose, and the mask."""
    person = turning_person(body, 1, first_yaw=0.0).state
    vertices = pose_body(body, person).vertices
    mask = np.stack([silhouette(v, body.faces, CAMERA).numpy() for v in vertices])
    return person, mask


def lifted(body, person, radians):
    """Return the person with the left arm lifted sideways."""
    pose = person.body_pose.clone()
    pose[:, body.joint_names.index("left_shoulder") - 1, 2] += radians
    return replace(person, body_pose=pose)


def both_hands(body, person, mask):
    """Return the distances of either hand's vertices in metres, and how surely it sticks out. [2, N], [2]"""
    posed, beyond = Unknowns.of(body, person).posed_body(), e.distance_beyond(mask)
    made = e.hands_within.prepare(posed, beyond, CAMERA, in_metres=True, usual_m=0.0015)
    distance, sure = e.hands_within(posed, beyond, CAMERA, **made)
    return distance.unflatten(-1, (2, -1))[0], sure.unflatten(-1, (2, -1))[0].mean(-1)


def test_a_hand_counts_where_it_sticks_out_to_one_side(body, seen):
    person, mask = seen
    distance, sure = both_hands(body, person, mask)
    assert distance.mean() < 0.001 and sure.max() < 0.05  # in their place
    distance, sure = both_hands(body, lifted(body, person, 0.2), mask)
    assert distance[0].mean() > 0.02 and sure[0] > 0.99 and sure[1] < 0.05
    thin = cv2.erode(mask[0].astype(np.uint8), np.ones((3, 3), np.uint8))[None] > 0
    distance, sure = both_hands(body, person, thin)
    assert distance.mean() > 0.002 and sure.max() < 0.5  # a mask that is too narrow on both sides


def test_only_hands_are_looked_at_and_both_alike(body):
    left, right = vertices_of_hands(body, 0.015).chunk(2)
    for side, chosen in (("left", left), ("right", right)):
        main = {body.joint_names[j] for j in body.lbs_weights[chosen].argmax(1).tolist()}
        assert len(chosen) > 20 and main == {f"{side}_wrist", f"{side}_hand"}


def test_the_turns_solves_of_every_frame_keep_hands_within_the_masks():
    names = [solve.name for solve in video_avatar().solves if "hands_within" in [term.name for term in solve.terms]]
    assert names == ["pose of every frame", "pose from the pictures"]
