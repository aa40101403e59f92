"""What terms say about bodies and images that are easy to picture."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from stick_body import stick_body
from toy_body import toy_body
from world import CAMERA

from fit_avatar import energies as e
from fit_avatar.body import rotation
from fit_avatar.body.brim import may_be_below_hat
from fit_avatar.body.hair import may_have_hair_behind
from fit_avatar.body.keypoint_sets import BODY_25_FEET
from fit_avatar.body.mesh import vertex_areas, vertex_normals
from fit_avatar.body.state import BodyState
from fit_avatar.energies.image import OutlineMatch, match_outlines
from fit_avatar.energies.surface import shaped_mesh
from fit_avatar.errors import BadInputError
from fit_avatar.silhouettes import Contours, extract_contours
from fit_avatar.solvers.unknowns import Unknown, Unknowns
from fit_avatar.visibility import silhouette

FEET = list(BODY_25_FEET)


def posed_body(body, pose=None, frames=1, offsets=None, transl=None, orient=None):
    """Return a body before the camera, in the T-pose by default. pose: {joint: axis-angle in degrees}"""
    state = BodyState(
        betas=torch.zeros(body.num_betas),
        offsets=torch.zeros_like(body.template) if offsets is None else offsets,
        global_orient=torch.tensor([math.pi, 0.0, 0.0]).repeat(frames, 1) if orient is None else orient,
        body_pose=torch.zeros(frames, len(body.parents) - 1, 3),
        transl=torch.tensor([0.0, 0.0, 3.0]).repeat(frames, 1) if transl is None else transl,
    )
    for joint, degrees in (pose or {}).items():
        state.body_pose[:, body.joint_names.index(joint) - 1] = torch.deg2rad(torch.tensor(degrees))
    plane = Unknown(torch.tensor([[0.0, -1.0, 0.0, 1.0]]), shared=True)
    return Unknowns.of(body, state, plane=plane).posed_body()


@pytest.fixture(scope="module")
def sticks():
    return stick_body()


# -- the image ------------------------------------------------------------------------------------------------


def test_contour_distance_counts_pixels_outward(body):
    x = posed_body(body)
    vertex = torch.tensor([[17]])
    contour = CAMERA.project(x.vertices[:, 17:18]) - torch.tensor([4.0, 0.0])
    match = OutlineMatch(Contours(contour, torch.tensor([[[1.0, 0.0]]]), torch.ones(1, 1)), vertex, torch.ones(1, 1))
    outside, _ = e.contour_distance(x, match, CAMERA)
    inside, _ = e.contour_distance(
        x, replace(match, contours=replace(match.contours, normals=torch.tensor([[[-1.0, 0.0]]]))), CAMERA, None, 3.0
    )
    assert outside.item() == pytest.approx(4.0, abs=1e-4)
    assert inside.item() == pytest.approx(-4.0 / 3, abs=1e-4)


def test_outlines_are_compared_with_the_shape_that_follows_them(sticks):
    """And pull one that holds the face against them as they would pull that."""
    x, camera, outlines, head, _ = head_with_a_ponytail(sticks, gap_px=0)
    follows = 0.03 * head[:, None] * torch.tensor([1.0, 0.0, 0.0])

    def distance(x, **given):
        made = e.contour_distance.prepare(x, outlines, camera, stride=1, in_metres=True, **given)
        return e.contour_distance(x, made["match"], camera, made["pixel_size"], moved=made["moved"])[0]

    held, followed = distance(x), distance(x.with_offsets(follows))
    assert (held - followed).abs().max() > 0.02
    torch.testing.assert_close(distance(x, outline_offsets=follows), followed, atol=1e-6, rtol=0)


def test_outlines_do_not_pull_what_is_outside_of_the_picture(body):
    x = posed_body(body)
    points = CAMERA.project(x.vertices)
    outlines = Contours(
        points,
        torch.nn.functional.normalize(points - points.mean(1, keepdim=True), dim=-1),
        torch.ones(points.shape[:2]),
    )
    cut = replace(CAMERA, height=int(points[..., 1].median()))
    whole, half = (match_outlines(x, outlines, camera, torch.tensor([50.0]), 10**6, 0.0) for camera in (CAMERA, cut))
    below = points[0].gather(0, half.vertices[0, :, None].expand(-1, 2))[:, 1] >= cut.height
    assert torch.equal(whole.vertices, half.vertices)
    assert whole.confidence[0, below].any() and not half.confidence[0, below].any()
    assert torch.equal(whole.confidence[0, ~below], half.confidence[0, ~below]) and half.confidence.any()


def head_with_a_ponytail(sticks, gap_px=10):
    """Return a posed body, its camera, the outline of it and of a strip beside its head, and which points are hers."""
    x, camera = posed_body(sticks), replace(CAMERA, fx=600.0, fy=600.0, cx=320.0, cy=320.0, width=640, height=640)
    pixels = camera.project(x.vertices)[0]
    head = sticks.lbs_weights[:, [sticks.joint_names.index(name) for name in ("neck", "head")]].sum(1) > 0.5
    top, (right, bottom) = int(pixels[head, 1].amin()), pixels[head].amax(0).int().tolist()
    mask = silhouette(x.vertices[0], sticks.faces, camera).numpy()
    if gap_px:
        mask[top:bottom, right + gap_px : right + gap_px + 10] = True
    outlines = extract_contours(mask[None], 800)
    across, down = outlines.points[0].unbind(-1)
    return x, camera, outlines, head, (across > right + 8) & (down > top + 8) & (down < bottom - 8)


def test_a_ponytail_does_not_pull_the_head_across_the_gap(sticks):
    x, camera, outlines, head, beside = head_with_a_ponytail(sticks)
    match = match_outlines(x, outlines, camera, torch.tensor([60.0]), 10**6, 0.0)
    pulled = head[match.vertices[0]] & (match.confidence[0] > 0)
    assert (head[match.vertices[0]] & beside).any() and not (pulled & beside).any()
    assert pulled.any()


@pytest.mark.parametrize(("gap_px", "bound"), [(10, True), (0, False)])
def test_a_head_with_hair_that_hangs_is_pulled_by_outlines_at_its_side_alone(sticks, gap_px, bound):
    x, camera, outlines, head, _ = head_with_a_ponytail(sticks, gap_px)
    anywhere, near = (
        match_outlines(x, outlines, camera, torch.tensor([60.0]), 10**6, 0.0, slide)
        for slide in (None, torch.tensor([0.0]))
    )
    dropped = (anywhere.confidence > 0) & (near.confidence == 0)
    assert dropped.any() == bound
    assert head[near.vertices[dropped]].all()


def test_the_outline_of_a_hat_pulls_no_vertex(sticks):
    x, camera, outlines, _, _ = head_with_a_ponytail(sticks, 0)
    hat = outlines.points[..., 1] < outlines.points[..., 1].median()
    bare, worn = (
        e.contour_distance.prepare(x, outlines, camera, stride=2, hat=points)["match"] for points in (None, hat)
    )
    assert (bare.confidence[hat[:, ::2]] > 0).any() and not (worn.confidence[hat[:, ::2]] > 0).any()
    assert torch.equal(worn.confidence[~hat[:, ::2]], bare.confidence[~hat[:, ::2]])


@pytest.mark.parametrize("behind", [False, True])
def test_hair_behind_the_neck_pulls_neither_its_front_nor_its_sides(sticks, behind):
    ears_on_top = torch.zeros_like(sticks.keypoint_regressor)
    ears_on_top[:, sticks.template[:, 1].argmax()] = 1
    sticks = replace(sticks, keypoint_regressor=ears_on_top)
    x, camera, outlines, _, _ = head_with_a_ponytail(sticks, 0)
    planes = e.cone_planes.prepare(x, outlines, camera, may_hang_behind=True, hair_behind=torch.tensor(behind))[
        "planes"
    ]
    before = may_have_hair_behind(sticks)[planes.vertices]
    assert before.any() and (planes.confidence[before] > 0).any() != behind
    assert (planes.confidence[~before] > 0).any()


@pytest.mark.parametrize(("crown", "worn"), [(False, True), (True, True), (True, False)])
def test_a_hat_shapes_the_top_of_the_head_alone_or_nothing(sticks, crown, worn):
    eyes_below = torch.zeros_like(sticks.keypoint_regressor)
    eyes_below[:, sticks.template[:, 1].argmin()] = 1
    sticks = replace(sticks, keypoint_regressor=eyes_below)
    x, camera, outlines, _, _ = head_with_a_ponytail(sticks, 0)
    hat = torch.ones_like(outlines.weights, dtype=torch.bool)
    bare = e.cone_planes.prepare(x, outlines, camera, crown=crown, hat=hat)["planes"]
    assert (bare.confidence > 0).any(), "where nobody may wear a hat, nothing is left out"
    found = e.cone_planes.prepare(x, outlines, camera, may_wear_hat=True, crown=crown, hat=hat & worn)["planes"]
    below = may_be_below_hat(sticks)[found.vertices]
    assert below.any() and not below.all()
    counted = below if crown else torch.zeros_like(below)
    assert torch.equal(found.confidence, bare.confidence * (counted if worn else 1))


def test_only_named_keypoints_count(body):
    x = posed_body(body)
    keypoints = torch.ones(1, 25, 3)
    _, only = e.keypoint_reprojection(x, keypoints, CAMERA, only=("nose", "neck"))
    _, without = e.keypoint_reprojection(x, keypoints, CAMERA, without=("nose", "neck"))
    assert only[0, :2].tolist() == [1, 1] and only.sum() == 2
    assert without[0, :2].tolist() == [0, 0] and without.sum() == 23
    with pytest.raises(BadInputError, match="no keypoint 'nosee'"):
        e.keypoint_reprojection(x, keypoints, CAMERA, only=("nosee",))


def test_distance_fields_are_signed_pixels():
    mask = np.zeros((2, 30, 41), bool)
    mask[0, 10:20, 12:24] = True
    field = e.distance_field(mask, 3)
    assert field.values.shape == (2, 10, 14) and field.stride == 3.0
    assert field.values[1].abs().max() == 0  # an empty mask says nothing
    pixels = torch.tensor([[[12.0, 15.0], [6.5, 15.5], [14.5, 15.5]]], requires_grad=True)
    values = e.distance_field(mask[:1], 1).to("cpu").at(pixels)
    (slopes,) = torch.autograd.grad(values.sum(), pixels)
    torch.testing.assert_close(values, torch.tensor([[0.0, 5.5, -2.5]]))
    torch.testing.assert_close(slopes[0, :2, 0], torch.tensor([-1.0, -1.0]))


def test_soft_masks_cover_what_the_mask_covers():
    mask = np.zeros((1, 120, 160), bool)
    mask[0, 20:100, 40:120] = True
    soft = e.soft_masks(mask, 32)
    assert soft.shape == (1, 24, 32)
    assert soft[0, 12, 16] > 0.99 and soft[0, 0, 0] < 0.01
    assert soft[0, 12, 7].item() + soft[0, 12, 8].item() == pytest.approx(1.0, abs=0.02)
    assert e.soft_masks(np.zeros((1, 120, 160), bool), 32).abs().max() == 0


def test_vertices_outside_the_image_have_no_confidence(body):
    x = posed_body(body, transl=torch.tensor([[1.6, 0.0, 3.0]]))
    field = e.DistanceField(torch.zeros(1, 60, 80), 2.0)
    _, confidence = e.silhouette_distance(x, field, CAMERA, chosen=torch.arange(60))
    assert 0 < confidence.mean() < 1


def test_missing_landmarks_are_said(body):
    x = posed_body(body)
    with pytest.raises(BadInputError, match="toy has no landmarks of the hands"):
        e.landmark_reprojection(x, torch.zeros(1, 2, 21, 3), CAMERA)
    with pytest.raises(BadInputError, match="toy has no landmarks of the face"):
        e.face_landmark_rays(x, torch.zeros(1, 70, 3), CAMERA)
    with pytest.raises(BadInputError, match="'joints' or 'keypoints'"):
        e.joint_positions(x, torch.zeros(1, 24, 4), of="bones")
    with pytest.raises(BadInputError, match="25 positions, but the body has 24 joints"):
        e.joint_positions(x, torch.zeros(1, 25, 4))


# -- poses ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("joint", "natural", "wrong", "axis"),
    [
        ("left_elbow", [0.0, -120.0, 0.0], [0.0, 40.0, 0.0], 1),
        ("right_elbow", [0.0, 120.0, 0.0], [0.0, -40.0, 0.0], 1),
        ("left_knee", [90.0, 0.0, 0.0], [-40.0, 0.0, 0.0], 0),
        ("right_knee", [90.0, 0.0, 0.0], [-40.0, 0.0, 0.0], 0),
        ("neck", [30.0, 0.0, 0.0], [0.0, 80.0, 0.0], 1),
        ("spine1", [30.0, 0.0, 0.0], [-50.0, 0.0, 0.0], 0),
    ],
)
def test_joints_bend_one_way(body, joint, natural, wrong, axis):
    assert e.joint_limits(posed_body(body)).abs().max() == 0
    assert e.joint_limits(posed_body(body, {joint: natural})).abs().max() == 0
    beyond = torch.rad2deg(e.joint_limits(posed_body(body, {joint: wrong})))
    assert (beyond.abs() > 0.01).sum() == 1 and (beyond.abs().amax(1)[0, axis] - 35).abs() < 0.1
    if "elbow" in joint or "knee" in joint:
        straight = e.bending_prior(posed_body(body))
        assert torch.equal(straight, torch.ones(1, 4))
        assert (
            e.bending_prior(posed_body(body, {joint: natural})).sum()
            < 4
            < e.bending_prior(posed_body(body, {joint: wrong})).sum()
        )


def test_natural_bends_move_limbs_forward_and_feet_back(body):
    names = body.joint_names
    up = torch.tensor([1.0, -1.0, -1.0])  # from the camera's axes back to the body's
    elbow = posed_body(body, {"left_elbow": [0.0, -90.0, 0.0], "right_elbow": [0.0, 90.0, 0.0]}).joints[0] * up
    knee = posed_body(body, {"left_knee": [90.0, 0.0, 0.0]}).joints[0] * up
    for side in ("left", "right"):
        assert elbow[names.index(f"{side}_wrist"), 2] > elbow[names.index(f"{side}_elbow"), 2] + 0.1
    assert knee[names.index("left_ankle"), 2] < knee[names.index("left_knee"), 2] - 0.1


def test_gaussian_prior_counts_standard_deviations(body):
    x = posed_body(body, {"left_knee": [60.0, 0.0, 0.0]})
    found = e.gaussian_pose_prior(x, **e.gaussian_prior(np.zeros(69), 0.25 * np.eye(69)))
    assert found.norm().item() == pytest.approx(math.radians(60) / 0.5, rel=1e-5)
    with pytest.raises(BadInputError, match="not positive definite"):
        e.gaussian_prior(np.zeros(3), -np.eye(3))
    with pytest.raises(BadInputError, match="12 numbers; the body toy has 69"):
        e.gaussian_pose_prior(x, torch.zeros(12), torch.eye(12))


def test_mixture_prior_is_the_likeliest_component():
    body = toy_body(8, 12)
    rng = np.random.default_rng(0)
    means, weights = rng.normal(size=(4, 69)), np.array([0.1, 0.2, 0.3, 0.4])
    mixing = rng.normal(size=(4, 69, 69))
    covariances = mixing @ mixing.transpose(0, 2, 1) / 69 + 0.5 * np.eye(69)
    fields = e.mixture_prior(means, covariances, weights)
    for pose in means:
        x = posed_body(body)
        rotations = rotation.exp(torch.from_numpy(pose).float().reshape(1, 23, 3))
        x = e.PosedBody(body, {"body_pose": rotations, "global_orient": torch.eye(3)[None, None]})
        theta = x.body_pose.flatten().double().numpy()
        densities = [
            0.5 * (theta - m) @ np.linalg.inv(c) @ (theta - m) + 0.5 * np.linalg.slogdet(c)[1] - np.log(w)
            for m, c, w in zip(means, covariances, weights, strict=True)
        ]
        peaks = [0.5 * np.linalg.slogdet(c)[1] - np.log(w) for c, w in zip(covariances, weights, strict=True)]
        found = e.mixture_pose_prior(x, **fields).square().sum().item() / 2
        assert found == pytest.approx(min(densities) - min(peaks), rel=2e-3, abs=1e-3)


# -- motion and contact ---------------------------------------------------------------------------------------


def test_even_motion_has_no_acceleration_whatever_the_spacing(body):
    times = torch.tensor([0.0, 1.0, 2.0, 4.0, 5.0])
    transl = torch.stack([0.1 * times, 0 * times, 3 + 0 * times], -1)
    values = {
        "global_orient": rotation.exp(torch.stack([0 * times, 0.1 * times, 0 * times], -1))[:, None],
        "body_pose": torch.eye(3).expand(5, 23, 3, 3),
        "transl": transl,
        "betas": torch.zeros(1, 3),
    }
    x = e.PosedBody(body, values)
    steps = (times[1:] - times[:-1]) / 30
    assert e.rotation_acceleration(x, steps).abs().max() < 1e-5
    assert e.translation_acceleration(x, steps).abs().max() < 1e-6
    velocity = e.translation_velocity(x, 2 * steps)
    torch.testing.assert_close(velocity, torch.tensor([0.05, 0.0, 0.0]).expand(4, 3), atol=1e-6, rtol=1e-4)
    assert e.rotation_velocity(x, steps)[:, 0].norm(dim=-1).std() < 1e-5
    root = e.joint_velocity(x, steps)[:, 0]
    torch.testing.assert_close(root, torch.tensor([0.1, 0.0, 0.0]).expand(4, 3), atol=1e-6, rtol=1e-4)
    assert e.joint_acceleration(x, steps)[:, 0].abs().max() < 1e-6


def test_a_camera_that_shakes_does_not_accelerate_the_person(body):
    turns = rotation.exp(0.1 * torch.randn(6, 3, generator=torch.Generator().manual_seed(3)))
    still = posed_body(body, frames=6)
    root = still.joints[:, 0] - still.transl
    transl = (turns.mT @ (still.transl + root)[..., None])[..., 0] - root
    orient = rotation.log(turns.mT @ rotation.exp(still.global_orient))
    x, steps = posed_body(body, frames=6, transl=transl, orient=orient), torch.full((5,), 1 / 30)
    for term in (e.translation_acceleration, e.rotation_acceleration):
        assert term(x, steps).abs().max() > 0.05
        assert term(x, steps, turns).abs().max() < 1e-4


def test_a_joint_that_moves_more_steadily_costs_more_and_others_the_same(body):
    bends = [[0.0, 0.0, 0.0], [9.0, -4.0, 3.0], [-5.0, 8.0, -6.0], [7.0, 2.0, -8.0]]
    pose = {f"{side}_{name}": bends for side in ("left", "right") for name in ("elbow", "knee")}
    x, steps = posed_body(body, frames=4, pose=pose), torch.full((3,), 1 / 30)
    usual, steady = (
        e.rotation_acceleration(x, steps, looser=looser) for looser in (None, {"elbow": 0.05, "tail": 2.0})
    )
    elbows, knees = (torch.tensor([each.endswith(name) for each in body.joint_names]) for name in ("elbow", "knee"))
    assert usual[:, elbows].abs().min() > 0.05 and usual[:, knees].abs().min() > 0.05
    torch.testing.assert_close(steady[:, elbows], 20 * usual[:, elbows])
    torch.testing.assert_close(steady[:, ~elbows], usual[:, ~elbows])


def test_accelerations_count_in_thirtieths_of_a_second_at_any_frame_rate(body):
    def acceleration(rate_hz):
        times = torch.arange(5) / rate_hz
        transl = torch.stack([4.5 * times**2, 0 * times, 3 + 0 * times], -1)  # 9 m/s²
        x = posed_body(body, frames=5, transl=transl)
        return e.translation_acceleration(x, torch.full((4,), 1 / rate_hz))[..., 0]

    for rate in (15.0, 30.0, 60.0):
        torch.testing.assert_close(acceleration(rate), torch.full((3,), 9.0 / 30**2), atol=1e-5, rtol=1e-3)


def test_a_jump_across_a_cut_is_no_motion(body):
    places = torch.tensor([0.0, 0.1, 0.2, 0.9, 1.0, 1.1])
    x = posed_body(body, frames=6, transl=torch.stack([places, 0 * places, 3 + 0 * places], -1))
    steps = torch.full((5,), 1 / 30)
    assert e.translation_acceleration(x, steps).abs().max() > 0.5
    steps[2] *= 1000
    for term in (e.translation_acceleration, e.joint_acceleration, e.rotation_acceleration):
        assert term(x, steps).abs().max() < 1e-3
    assert e.translation_velocity(x, steps)[2].abs().max() < 1e-3
    keypoints = torch.rand(6, 25, 3)
    keypoints[..., 2] = 1.0
    keypoints[:, FEET] = torch.tensor([50.0, 495.0, 1.0])
    contact = e.estimate_contact(keypoints, steps)
    assert contact[2].max() == 0 and contact[[0, 1, 3, 4]].min() > 0.9


def test_contact_is_seen_in_feet_that_stand_still():
    keypoints = torch.rand(5, 25, 3) * 100
    keypoints[..., 2] = 1.0
    keypoints[:, 0, 1], keypoints[:, 21, 1] = 0.0, 500.0  # a person of 500 px
    keypoints[:, FEET] = torch.tensor([50.0, 495.0, 1.0])
    keypoints[:, FEET[3:], 0] += 30.0 * torch.arange(5)[:, None]
    found = e.estimate_contact(keypoints)
    assert found.shape == (4, 6)
    assert (found[:, :3] > 0.9).all() and (found[:, 3:] < 0.01).all()
    assert (e.estimate_contact(keypoints * torch.tensor([2.0, 2.0, 1.0])) - found).abs().max() < 1e-6
    slower = e.estimate_contact(keypoints, torch.full((4,), 2 / 30), still=e.contact.STILL / 2)
    torch.testing.assert_close(slower, found)
    keypoints[2, FEET[0], 2] = 0.0
    assert e.estimate_contact(keypoints)[1:3, 0].abs().max() == 0


def test_contact_of_clips_is_that_of_each():
    generator = torch.Generator().manual_seed(1)
    clips = torch.cat([torch.rand(3, 4, 25, 2, generator=generator) * 20, torch.ones(3, 4, 25, 1)], -1)
    clips[:, :, 0, 1], clips[:, :, 21, 1] = 0.0, torch.tensor([300.0, 900.0, 2700.0])[:, None]
    found = e.estimate_contact(clips)
    assert found.shape == (3, 3, 6) and found.std(0).max() > 0.1
    torch.testing.assert_close(found, torch.stack([e.estimate_contact(clip) for clip in clips]))


def test_keypoints_that_were_not_seen_tell_no_contact():
    keypoints = torch.cat([torch.rand(9, 25, 2) * 100, torch.ones(9, 25, 1)], -1)
    keypoints[:, FEET] = torch.tensor([50.0, 95.0, 1.0])
    whole = e.estimate_contact(keypoints)
    keypoints[4, FEET[0]] = torch.tensor([torch.nan, torch.nan, 0.0])
    found = e.estimate_contact(keypoints)
    assert (found[3:5, 0] == 0).all()
    found[3:5, 0] = whole[3:5, 0]
    torch.testing.assert_close(found, whole)


@pytest.mark.parametrize("rate_hz", [120, 30, 10, 1])
def test_contact_is_seen_through_a_detectors_noise(rate_hz):
    """Feet that stand for a second, then move by half a person's height in the next, under 2 px of noise."""
    frames = 2 * rate_hz + 1
    times = torch.arange(frames) / rate_hz
    noise = torch.randn(frames, 25, 2, generator=torch.Generator().manual_seed(0))
    keypoints = torch.cat([torch.full((frames, 25, 2), 50.0), torch.ones(frames, 25, 1)], -1)
    keypoints[:, 0, 1], keypoints[:, 21, 1] = 0.0, 500.0
    keypoints[:, FEET, 0] += 250.0 * (times - 1).clamp_min(0)[:, None]
    keypoints[:, FEET, :2] += 2.0 * noise[:, FEET]
    found = e.estimate_contact(keypoints, torch.full((frames - 1,), 1 / rate_hz))
    middle = (times[1:] + times[:-1]) / 2
    assert found[middle < 0.9].mean() > (0.85 if rate_hz <= 30 else 0.7)
    assert found[middle > 1.1].mean() < 0.2


