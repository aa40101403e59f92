"""Fitting a synthetic turn: the direction is found from any start, and tracking lowers the error in 3D."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from synthetic import CAMERA, turning_person

from fit_avatar.body import load_body, pose_body, rotation
from fit_avatar.body.operators import cotangent_laplacian
from fit_avatar.capture import Capture
from fit_avatar.correspondence import SurfaceMatches
from fit_avatar.fitting import (
    CONTOUR_POINTS,
    ConsensusStage,
    Preset,
    Stage,
    begin,
    fit_consensus,
    gather_evidence,
    initialise,
    run_stage,
    stages,
)
from fit_avatar.visibility.raster import silhouette

FRAMES = 8


def observe(body, first_yaw=0.7):
    clip = turning_person(body, FRAMES, first_yaw=first_yaw)
    keypoints = CAMERA.project(body.keypoint_regressor @ clip.vertices)
    confident = torch.cat([keypoints, torch.ones(FRAMES, 25, 1)], -1)
    masks = torch.stack([silhouette(v, body.faces, CAMERA) for v in clip.vertices])
    capture = Capture(np.arange(FRAMES), confident.numpy(), masks.numpy(), CAMERA, np.ones(FRAMES, np.float32))
    return clip, gather_evidence(capture, CONTOUR_POINTS, torch.device("cpu"))


@pytest.fixture(scope="module")
def body():
    return load_body()


def joint_error(body, state, clip):
    return (pose_body(body, state.body_state(body)).joints - clip.joints).norm(dim=-1).mean().item()


@pytest.mark.parametrize("first_yaw", [0.0, 1.6, 3.1, 4.7])
def test_finds_the_direction_from_any_start(body, first_yaw):
    clip, evidence = observe(body, first_yaw)
    assert joint_error(body, initialise(body, evidence, clip.height_m), clip) < 0.12


def test_every_stage_helps(body):
    clip, evidence = observe(body)
    start = initialise(body, evidence, clip.height_m)
    first, second = stages("fast")[:2]
    rough = run_stage(body, evidence, start, first, clip.height_m).state
    tracked = run_stage(body, evidence, rough, second, clip.height_m).state
    errors = [joint_error(body, state, clip) for state in (start, rough, tracked)]
    assert errors[1] < errors[0]
    assert errors[2] < 0.03
    body_height = (body.template + body.shape_basis @ tracked.betas)[body.skin][:, 1]
    assert (body_height.max() - body_height.min()).item() == pytest.approx(clip.height_m, abs=0.004)

    dressed = fit_consensus(body, evidence, tracked, ConsensusStage("consensus"))
    naked = torch.zeros_like(body.template)
    skin = body.skin

    def shape_error(offsets):
        truth = body.shape_basis @ clip.state.betas + clip.state.offsets
        difference = (body.shape_basis @ tracked.betas + offsets - truth)[skin]
        return (difference - difference.mean(0)).norm(dim=-1).mean()

    assert shape_error(dressed.offsets) < shape_error(naked)


def test_frames_without_evidence_follow_their_neighbours(body):
    clip, evidence = observe(body)
    evidence.confidence[3] = 0
    evidence.contours.weights[3] = 0
    start = initialise(body, evidence, clip.height_m)
    state = run_stage(body, evidence, start, stages("fast")[0], clip.height_m).state
    joints = pose_body(body, state.body_state(body)).joints
    assert torch.isfinite(joints).all()
    assert (joints[3] - clip.joints[3]).norm(dim=-1).mean() < 0.25


def test_laplacian_of_a_flat_grid_is_zero_on_linear_functions():
    x, y = np.meshgrid(np.arange(6.0), np.arange(6.0))
    vertices = np.stack([x.ravel(), y.ravel(), 0 * x.ravel()], -1)
    corner = (np.arange(5)[:, None] * 6 + np.arange(5)).ravel()
    faces = np.concatenate(
        [np.stack([corner, corner + 1, corner + 7], -1), np.stack([corner, corner + 7, corner + 6], -1)]
    )
    operator, areas = cotangent_laplacian(vertices, faces)
    inner = ((x > 0) & (x < 5) & (y > 0) & (y < 5)).ravel()
    # The clamp gives right angles a small weight, the same on both sides of every edge.
    assert np.abs((operator @ vertices)[inner]).max() < 1e-9
    assert areas.sum() == pytest.approx(25.0)


def test_schedules_are_data():
    for quality in ("fast", "balanced", "best"):
        schedule = stages(quality)
        last = [] if quality == "fast" else schedule[-2:]
        *_, consensus, every = schedule[: len(schedule) - len(last)]
        assert isinstance(schedule[0], Stage) and isinstance(consensus, ConsensusStage)
        assert isinstance(every, Stage) and every.every_frame
        assert [isinstance(stage, Stage) and stage.pictures for stage in last] == [True, False][: len(last)]
        assert all(isinstance(stage, ConsensusStage) for stage in last[1:])
        assert not any(isinstance(stage, Stage) and stage.pictures for stage in schedule[: len(schedule) - len(last)])
        assert len({stage.name for stage in schedule}) == len(schedule)


def test_key_frames_give_a_shape_and_every_frame_a_pose(body):
    clip, evidence = observe(body)
    evidence.frame_weights[3] = 0
    plan = Preset("keys", "", (stages("fast")[0], replace(stages("fast")[0], name="all", every_frame=True)), False, 5)
    start = begin(body, evidence, clip.height_m, plan).state
    assert start.key_frames.tolist() == [0, 2, 4, 5, 7] and len(start.transl) == 5
    rough = run_stage(body, evidence, start, plan.stages[0], clip.height_m).state
    assert torch.equal(rough.key_frames, start.key_frames)
    tracked = run_stage(body, evidence, rough, plan.stages[1], clip.height_m).state
    assert tracked.key_frames is None and len(tracked.transl) == FRAMES
    assert joint_error(body, tracked, clip) < joint_error(body, rough.on_all_frames(evidence.times), clip)


def test_what_pictures_show_turns_what_outlines_leave(body):
    clip, evidence = observe(body)
    start = initialise(body, evidence, clip.height_m)
    for stage in stages("fast")[:2]:
        start = run_stage(body, evidence, start, stage, clip.height_m).state
    start = replace(start, betas=clip.state.betas, offsets=clip.state.offsets)
    vertices = torch.nonzero(body.skin)[::40, 0].expand(FRAMES, -1)
    places = CAMERA.project(clip.vertices.gather(1, vertices[..., None].expand(*vertices.shape, 3)))
    asked = []

    def find(state, camera, progress):
        asked.append((state, camera))
        return SurfaceMatches(torch.cat([places, torch.ones_like(places[..., :1])], -1), vertices)

    stage = stages("balanced")[-2]
    done = run_stage(body, evidence, start, stage, clip.height_m, find=find)
    assert [name for name, _ in done.summaries] == [stage.name] and "surface_reprojection" in str(done.summaries[0][1])
    ((state, camera),) = asked
    torch.testing.assert_close(state.transl, start.transl)
    assert camera == CAMERA
    assert joint_error(body, done.state, clip) < 0.8 * joint_error(body, start, clip)
    blind = run_stage(body, evidence, start, stage, clip.height_m)
    assert blind.state is start and not blind.summaries


def test_frames_between_key_frames_are_interpolated(body):
    clip, evidence = observe(body)
    few = initialise(body, evidence.at(torch.tensor([0, 2])), clip.height_m)
    turn = torch.tensor([0.0, 1.0, 0.0])
    few.rotations[1, 0] = few.rotations[0, 0] @ rotation.exp(turn)
    whole = replace(few, key_frames=torch.tensor([0, 2])).on_all_frames(torch.tensor([0.0, 1.0, 4.0, 5.0]))
    turned = rotation.log(few.rotations[0, 0].T @ whole.rotations[:, 0])
    torch.testing.assert_close(turned, torch.tensor([0, 0.25, 1, 1])[:, None] * turn, rtol=0, atol=1e-5)
    torch.testing.assert_close(whole.transl[1], 0.75 * few.transl[0] + 0.25 * few.transl[1])


def test_evidence_of_some_frames_keeps_their_times(body):
    _, evidence = observe(body)
    some = evidence.at(torch.tensor([0, 2, 6]))
    assert some.steps.tolist() == pytest.approx([2 / 3, 4 / 3]) or some.steps.tolist() == pytest.approx([1, 2])
    assert some.interval >= 2 * evidence.interval
    assert len(some.contours.points) == len(some.masks) == len(some.keypoints) == 3
