"""Where the built-in detector sees keypoints: beside the body's, alike on both sides, and by the side that is shown."""

from __future__ import annotations

import math

import pytest
import torch

from fit_avatar.body import load_body, rotation
from fit_avatar.body.keypoint_offsets import OFFSETS_M, VIEWS_M, WAVES, View, usual_offsets, usual_views
from fit_avatar.body.keypoint_sets import BODY_25, BODY_25_MIRROR
from fit_avatar.body.skinning import local_rotations, pose_skeleton
from fit_avatar.body.state import BodyState


@pytest.fixture(scope="module")
def body():
    return load_body()


def test_offsets_are_a_few_centimetres_and_left_and_right_mirror_each_other(body):
    offsets = usual_offsets(body)
    assert offsets.shape == (25, 3)
    assert offsets.norm(dim=-1).amax() < 0.05
    middle = [BODY_25.index(name) for name in OFFSETS_M if not name.startswith("left")]
    assert offsets[middle, 0].abs().max() == 0
    mirrored = offsets[list(BODY_25_MIRROR)] * torch.tensor([-1.0, 1.0, 1.0])
    torch.testing.assert_close(offsets, mirrored, atol=2e-4, rtol=0)


def test_in_a_t_pose_they_are_those_of_the_table(body):
    """The default body is modelled in an A-pose, so that its bind pose is another one."""
    zero = torch.zeros(1, 3)
    state = BodyState(
        torch.zeros(body.num_betas),
        torch.zeros_like(body.template),
        zero,
        torch.zeros(1, len(body.parents) - 1, 3),
        zero,
    )
    skeleton = pose_skeleton(body, state.betas, local_rotations(state), state.transl)
    turns = torch.einsum("kj,jab->kab", body.keypoint_points.weights, skeleton.skin_rotations[0])
    posed = (turns @ usual_offsets(body)[..., None])[..., 0]
    for name, offset in OFFSETS_M.items():
        torch.testing.assert_close(posed[BODY_25.index(name)], torch.tensor(offset), atol=2e-3, rtol=0)


def test_shoulders_and_hips_are_seen_above_and_hips_before_the_joints(body):
    """What made a trunk lean back that was fitted without them."""
    offsets = usual_offsets(body)
    shoulder, hip = (offsets[BODY_25.index(f"left_{name}")] for name in ("shoulder", "hip"))
    assert shoulder[1] > 0.01 and hip[2] > 0.015 and hip[2] > shoulder[2] + 0.01


PLACE = torch.tensor([0.3, -0.2, 3.0])
"""Where somebody stands, beside the middle of the picture."""


def seen_at(degrees: float) -> View:
    """Return the view of somebody upright whose front is so far to the right of the camera's direction."""
    towards_camera = math.degrees(math.atan2(-PLACE[0], -PLACE[2]))  # about the vertical axis, from +z
    upright = rotation.exp(torch.tensor([math.pi, 0.0, 0.0]))  # faces the camera's plane
    turn = math.radians(180.0 + towards_camera - degrees)
    return View.of(rotation.exp(torch.tensor([0.0, turn, 0.0])) @ upright, PLACE)


@pytest.mark.parametrize("degrees", [0.0, 30.0, 90.0, -60.0, 150.0])
def test_the_angle_of_a_view_is_from_the_camera_to_the_right(degrees):
    view = seen_at(degrees)
    assert math.degrees(view.angle) == pytest.approx(degrees, abs=1e-3)
    torch.testing.assert_close(view.up, torch.tensor([0.0, -1.0, 0.0]), atol=1e-6, rtol=0)
    assert view.right[0] > 0.99 and view.right @ view.up == pytest.approx(0, abs=1e-6)
    assert view.right @ PLACE == pytest.approx(0, abs=1e-5)  # the middle of the picture is at its left, and farther


def test_from_the_sides_shoulders_are_seen_higher_than_from_the_front_and_from_behind(body):
    """What bent legs where people are seen broadly, in fits without it."""
    views, shoulder = usual_views(body), BODY_25.index("left_shoulder")
    front, back, side, other = (float(seen_at(a).moved(views)[shoulder, 1]) for a in (0.0, 180.0, 90.0, -90.0))
    assert front == pytest.approx(back, abs=1e-6) and side == pytest.approx(other, abs=1e-6)
    assert front - side > 0.01  # y is down


@pytest.mark.parametrize("degrees", [20.0, 75.0, -130.0])
def test_somebody_mirrored_is_seen_mirrored(body, degrees):
    views = usual_views(body)
    assert views.shape == (25, WAVES) and views.abs().amax() < 0.02
    here, there = seen_at(degrees), seen_at(-degrees)
    for view in (here, there):
        assert view.moved(views).shape == (25, 3)
    own, mirrored = here.moved(views), there.moved(views)[list(BODY_25_MIRROR)]
    torch.testing.assert_close(own @ here.up, mirrored @ there.up, atol=1e-6, rtol=0)
    torch.testing.assert_close(own @ here.right, -mirrored @ there.right, atol=1e-6, rtol=0)
    assert {name for name in VIEWS_M if views[BODY_25.index(name)].any()} == set(VIEWS_M)


def test_many_views_are_taken_at_once(body):
    angles = (10.0, 100.0, -45.0)
    roots = torch.stack([torch.stack([seen.up, seen.up, seen.up], -1) for seen in map(seen_at, angles)])
    assert View.of(roots, PLACE).moved(usual_views(body)).shape == (3, 25, 3)
