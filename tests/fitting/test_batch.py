"""Clips that are stacked are solved together as each alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toy_body import turning_state

from fit_avatar.body import pose_body
from fit_avatar.body.skinning import pose_points
from fit_avatar.capture import Camera, Capture
from fit_avatar.capture.limb_directions import limb_directions
from fit_avatar.errors import BadInputError
from fit_avatar.fitting import Schedule, Solve, fit, fit_batch, preset, some_frames, stack_captures, video_avatar
from fit_avatar.solvers import GaussNewton, Problem, Unknowns, solve
from fit_avatar.visibility.raster import silhouette

CAMERA = Camera(300.0, 300.0, 100.0, 130.0, 200, 260)
FRAMES = 6
SHORT = Schedule(
    "short",
    "how the method begins where the focal length is known, with few iterations",
    tuple(
        replace(action, optimiser=GaussNewton(4)) if type(action) is Solve else action
        for action in (a for i, a in enumerate(video_avatar("fast").actions[:5]) if i != 1)
    ),
)


def clip(body, depth):
    """Return what an ideal camera sees of a body that turns once, so far behind where it usually is."""
    state = turning_state(body, FRAMES)
    state = replace(state, transl=state.transl + torch.tensor([0.0, 0.0, depth]))
    points = CAMERA.project(pose_points(body, state, body.keypoint_points)).numpy()
    masks = np.stack([silhouette(v, body.faces, CAMERA).numpy() for v in pose_body(body, state).vertices])
    keypoints = np.concatenate([points, np.ones_like(points[..., :1])], -1)
    return Capture(np.arange(FRAMES), keypoints, masks, CAMERA, np.ones(FRAMES, np.float32))


@pytest.fixture(scope="module")
def captures(body):
    return [clip(body, 0.0), clip(body, 0.4)]


def fitted(body, captures, heights, stage):
    start, observed = stack_captures(body, captures, heights)
    return solve(Problem(stage.terms, observed), Unknowns.of(body, start, stage.free), GaussNewton(6)).unknowns


@pytest.mark.parametrize("stage", [0, 1], ids=["from keypoints", "from outlines"])
def test_together_is_as_each_alone(body, captures, stage):
    name = "pose and shape from outlines" if stage else "pose from keypoints"
    stage = video_avatar("fast").action(name)
    stage = stage.without("keypoint_reprojection") if name.endswith("outlines") else stage
    stage = replace(stage, free=tuple(name for name in stage.free if name != "keypoint_bias"))
    stage = replace(stage, terms=tuple(t for t in stage.terms if t.name != "keypoint_bias_prior"))
    heights = [1.6, 1.7]
    together = fitted(body, captures, heights, stage)
    assert together.batch == (2,)
    tall = together.posed_body().vertices
    for c, (seen, height) in enumerate(zip(captures, heights, strict=True)):
        alone = fitted(body, [seen], [height], stage)
        assert (alone.posed_body().vertices[0] - tall[c]).norm(dim=-1).max() < 2e-3
    assert not torch.allclose(together.values["betas"][0], together.values["betas"][1])


def test_every_observation_has_one_row_for_each_clip(body, captures):
    _, observed = stack_captures(body, captures, 1.7)
    for name in ("keypoints", "soft_mask"):
        assert len(observed[name]) == 2
    assert len(observed["distance_field"].values) == len(observed["beyond_mask"].values) == 2
    torch.testing.assert_close(observed["keypoints"][1], torch.from_numpy(captures[1].keypoints))
    assert observed["contours"].points.shape[:2] == observed["contours"].weights.shape[:2] == (2, FRAMES)
    torch.testing.assert_close(observed["height_m"], torch.full((2, 1), 1.7))
    assert observed["camera"] == CAMERA
    assert "height_m" not in stack_captures(body, captures)[1]
    faces = [np.full((FRAMES, 468, 3), k, np.float32) for k in (1, 2)]
    seen = [replace(one, point_sets={"face_468": face}) for one, face in zip(captures, faces, strict=True)]
    _, observed = stack_captures(body, seen)
    torch.testing.assert_close(observed["face_468"], torch.from_numpy(np.stack(faces)))
    assert "face_468" not in stack_captures(body, [seen[0], captures[1]])[1]


def test_some_frames_are_cut_out(captures):
    part = some_frames(replace(captures[0], hands=np.zeros((FRAMES, 2, 21, 3), np.float32)), slice(2, 5))
    assert part.frame_indices.tolist() == [2, 3, 4]
    assert len(part.masks) == len(part.keypoints) == len(part.hands) == len(part.frame_weights) == 3
    assert part.face is None
    world = np.random.default_rng(0).random((FRAMES, 33, 4)).astype(np.float32)
    more = replace(captures[0], point_sets={"body_33_world": world}, limb_directions=limb_directions(world))
    part = some_frames(more, slice(2, 5))
    assert (part.point_sets["body_33_world"] == world[2:5]).all()
    assert (part.limb_directions.directions == limb_directions(world[2:5]).directions).all()
    assert len(part.limb_directions.sigma_rad) == 3


def test_what_cannot_be_stacked_is_told(body, captures):
    one, other = captures

    def complaint(captures, height_m=None):
        with pytest.raises(BadInputError) as caught:
            stack_captures(body, captures, height_m)
        return str(caught.value)

    assert complaint([]) == "there are no clips to stack: give one capture or more"
    short = complaint([one, some_frames(other, slice(4))])
    assert short.endswith("be of equal length, but they have 6, 4 frames: cut them with some_frames")
    assert "of one camera" in complaint([one, replace(other, camera=replace(CAMERA, fx=400.0))])
    assert "sampled alike" in complaint([one, replace(other, frame_indices=np.array([0, 1, 2, 5, 6, 7]))])
    assert complaint([one, other], [1.7]).startswith("there are 2 clips but 1 heights")


def vertices(body, state):
    return pose_body(body, state.body_state(body)).vertices


def test_a_schedule_is_run_together_as_on_each_alone(body, captures):
    captures, heights = [*captures, some_frames(captures[0], slice(FRAMES - 1))], [1.6, 1.7, 1.6]
    together = fit_batch(body, captures, height_m=heights, schedule=SHORT)
    for seen, height, found in zip(captures, heights, together, strict=True):
        alone = fit(body, seen, height_m=height, schedule=SHORT)
        torch.testing.assert_close(vertices(body, found), vertices(body, alone), rtol=0, atol=1e-3)
        assert [name for name, _ in found.solves] == [name for name, _ in alone.solves]


def test_the_usual_preset_takes_several_clips(body, captures):
    """``motion``, whose terms on standing feet see the clips' own heights."""
    whole = preset("motion", "fast")
    quick = [replace(a, optimiser=GaussNewton(2)) if type(a) is Solve else a for a in whole.actions[:3]]
    short = replace(whole, actions=tuple(quick))
    assert "foot_contact" in [term.name for term in quick[2].terms]
    first, second = fit_batch(body, captures, schedule=short)
    assert first.clip.transl.shape == second.clip.transl.shape == (FRAMES, 3)
    assert not torch.equal(first.clip.transl, second.clip.transl)


def test_clips_that_are_alike_are_one_problem(body, captures):
    told = []
    alike = [
        *captures[:2],
        replace(captures[1], camera=replace(captures[1].camera, fx=301.0)),
        some_frames(captures[0], slice(FRAMES - 1)),
    ]
    first, second, other, short = fit_batch(body, alike, schedule=SHORT, progress=lambda *step: told.append(step))
    summaries = [dict(state.solves)["pose from keypoints"] for state in (first, second, other, short)]
    assert summaries[0] is summaries[1]
    assert len(set(map(id, summaries))) == 3
    assert [step[1:] for step in told if step[0] == "pose from keypoints"] == [(2, 4), (3, 4), (4, 4)]
    assert not torch.equal(first.clip.betas, second.clip.betas)
    assert np.isfinite([summary.energy_after for summary in summaries]).all()


def test_what_cannot_be_fitted_is_told(body, captures):
    with pytest.raises(BadInputError, match="there are no clips to fit"):
        fit_batch(body, [])
    with pytest.raises(BadInputError, match="there are 2 clips but 1 heights: give one for each"):
        fit_batch(body, captures, height_m=[1.7])
