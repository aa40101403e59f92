"""Fitting a synthetic turn: the direction is found from any start, and tracking lowers the error in 3D."""

import numpy as np
import pytest
import torch
from synthetic import CAMERA, turning_person

from fit_avatar.body import load_body, pose_body
from fit_avatar.body.surface import cotangent_laplacian
from fit_avatar.capture import Capture
from fit_avatar.fitting import (
    CONTOUR_POINTS,
    ConsensusStage,
    Stage,
    fit_consensus,
    gather_evidence,
    initialise,
    run_stage,
    stages,
)
from fit_avatar.silhouettes import project
from fit_avatar.silhouettes.raster import silhouette

FRAMES = 8


def observe(body, first_yaw=0.7):
    clip = turning_person(body, FRAMES, first_yaw=first_yaw)
    keypoints = project(body.keypoint_regressor @ clip.vertices, CAMERA)
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
    stature = (body.template + body.shape_basis @ tracked.betas)[body.skin][:, 1]
    assert (stature.max() - stature.min()).item() == pytest.approx(clip.height_m, abs=0.004)

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
        assert isinstance(schedule[0], Stage) and isinstance(schedule[-1], ConsensusStage)
        assert len({stage.name for stage in schedule}) == len(schedule)
