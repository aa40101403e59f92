"""Fitting a synthetic turn: the direction is found from any start, and tracking lowers the error in 3D."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from synthetic import CAMERA, turning_person

from fit_avatar.body import load_body, pose_body, rotation
from fit_avatar.body.operators import cotangent_laplacian
from fit_avatar.capture import Capture
from fit_avatar.correspondence.matches import SurfaceMatches
from fit_avatar.errors import BadInputError
from fit_avatar.fitting import (
    ConsensusShape,
    Context,
    CoverEars,
    FitFace,
    FitState,
    GrowBrim,
    Initialise,
    LayHair,
    MatchSurface,
    Observations,
    Schedule,
    Solve,
    SpreadToes,
    UseAllFrames,
    video_avatar,
)
from fit_avatar.visibility.raster import silhouette

FRAMES = 8
FAST = video_avatar("fast")
PICTURES = ("match the surface in the pictures", "pose from the pictures")
FROM_KEYPOINTS, FROM_OUTLINES = (FAST.action(name) for name in ("pose from keypoints", "pose and shape from outlines"))


def observe(body, first_yaw=0.7):
    """Return a clip, and what is observed of it."""
    clip = turning_person(body, FRAMES, first_yaw=first_yaw)
    keypoints = CAMERA.project(body.keypoint_regressor @ clip.vertices)
    confident = torch.cat([keypoints, torch.ones(FRAMES, 25, 1)], -1)
    masks = torch.stack([silhouette(v, body.faces, CAMERA) for v in clip.vertices])
    capture = Capture(np.arange(FRAMES), confident.numpy(), masks.numpy(), CAMERA, np.ones(FRAMES, np.float32))
    return clip, Observations.of(capture, torch.device("cpu"), clip.height_m)


def run(body, observations, *actions, state=None, **context):
    """Return the state after some actions."""
    state = state or FitState.upright(body, len(observations.keypoints))
    for action in actions:
        state = action.run(state, Context(body, lambda: observations, **context))
    return state


@pytest.fixture(scope="module")
def body():
    return load_body()


def joint_error(body, state, clip):
    return (pose_body(body, state.body_state(body)).joints - clip.joints).norm(dim=-1).mean().item()


@pytest.mark.parametrize("first_yaw", [0.0, 1.6, 3.1, 4.7])
def test_finds_the_direction_from_any_start(body, first_yaw):
    clip, observations = observe(body, first_yaw)
    assert joint_error(body, run(body, observations, Initialise()), clip) < 0.12


def test_every_action_helps(body):
    clip, observations = observe(body)
    start = run(body, observations, Initialise())
    rough = run(body, observations, FROM_KEYPOINTS, state=start)
    tracked = run(body, observations, FAST.action("measure the keypoints' noise"), FROM_OUTLINES, state=rough)
    errors = [joint_error(body, state, clip) for state in (start, rough, tracked)]
    assert errors[1] < errors[0]
    assert errors[2] < 0.03
    betas = tracked.clip.betas
    height = (body.template + body.shape_basis @ betas)[body.skin][:, 1]
    assert (height.max() - height.min()).item() == pytest.approx(clip.height_m, abs=0.004)

    dressed = run(body, observations, ConsensusShape("consensus"), state=tracked)
    naked = torch.zeros_like(body.template)
    skin = body.skin

    def shape_error(offsets):
        truth = body.shape_basis @ clip.state.betas + clip.state.offsets
        difference = (body.shape_basis @ betas + offsets - truth)[skin]
        return (difference - difference.mean(0)).norm(dim=-1).mean()

    assert shape_error(dressed.clip.offsets) < shape_error(naked)
    (_, summary) = dressed.solves[-1]
    assert {term.name for term in summary.after} == {"cone_planes", "laplacian", "offset_prior", "symmetry"}
    assert summary.energy_after < summary.energy_before
    assert "did not converge" not in summary.reason


def test_frames_without_observations_follow_their_neighbours(body):
    clip, observations = observe(body)
    observations.keypoints[3, :, 2] = 0
    observations.contours.weights[3] = 0
    state = run(body, observations, Initialise(), FROM_KEYPOINTS)
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
        actions = video_avatar(quality).actions
        assert isinstance(actions[0], Initialise) and actions[0].key_frames
        whole = [isinstance(action, UseAllFrames) for action in actions].index(True)
        assert type(actions[whole - 1]) is ConsensusShape and type(actions[whole + 1]) is Solve
        last = actions[whole + 2 :]
        kinds = [MatchSurface, Solve, ConsensusShape, FitFace, *3 * [Solve], SpreadToes, CoverEars, GrowBrim, LayHair]
        assert [type(action) for action in last] == ([Solve, SpreadToes] if quality == "fast" else kinds)
        assert quality == "fast" or last[1].needs == ("surface_matches",)
        assert video_avatar(quality).action("fingers") in last
        assert not any(isinstance(action, MatchSurface) for action in actions[:whole])


def test_a_head_looks_around_where_no_hair_hangs_behind_the_neck():
    held, free = (video_avatar().action(name) for name in ("pose from the pictures", "head that looks around"))
    assert "bare_neck" in free.needs and free.moving_joints == ("neck", "head")
    assert held.term("surface_reprojection") and "surface_reprojection" not in {term.name for term in free.terms}
    assert free.term("rotation_acceleration").weight > 10 * held.term("rotation_acceleration").weight
    assert free.term("pose_deviation").data["looser"]["head"] > 1
    assert free.name not in {solve.name for solve in video_avatar("fast").solves}


def test_a_head_below_a_hat_strays_no_more_freely_than_other_joints():
    free, held = (video_avatar().action(name) for name in ("head that looks around", "head below a hat"))
    assert set(free.needs) - set(held.needs) == {"bare_head"} and set(held.needs) - set(free.needs) == {"below_hat"}
    assert "looser" not in held.term("pose_deviation").data
    assert {term.name for term in held.terms} == {term.name for term in free.terms}


def test_brims_shape_no_head_before_the_rounds_are_over():
    crowns = [a.term("cone_planes").data["crown"] for a in video_avatar().actions if isinstance(a, ConsensusShape)]
    assert crowns == [False] * 3 + [True] * 2


@pytest.mark.parametrize("quality", ["fast", "balanced"])
def test_arms_sway_slowly_in_every_solve_of_a_turn_that_moves_them(quality):
    moving = [solve for solve in video_avatar(quality).solves if solve.moves_body and not solve.moving_joints]
    assert len(moving) >= 4
    for solve in moving:
        steady = solve.term("rotation_acceleration").data["looser"]
        assert set(steady) == {"collar", "shoulder", "elbow", "wrist"} and max(steady.values()) < 0.2


def test_key_frames_give_a_shape_and_all_frames_a_pose(body):
    clip, observations = observe(body)
    observations.frame_weights[3] = 0
    start = run(body, observations, Initialise(key_frames=5))
    assert start.key_frames.tolist() == [0, 2, 4, 5, 7] and len(start.clip.transl) == 5
    rough = run(body, observations, FROM_KEYPOINTS, state=start)
    assert torch.equal(rough.key_frames, start.key_frames)
    between = run(body, observations, UseAllFrames(), state=rough)
    assert between.key_frames is None and len(between.clip.transl) == FRAMES
    tracked = run(body, observations, FROM_KEYPOINTS, state=between)
    assert joint_error(body, tracked, clip) < joint_error(body, between, clip)


def test_what_pictures_show_turns_what_outlines_leave(body):
    clip, observations = observe(body)
    noise = FAST.action("measure the keypoints' noise")
    start = run(body, observations, Initialise(), FROM_KEYPOINTS, noise, FROM_OUTLINES)
    start = replace(start, clip=replace(start.clip, betas=clip.state.betas, offsets=clip.state.offsets))
    vertices = torch.nonzero(body.skin)[::40, 0].expand(FRAMES, -1)
    points = CAMERA.project(clip.vertices.gather(1, vertices[..., None].expand(*vertices.shape, 3)))
    asked = []

    def match(state, camera, on_step):
        asked.append((state, camera))
        return SurfaceMatches(torch.cat([points, torch.ones_like(points[..., :1])], -1), vertices)

    matching, posing = (video_avatar().action(name) for name in PICTURES)
    done = run(body, observations, matching, posing, state=start, match_surface=match)
    name, summary = done.solves[-1]
    assert name == posing.name and "surface_reprojection" in str(summary)
    ((state, camera),) = asked
    torch.testing.assert_close(state.transl, start.clip.transl)
    assert camera == CAMERA
    assert joint_error(body, done, clip) < 0.8 * joint_error(body, start, clip)


def test_without_pictures_what_needs_them_is_left_out_and_said(body, caplog):
    _, observations = observe(body)
    start = run(body, observations, Initialise())
    matching, posing = (video_avatar().action(name) for name in PICTURES)
    blind = run(body, observations, matching, posing, state=start)
    assert torch.equal(blind.clip.rotations, start.clip.rotations) and not blind.solves
    (sentence,) = blind.warnings
    assert sentence.startswith("There are no pictures") and sentence in caplog.text


def test_frames_between_key_frames_are_interpolated(body):
    _, observations = observe(body)
    few = run(body, observations.frames(torch.tensor([0, 2])), Initialise()).clip
    turn = torch.tensor([0.0, 1.0, 0.0])
    few.rotations[1, 0] = few.rotations[0, 0] @ rotation.exp(turn)
    whole = few.interpolated(torch.tensor([0.0, 4.0]), torch.tensor([0.0, 1.0, 4.0, 5.0]))
    turned = rotation.log(few.rotations[0, 0].T @ whole.rotations[:, 0])
    torch.testing.assert_close(turned, torch.tensor([0, 0.25, 1, 1])[:, None] * turn, rtol=0, atol=1e-5)
    torch.testing.assert_close(whole.transl[1], 0.75 * few.transl[0] + 0.25 * few.transl[1])


def test_a_single_hypothesis_is_asked_for(body):
    _, observations = observe(body)
    both = run(body, observations, Initialise(both_ways=True))
    assert both.hypotheses == 2
    for action in (ConsensusShape("consensus"), MatchSurface()):
        with pytest.raises(BadInputError, match="put ChooseHypothesis before it"):
            run(body, observations, action, state=both)


def test_actions_of_one_name_are_refused():
    with pytest.raises(BadInputError, match="two actions of the schedule twice are called 'initialise'"):
        Schedule("twice", "", (Initialise(), Initialise()))