def test_ground_counts_below_and_in_contact(body):
    x = posed_body(body, frames=3)
    lowest = x.keypoints[0, FEET, 1].max()  # the camera's y points down
    for depth, counted in ((0.01, True), (-0.01, False)):
        plane = torch.tensor([0.0, -2.0, 0.0, 2.0 * float(lowest - depth)])
        height, confidence = e.ground_plane(x, plane)
        assert height.min().item() == pytest.approx(-depth, abs=1e-5)
        assert bool((confidence[height == height.min()] > 0).all()) is counted
    _, confidence = e.ground_plane(x, torch.tensor([0.0, -1.0, 0.0, 9.0]), torch.tensor([[0.0] * 6, [0.7] * 6]))
    torch.testing.assert_close(confidence[:, 0], torch.tensor([0.0, 0.7, 0.7]))


def test_the_ground_is_where_feet_stand_also_where_it_slopes(body):
    """Toes are 1 cm above heels; the third foot is in the air, and all others stand on a slope."""
    place = torch.rand(2, 8, 6, 2, generator=torch.Generator().manual_seed(1)) * 2.0
    up = 0.1 * place[..., 0] - 0.05 * place[..., 1] + torch.tensor([0.01, 0.01, 0.0, 0.01, 0.01, 0.0]) - 1.0
    up[:, 2, 3:] += 0.3
    feet = torch.stack([place[..., 0], -up, 3.0 + place[..., 1]], -1)
    stands = torch.ones(2, 8, 6)
    stands[:, 2, 3:] = 0.0
    ground = e.fit_ground(feet, stands)
    assert ground.shape == (2, 1, 6, 4)
    height = (feet * ground[..., :3]).sum(-1) + ground[..., 3]
    assert (height * stands).abs().max() < 2e-3 and (height[:, 2, 3:] - 0.3).abs().max() < 5e-3
    assert not e.fit_ground(feet, torch.zeros(2, 8, 6)).any()
    one = e.fit_ground(feet[1], stands[1])
    torch.testing.assert_close(one, ground[1])
    x = posed_body(body, frames=3)
    raised, confidence = e.feet_on_ground(x, torch.tensor([[0.0] * 6, [0.7] * 6]), torch.tensor([0.0, -1.0, 0.0, 9.0]))
    assert raised.min() > 0
    torch.testing.assert_close(confidence[:, 0], torch.tensor([0.0, 0.7, 0.7]))


