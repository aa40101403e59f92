"""The pose of the head from the points of its face, and the term that turns the body's head to it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from fit_avatar.body import load_body, rotation
from fit_avatar.body.face_points import NUM_POINTS, default_face_points, face_points
from fit_avatar.body.skinning import shaped
from fit_avatar.capture import Camera
from fit_avatar.energies import PosedBody, face_reprojection, find_head_pose, head_turn, pose_deviation
from fit_avatar.errors import BadInputError

CAMERA = Camera(1500.0, 1500.0, 540.0, 540.0, 1080, 1080)
TURNS_DEGREES = [(0, 0, 0), (10, 0, 0), (0, 15, 0), (0, -25, 5), (-10, 20, 0), (5, 75, 0), (0, 180, 0)]
"""Pitch, yaw and roll; the last two look away."""
UPRIGHT = torch.diag(torch.tensor([1.0, -1.0, -1.0]))


@pytest.fixture(scope="module")
def body():
    return load_body()


def turned(degrees) -> torch.Tensor:
    return UPRIGHT @ rotation.exp(torch.deg2rad(torch.tensor(degrees, dtype=torch.float32)))


def seen(body, noise_px: float = 0.0, betas: float = 0.0) -> torch.Tensor:
    """Return the face's points in one frame for each turn, three metres away."""
    points = default_face_points()
    vertices = shaped(body, torch.full((body.num_betas,), betas)).double().numpy()
    places = torch.from_numpy(points.on(vertices)).float()
    places = (places - places.mean(0)) @ turned(TURNS_DEGREES).transpose(-1, -2) + torch.tensor([0.2, -0.3, 3.0])
    found = torch.zeros(len(TURNS_DEGREES), NUM_POINTS, 3)
    noise = torch.from_numpy(np.random.default_rng(0).normal(size=(*places.shape[:2], 2))).float()
    found[:, points.index, :2] = CAMERA.project(places) + noise_px * noise
    found[:, points.index, 2] = 1.0
    return found


def degrees_between(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    return torch.rad2deg(rotation.log(first.transpose(-1, -2) @ second).norm(dim=-1))


def test_a_face_that_looks_to_the_camera_tells_how_the_head_is_turned(body):
    pose = find_head_pose(seen(body, noise_px=0.5), face_points(body), CAMERA)
    error = degrees_between(turned(TURNS_DEGREES), pose.rotations)
    assert error[:5].max() < 2.0
    assert (pose.confidence[:5] > 0.05).all() and pose.confidence[0] > 0.7
    assert pose.confidence[0] > pose.confidence[3]


def test_a_face_that_looks_away_tells_nothing(body):
    pose = find_head_pose(seen(body), face_points(body), CAMERA)
    assert pose.confidence[5:].max() < 0.05


def test_a_frame_without_a_face_tells_nothing_and_does_not_disturb_the_others(body):
    some = seen(body)
    gone = some.clone()
    gone[1] = 0
    with_all, without = (find_head_pose(each, face_points(body), CAMERA) for each in (some, gone))
    assert without.confidence[1] == 0
    torch.testing.assert_close(without.rotations[2:5], with_all.rotations[2:5])
    assert find_head_pose(torch.zeros(3, NUM_POINTS, 3), face_points(body), CAMERA).confidence.max() == 0


def test_clips_of_a_batch_are_fitted_each_for_itself(body):
    some = seen(body)
    pose = find_head_pose(torch.stack([some, some.flip(0)]), face_points(body), CAMERA)
    assert pose.rotations.shape == (2, len(some), 3, 3)
    torch.testing.assert_close(pose.rotations[0], pose.rotations[1].flip(0))


def posed(body, pitch: float = 0.0, yaw: float = 0.0, nod: float = 0.0) -> PosedBody:
    """Return the body turned as the faces are, farther by the same degrees in all frames, with a head that nods."""
    local = torch.eye(3).repeat(len(TURNS_DEGREES), len(body.parents), 1, 1)
    local[:, 0] = turned(TURNS_DEGREES) @ rotation.exp(torch.deg2rad(torch.tensor([pitch, yaw, 0.0])))
    if nod:
        local[:, body.joint_names.index("head")] = rotation.exp(torch.deg2rad(torch.tensor([nod, 0.0, 0.0])))
    values = {
        "global_orient": local[:, :1],
        "body_pose": local[:, 1:],
        "mean_pose": torch.eye(3).repeat(len(body.parents) - 1, 1, 1),
        "betas": torch.zeros(1, body.num_betas),
        "transl": torch.tensor([0.0, 0.0, 3.0]).expand(len(local), 3),
    }
    return PosedBody(body, values)


def _energy(body, pose, pitch: float, yaw: float, **data) -> float:
    """Return half of the squared residuals where the head strays from the face in all frames alike."""
    x = posed(body, pitch, yaw)
    made = head_turn.prepare(x, head_pose=pose, **data)
    residual, confidence = head_turn(x, head_pose=pose, **made)
    return float((confidence * residual.square()).sum())


def test_a_yaw_of_all_frames_counts_and_a_pitch_as_few_frames_or_none(body):
    pose = find_head_pose(seen(body), face_points(body), CAMERA)
    straight, pitch, yaw = (_energy(body, pose, *angles, pitch_frames=1.0) for angles in ((0, 0), (5, 0), (0, 5)))
    size = float(torch.deg2rad(torch.tensor(5.0)).sin() ** 2)
    assert straight < 0.02 * size
    assert pitch == pytest.approx(size, rel=0.3)
    assert yaw == pytest.approx(size * float(pose.confidence.sum()), rel=0.3)
    assert _energy(body, pose, 5, 0) < 0.1 * pitch


def test_a_pitch_of_one_frame_counts(body):
    pose = find_head_pose(seen(body), face_points(body), CAMERA)
    nod = rotation.exp(torch.deg2rad(torch.tensor([5.0, 0.0, 0.0])))
    nodding = replace(pose, rotations=torch.cat([pose.rotations[:1] @ nod, pose.rotations[1:]]))
    assert _energy(body, nodding, 0, 0) > 20 * _energy(body, pose, 0, 0)


def test_a_body_without_a_head_is_refused(body):
    pose = find_head_pose(seen(body), face_points(body), CAMERA)
    headless = replace(body, joint_names=tuple(name.replace("head", "top") for name in body.joint_names))
    with pytest.raises(BadInputError, match="no joint 'head'"):
        _energy(headless, pose, 0, 0)


def test_features_of_a_face_beyond_its_reach_do_not_count(body):
    x, known = posed(body), {"face_points": face_points(body), "camera": CAMERA, "features": True}
    every, within = (face_reprojection.prepare(x, **known, **some)["confidence"] for some in ({}, {"reach_deg": 45.0}))
    assert (every[:6].sum(-1) > 0).all(), "the sixth is seen from the side"
    torch.testing.assert_close(within[:5], every[:5])
    assert within[5:].max() == 0


def test_a_looser_joint_strays_farther_at_the_same_cost(body):
    x, place = posed(body, nod=20.0), body.joint_names.index("head") - 1
    usual, looser = pose_deviation(x), pose_deviation(x, looser={"head": 3.0})
    torch.testing.assert_close(looser[:, place], usual[:, place] / 3)
    assert usual[:, place].abs().max() > 0.1
    with pytest.raises(BadInputError, match="to hold 'tail' less"):
        pose_deviation(x, looser={"tail": 2.0})
