"""The four poses that 2D points leave to an arm or a leg."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from synthetic import CAMERA

from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.energies.limits import angles_beyond
from fit_avatar.fitting import FitState
from fit_avatar.fitting.limb_sides import CHAINS, limb_sides, mirrored_trunk
from tests.fitting.sitting import BODY, LEGS, joints, seen_of, segments, sitting


def test_all_poses_agree_with_the_picture_and_one_is_the_true_one() -> None:
    truth = sitting(2)
    keypoints = seen_of(truth)
    standing = FitState.upright(BODY, 2).clip
    sides = limb_sides(BODY, standing, keypoints, CAMERA)
    off = (sides.directions - segments(truth)[:, :, None]).norm(dim=-1).sum(-1)  # [T, C, 4]
    assert (off.amin(-1) < 0.01).all()
    assert (off[:, LEGS].amax(-1) > 0.5).all()  # a thigh that points away from the camera
    for pose in range(4):
        clip = sides.chosen(standing, BODY, torch.full((2, 4), pose))
        reached = (sides.missed_m[:, :, pose] < 1e-3).all(-1)  # [T, C]
        for k, chain in enumerate(CHAINS):
            ends = [BODY_25.index(name) for name in chain]
            assert (seen_of(clip) - keypoints)[reached[:, k]][:, ends].abs().sum() < 0.5
        assert torch.allclose(segments(clip), sides.directions[:, :, pose], atol=1e-4)


def test_a_bent_knee_bends_about_its_hinge() -> None:
    truth = sitting()
    sides = limb_sides(BODY, FitState.upright(BODY, 1).clip, seen_of(truth), CAMERA)
    nearest = (sides.directions - segments(truth)[:, :, None]).norm(dim=-1).sum(-1).argmin(-1)
    clip = sides.chosen(truth, BODY, nearest)
    for side in ("left", "right"):
        bent = clip.body_state(BODY).body_pose[:, BODY.joint_names.index(f"{side}_knee") - 1]
        assert angles_beyond(bent, f"{side}_knee").abs().max() < 0.05 and math.isclose(
            float(bent[0, 0]), 1.2, abs_tol=0.1
        )


def test_a_point_that_is_not_seen_leaves_its_segment_as_it_is() -> None:
    keypoints = seen_of(sitting())
    keypoints[..., 2] = 0
    standing = FitState.upright(BODY, 1).clip
    sides = limb_sides(BODY, standing, keypoints, CAMERA)
    assert torch.allclose(sides.directions, segments(standing)[:, :, None].expand_as(sides.directions), atol=1e-4)
    assert (sides.missed_m == 0).all()


def test_what_is_too_far_to_be_reached_is_missed() -> None:
    keypoints = seen_of(sitting())
    keypoints[:, BODY_25.index("left_elbow"), 0] += 300
    missed = limb_sides(BODY, sitting(), keypoints, CAMERA).missed_m
    assert (missed[0, 0, :, 0] > 0.2).all() and (missed[0, LEGS, 0] < 0.01).all()


def test_a_trunk_that_is_turned_over_shows_the_same_hips() -> None:
    clip = FitState.upright(BODY, 2).clip
    angle = torch.tensor(0.6)
    about_y = torch.tensor([[angle.cos(), 0, angle.sin()], [0, 1, 0], [-angle.sin(), 0, angle.cos()]])
    clip = replace(clip, rotations=torch.cat([(clip.rotations[:, 0] @ about_y)[:, None], clip.rotations[:, 1:]], 1))
    ends = ("right_hip", "left_hip")
    other, turned = mirrored_trunk(BODY, clip, ends)
    hips = [joints(each)[:, [BODY.joint_names.index(name) for name in ends]].diff(dim=1) for each in (clip, other)]
    assert torch.allclose(hips[0][..., :2], hips[1][..., :2], atol=0.01)
    assert torch.allclose(hips[0][..., 2], -hips[1][..., 2], atol=0.01) and hips[0][..., 2].abs().min() > 0.05
    assert torch.allclose(turned, torch.full((2,), 1.2), atol=0.1)
    back, _ = mirrored_trunk(BODY, other, ends)
    assert torch.allclose(joints(back), joints(clip), atol=1e-4)