def test_one_floor_is_below_the_lowest_places_of_feet_that_stand(sticks):
    """It slopes; a jump and a frame that is too low have no contact."""
    places = torch.rand(12, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([0.6, 0.0, 0.6])
    places[:, 1] = 0.05 * places[:, 0]
    places[5, 1] -= 0.2
    places[9, 1] += 0.02
    contact = torch.full((11, 6), 0.5)
    contact[[4, 5, 8, 9]] = 0.0
    pitched = {"left_ankle": [8.0, 0.0, 0.0]}
    x = posed_body(sticks, pitched, frames=12, transl=places + torch.tensor([0.0, 0.0, 3.0]))
    floor, slow = e.feet_on_floor, torch.full((11,), 10.0)  # seconds: nobody seems to move
    made = floor.prepare(x, contact, slow)
    height, confidence = floor(x, **made)
    feet = made["soles"].unflatten(-1, (2, -1))
    for i, side in enumerate(("left", "right")):
        columns = [sticks.joint_names.index(f"{side}_{name}") for name in ("ankle", "foot")]
        own = torch.nonzero(sticks.lbs_weights[:, columns].sum(1) > 0.5)[:, 0]
        lowest = x.vertices[0, own, 1].topk(feet.shape[-1]).values.min()
        assert torch.isin(feet[:, i], own).all() and (x.vertices[0, feet[0, i], 1] >= lowest - 1e-6).all()
    stands = [t for t in range(12) if t not in (5, 9)]
    assert confidence[stands].min() == 1 and height[stands].abs().max() < 0.02
    usual = height[stands].mean(0)  # one foot is pitched, so that the floor is between their lowest places
    assert (height[stands] - usual).abs().max() < 5e-3 and (usual[0] - usual[1]).abs() > 1e-3
    torch.testing.assert_close(height[5] - usual, torch.full((2,), 0.2), atol=8e-3, rtol=0)
    assert confidence[5].max() == 0 and confidence[9].max() == 1 and height[9].min() < -0.01
    for made in (floor.prepare(x, contact, slow, torch.eye(3).expand(12, 3, 3)), floor.prepare(x, contact, slow / 300)):
        assert not floor(x, **made)[1].any()  # before a camera that turns, and of feet that never stand


def test_a_swinging_foot_may_rise_but_not_go_forth_and_back(sticks):
    steady = torch.tensor([0.03, 0.0, 0.01]) * torch.arange(9.0)[:, None] + torch.tensor([0.0, 0.0, 3.0])
    contact, bump = torch.full((8, 6), 0.5), 0.05 * torch.sin(torch.linspace(0, math.pi, 9))
    term, slow, second = e.straight_steps, torch.full((8,), 10.0), torch.full((8,), 1 / 30)
    found = {}
    for name, axis in (("steady", None), ("rises", 1), ("detour", 2)):
        way = steady.clone()
        if axis is not None:
            way[:, axis] -= bump
        x = posed_body(sticks, frames=9, transl=way)
        made = term.prepare(x, contact, slow)
        change, confidence = term(x, **made, frame_intervals_s=second)
        assert confidence.min() == 1 and change.shape == (7, 2, 3)
        found[name] = change.abs().max().item()
    assert found["steady"] < 1e-5 and found["rises"] < 1e-3 and found["detour"] > 5e-3
    assert not term(x, **term.prepare(x, contact, second), frame_intervals_s=second)[1].any()  # nobody stands
    turning = term.prepare(x, contact, slow, torch.eye(3).expand(9, 3, 3))
    assert not term(x, **turning, frame_intervals_s=second)[1].any()


def test_a_body_may_accelerate_as_a_whole_but_not_sway(body):
    steps = torch.arange(9.0)
    way = torch.stack([0.05 * (steps % 2), 0 * steps, 3 + 0.02 * (steps % 3)], -1)
    nods = [[float(i % 2), 0.0, 0.0] for i in range(9)]
    found = {}
    for name, pose in (("moves", {}), ("sways", {"spine1": nods})):
        x = posed_body(body, pose, frames=9, transl=way)
        change = e.joint_acceleration(x, torch.full((8,), 1 / 30), joints=("neck", "head"), against_root=True)
        assert change.shape == (7, 2, 3)
        found[name] = change.abs().max().item()
    assert found["moves"] < 1e-5 and found["sways"] > 0.01


def test_feet_slide_only_where_they_move(body):
    x = posed_body(body, frames=2, transl=torch.tensor([[0.0, 0.0, 3.0], [0.03, 0.0, 3.0]]))
    for interval_s, metres in ((1 / 30, 0.03), (4 / 30, 0.015)):
        moved, confidence = e.foot_contact(x, torch.full((1, 6), 0.4), torch.tensor([interval_s]))
        torch.testing.assert_close(moved, torch.tensor([metres, 0.0, 0.0]).expand(1, 6, 3), atol=1e-6, rtol=1e-4)
    assert torch.equal(confidence, torch.full((1, 6), 0.4))


# -- bodies ---------------------------------------------------------------------------------------------------


def test_capsules_touch_only_where_limbs_do(sticks):
    capsules = e.fit_capsules(sticks)
    assert e.fit_capsules(sticks) is capsules
    named = [sticks.joint_names[j] for j in capsules.joints]
    assert len(capsules) == 20 and "left_hand" not in named
    radius = dict(zip(named, capsules.radii.tolist(), strict=True))
    assert radius["left_hip"] == pytest.approx(0.05, abs=0.01) and radius["left_elbow"] == pytest.approx(
        0.03, abs=0.008
    )
    assert e.self_penetration(posed_body(sticks), capsules).abs().max() == 0
    crossed = e.self_penetration(
        posed_body(sticks, {"left_hip": [0.0, 0.0, -25.0], "right_hip": [0.0, 0.0, 25.0]}), capsules
    )
    first, second = (named[i] for i in capsules.pairs[crossed[0].argmax()].tolist())
    assert 0.02 < crossed.max() < 0.2
    assert first.startswith("left") and second.startswith("right")


def test_parts_are_named_by_what_moves_them(sticks):
    part = e.parts_of_vertices(sticks)
    names = [e.SEGMENTS[i] for i in part.tolist()]
    assert set(names) == set(e.SEGMENTS)
    follows = [sticks.joint_names[j] for j in sticks.lbs_weights.argmax(1).tolist()]
    expected = {"left_elbow": "left_forearm", "left_hand": "left_forearm", "right_foot": "right_foot", "neck": "head"}
    for name, joint in zip(names, follows, strict=True):
        assert joint not in expected or expected[joint] == name


def test_part_multipliers_are_blended():
    body = toy_body(8, 12)
    weights = torch.zeros_like(body.part_weights)
    weights[body.part_names.index("face"), :2] = torch.tensor([1.0, 0.5])
    weights[body.part_names.index("toes"), 0] = 1.0
    multipliers = e.PartMultipliers(face=9.0, toes=4.0)
    found = multipliers.at_vertices(replace(body, part_weights=weights))
    bare = replace(body, part_names=("face",), part_weights=weights[:1])
    assert multipliers.at_vertices(bare)[:2].tolist() == [9.0, 3.0]  # parts that a body lacks are left out
    torch.testing.assert_close(found[:3], torch.tensor([9.0, 3.0, 1.0]))


def test_height_is_that_of_the_skin(body):
    x = posed_body(body)
    assert e.body_height(x, 1.7).item() == pytest.approx(0, abs=1e-5)
    assert e.body_height(x, 1.6).item() == pytest.approx(0.1, abs=1e-5)


def test_a_known_detector_is_nearer_to_its_usual_places_than_to_the_bodys(body):
    bias, offsets = torch.zeros(1, 25, 3), torch.zeros(25, 3)
    bias[0, :2, 1] = 0.03
    offsets[0, 1] = 0.02
    x = copy.copy(posed_body(body))
    x._values = {**x._values, "keypoint_bias": bias}
    known = e.keypoint_bias_prior(x, nearer=2.0, keypoint_offsets=offsets)
    assert known[0, :2, 1].tolist() == pytest.approx([0.02, 0.03])  # twice 10 mm; of the second nothing is known
    in_noise = e.keypoint_bias_prior(x, in_noise=True, nearer=2.0, keypoint_noise_m=0.01, keypoint_offsets=offsets)
    torch.testing.assert_close(in_noise, known / 0.01)
    for fields in ({"keypoint_offsets": offsets}, {"nearer": 2.0}):
        torch.testing.assert_close(e.keypoint_bias_prior(x, **fields), bias)


def test_surface_terms_vanish_where_they_should(body):
    naked = posed_body(body)
    even = body.template * torch.tensor([0.02, 0.0, 0.0]) + torch.tensor([0.0, 0.01, 0.0])
    shifted = posed_body(body, offsets=torch.tensor([0.1, 0.2, 0.3]).expand_as(body.template))
    for term in (e.edge_length, e.normal_consistency):
        assert term(naked).abs().max() == 0
        assert term(shifted).abs().max() < 2e-3
    mirrored = posed_body(body, offsets=(even + even[body.mirror] * torch.tensor([-1.0, 1.0, 1.0])) / 2)
    assert e.symmetry(mirrored).abs().max() < 1e-6 < e.symmetry(shifted).abs().max()
    assert torch.equal(e.offset_prior(shifted)[0], torch.tensor([0.1, 0.2, 0.3]).expand_as(body.template))
    operator = e.laplacian.prepare(shifted)["operator"]
    assert operator.is_sparse and e.laplacian(shifted, operator).abs().max() < 1e-5


def test_sliding_is_what_is_along_the_surface(body):
    normals = vertex_normals(body.template, body.faces)
    along = torch.linalg.cross(normals, torch.tensor([0.0, 1.0, 0.0]).expand_as(normals))
    thicker, slid = (posed_body(body, offsets=0.01 * o) for o in (normals, along))
    assert e.sliding_prior(thicker, **e.sliding_prior.prepare(thicker)).abs().max() < 1e-6
    torch.testing.assert_close(e.sliding_prior(slid, **e.sliding_prior.prepare(slid))[0], 0.01 * along)


def test_areas_make_sums_integrals(body):
    x = posed_body(body, offsets=torch.tensor([0.0, 0.0, 2.0]).expand_as(body.template))
    whole = e.offset_prior(x, **e.offset_prior.prepare(x, by_area=True)).square().sum(-1)[0]
    egg = float(vertex_areas(body.template, body.faces)[body.skin].sum())
    assert whole[body.skin].sum().item() == pytest.approx(4.0 * egg, rel=1e-3)
    assert whole[~body.skin].sum() < 0.05 * whole.sum()  # eyes and mouth hardly count
    rough = posed_body(body, offsets=0.01 * torch.sin(9 * body.template))
    mesh = shaped_mesh(rough)
    integral = (mesh.laplacian @ rough.offsets[0]).square().sum(-1) / mesh.areas
    found = e.laplacian(rough, **e.laplacian.prepare(rough, by_area=True)).square().sum()
    assert found.item() == pytest.approx(integral.sum().item(), rel=1e-4)
    thicker = e.offset_prior.prepare(x, multipliers=e.PartMultipliers(), by_area=True)["scale"]
    torch.testing.assert_close(thicker, e.offset_prior.prepare(x, by_area=True)["scale"])


def test_the_laplacian_is_that_of_the_mean_shape_of_all_clips(body):
    values = {"betas": torch.tensor([[[1.0, 0.0, 0.0]], [[-1.0, 0.0, 0.0]]])}
    mean = {"betas": torch.zeros(1, 3)}
    one, other = (shaped_mesh(e.PosedBody(body, v)) for v in (values, mean))
    assert one is other and one.laplacian.shape == (len(body.template),) * 2
    assert shaped_mesh(e.PosedBody(body, {"betas": torch.ones(1, 3)})) is not one


# -- the posed body ---------------------------------------------------------------------------------------------


def test_a_posed_body_can_be_copied(body):
    x = posed_body(body)
    again = copy.copy(x)
    assert torch.equal(again.joints, x.joints) and again.body is body
    with pytest.raises(AttributeError, match="there is no unknown weight"):
        _ = again.weight


def test_points_are_read_where_the_vertices_are(body):
    x = posed_body(body, {"left_elbow": [0.0, -60.0, 0.0]}, frames=2)
    index = torch.tensor([3, 70, 411])
    torch.testing.assert_close(x.read_vertices(index).posed, x.vertices[:, index])
    each = torch.stack([index, index.flip(0)])
    torch.testing.assert_close(x.read_vertices(each).posed[1], x.vertices[1, index.flip(0)])
    assert x.read_vertices(each).vertices is each
    torch.testing.assert_close(x.read_points(body.vertex_points(index)).posed, x.vertices[:, index])


def test_a_dent_is_seen_by_edges_and_normals():
    body = toy_body(8, 12)
    offsets = torch.zeros_like(body.template)
    offsets[30, 2] = 0.05
    x = posed_body(body, offsets=offsets)
    lengths, creases = e.edge_length(x)[0], e.normal_consistency(x)[0]
    assert (lengths.abs() > 1e-5).sum() == 6  # the edges around the vertex
    assert 6 <= (creases.abs() > 1e-3).sum() <= 12 and creases.abs().max() < math.pi
