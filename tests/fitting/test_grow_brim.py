"""The brim of a hat is found where outlines show it, and only there."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from synthetic import turning_person

from fit_avatar.body import load_body, pose_body
from fit_avatar.body.brim import BrimEdge, grown_brim, head_skin
from fit_avatar.body.skinning import local_rotations
from fit_avatar.capture import Camera, Capture
from fit_avatar.fitting import Context, FitState, GrowBrim, Observations
from fit_avatar.fitting.brim_edge import find_brim
from fit_avatar.visibility.raster import silhouette

CAMERA = Camera(1200.0, 1200.0, 300.0, 480.0, 600, 960)
FRAMES, RADIUS_M, HEIGHT_M = 16, 0.16, 0.09
BODY = load_body(3)
PERSON = turning_person(BODY, FRAMES, first_yaw=0.0).state
JOINT = (BODY.joint_template + BODY.joint_basis @ PERSON.betas)[BODY.joint_names.index("head")].double().numpy()


def edge(visor: bool = False) -> BrimEdge:
    """Return an oval, longer in front, or one in front alone."""
    angle = np.linspace(-np.pi, np.pi, 90, endpoint=False)
    radius = np.where(np.abs(angle) < 0.6, 0.18, 0.0) if visor else RADIUS_M + 0.02 * np.cos(angle)
    return BrimEdge(np.stack([radius * np.sin(angle), HEIGHT_M - 0.01 * np.cos(angle), radius * np.cos(angle)], 1))


def seen_with(offsets: np.ndarray) -> tuple[FitState, Context]:
    """Return the true poses of a bare-headed body as a fit, and what shows the body with further offsets."""
    wears = replace(PERSON, offsets=PERSON.offsets + torch.from_numpy(offsets).float())
    vertices = pose_body(BODY, wears).vertices
    masks = np.stack([silhouette(v, BODY.faces, CAMERA).numpy() for v in vertices])
    keypoints = CAMERA.project(torch.einsum("kv,tvc->tkc", BODY.keypoint_regressor, vertices)).numpy()
    keypoints = np.concatenate([keypoints, np.ones((FRAMES, 25, 1))], -1).astype(np.float32)
    capture = Capture(np.arange(FRAMES), keypoints, masks, CAMERA, np.ones(FRAMES, np.float32), 30.0)
    seen = Observations.of(capture, torch.device("cpu"))
    start = FitState.upright(BODY, FRAMES)
    clip = replace(
        start.clip, rotations=local_rotations(PERSON), transl=PERSON.transl, betas=PERSON.betas, offsets=PERSON.offsets
    )
    return replace(start, clip=clip), Context(BODY, lambda: seen)


@pytest.fixture(scope="module")
def with_hat() -> tuple[FitState, Context]:
    return seen_with(grown_brim(BODY, PERSON, edge()))


def test_the_edge_is_where_outlines_show_it(with_hat):
    state, context = with_hat
    found = find_brim(BODY, state.body_state(BODY), context.observations)
    angles = np.radians([-150.0, -90, -30, 0, 60, 120, 180])
    (far, height), (true_far, true_height) = (e.at(angles, np.zeros(2)) for e in (found, edge()))
    assert far == pytest.approx(true_far, abs=0.006) and height == pytest.approx(true_height, abs=0.006)


def test_a_head_grows_the_brim(with_hat):
    state, context = with_hat
    after = GrowBrim().run(state, context)
    masks = context.observations.masks

    def missed(clip) -> int:
        drawn = [silhouette(v, BODY.faces, CAMERA).numpy() for v in pose_body(BODY, clip.body_state(BODY)).vertices]
        return sum(int((a != b).sum()) for a, b in zip(drawn, masks, strict=True))

    assert missed(after.clip) < 0.25 * missed(state.clip)
    moved = (after.clip.offsets - state.clip.offsets).any(1).numpy()
    assert set(np.flatnonzero(moved)) <= set(np.flatnonzero(head_skin(BODY)))
    for name in ("rotations", "transl", "betas"):
        assert torch.equal(getattr(after.clip, name), getattr(state.clip, name))


def test_a_head_that_is_some_degrees_off_in_single_frames_grows_it_too(with_hat):
    state, context = with_hat
    tipped = local_rotations(PERSON).clone()
    head = BODY.joint_names.index("head")
    for t in (3, 9):
        angle = torch.tensor(0.35)
        turn = torch.tensor([[1, 0, 0], [0, angle.cos(), -angle.sin()], [0, angle.sin(), angle.cos()]])
        tipped[t, head] = tipped[t, head] @ turn
    off = replace(state, clip=replace(state.clip, rotations=tipped))
    found = find_brim(BODY, off.body_state(BODY), context.observations)
    angles = np.radians([-120.0, 0, 120])
    assert found.at(angles, np.zeros(2))[0] == pytest.approx(edge().at(angles, np.zeros(2))[0], abs=0.012)


def test_a_bare_head_stays_the_same():
    state, context = seen_with(np.zeros(BODY.template.shape))
    assert GrowBrim().run(state, context) is state


def test_from_in_front_alone_no_edge_is_known(with_hat):
    state, context = with_hat
    front = local_rotations(replace(PERSON, global_orient=PERSON.global_orient[:1].expand(FRAMES, -1)))
    few = replace(state, clip=replace(state.clip, rotations=front))
    assert find_brim(BODY, few.body_state(BODY), context.observations) is None
    assert GrowBrim().run(few, context) is few


def test_before_a_shape_nothing_grows(with_hat):
    state, context = with_hat
    bare = replace(state, clip=replace(state.clip, offsets=None))
    assert GrowBrim().run(bare, context) is bare
