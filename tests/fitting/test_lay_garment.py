"""A skirt is found where the masks close the gap between the legs, and only there."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from synthetic import CAMERA, turning_person

from fit_avatar.body import BodyState, load_body, pose_body, rotation
from fit_avatar.body.garment import Garment, dressed, is_garment
from fit_avatar.body.model import Body
from fit_avatar.body.skinning import local_rotations
from fit_avatar.capture import Capture
from fit_avatar.errors import BadInputError
from fit_avatar.fitting import ConsensusShape, Context, FitState, LayGarment, Observations, preset
from fit_avatar.fitting.between_legs import LEVELS, BetweenLegs, beside_cloth, look_between_legs
from fit_avatar.fitting.tracking_terms import tracking_terms
from fit_avatar.solvers import GaussNewton
from fit_avatar.visibility.raster import silhouette


def seen_as(body: Body, state: BodyState, worn: Body) -> tuple[FitState, Context]:
    """Return the true poses of a body as a fit, and the masks of the body with what it wears."""
    offsets = torch.zeros_like(worn.template)
    posed = pose_body(worn, replace(state, offsets=offsets))
    masks = np.stack([silhouette(v, worn.faces, CAMERA).numpy() for v in posed.vertices])
    count = len(masks)
    keypoints = CAMERA.project(torch.einsum("kv,tvc->tkc", worn.keypoint_regressor, posed.vertices)).numpy()
    keypoints = np.concatenate([keypoints, np.ones((count, 25, 1))], -1).astype(np.float32)
    capture = Capture(np.arange(count), keypoints, masks, CAMERA, np.ones(count, np.float32), 30.0)
    seen = Observations.of(capture, torch.device("cpu"))
    start = FitState.upright(body, count)
    clip = replace(start.clip, rotations=local_rotations(state), transl=state.transl, betas=state.betas)
    return replace(start, clip=clip), Context(body, lambda: seen)


@pytest.fixture(scope="module")
def body() -> Body:
    """The default body: one with legs."""
    return load_body(3)


@pytest.fixture(scope="module")
def person(body: Body) -> BodyState:
    return turning_person(body, 16, first_yaw=0.0).state


@pytest.fixture(scope="module")
def in_a_skirt(body: Body, person: BodyState) -> tuple[FitState, Context]:
    return seen_as(body, person, dressed(body, Garment(0.9, tuple(person.betas.tolist()))))


@pytest.fixture(scope="module")
def in_trousers(body: Body, person: BodyState) -> tuple[FitState, Context]:
    return seen_as(body, person, body)


@pytest.mark.parametrize("hem", [0.7, 1.3, 1.9])
def test_the_hem_is_found(body, person, hem):
    """Where cloth hangs, which is nearer to the camera than the legs: at their axes it would seem 0.05 to 0.1 lower."""
    state, context = seen_as(body, person, dressed(body, Garment(hem, tuple(person.betas.tolist()))))
    found = LayGarment().run(state, context).garment
    assert found is not None
    assert found.hem == pytest.approx(hem, abs=0.03)


def test_legs_alone_are_no_skirt(in_trousers):
    state, context = in_trousers
    assert LayGarment().run(state, context) is state


def test_legs_that_stand_together_tell_nothing(body, person):
    pose = person.body_pose.clone()
    for side, sign in (("left", -1), ("right", 1)):
        pose[:, body.joint_names.index(f"{side}_hip") - 1, 2] += sign * 0.2
    closed = replace(person, body_pose=pose)
    state, context = seen_as(body, closed, body)
    found = look_between_legs(body, state.body_state(body), context.observations)
    assert not found.is_skirt


@pytest.mark.parametrize(("opens_at", "skirt"), [(0.35, False), (0.58, False), (0.8, True), (1.9, True)])
def test_the_low_crotch_of_loose_trousers_is_no_hem(opens_at, skirt):
    closed = np.where(opens_at > LEVELS, 0.8, 0.1)
    closed[LEVELS < 0.3] = np.nan
    assert BetweenLegs(closed, 14).is_skirt is skirt


def test_outlines_of_the_cloth_are_left_out_and_those_of_arms_kept(body, person, in_a_skirt):
    seen = in_a_skirt[1].observations
    cut = beside_cloth(body, person, seen, 0.9).contours
    left_out = (cut.weights == 0) & (seen.contours.weights > 0)
    joints = CAMERA.project(pose_body(body, person).joints)
    rows, names = seen.contours.points[..., 1], body.joint_names.index
    assert left_out.float().mean() > 0.05
    assert (rows[left_out] > joints[:, names("spine2"), 1].min()).all()
    assert (rows[left_out] < joints[:, names("left_ankle"), 1].min()).all()
    hand = joints[0, names("left_hand")]
    near = (seen.contours.points[0] - hand).norm(dim=-1) < 0.15 * (joints[0, 0] - joints[0, names("head")]).norm()
    assert near.any()
    assert not left_out[0][near].any()


def test_legs_that_the_cloth_has_pulled_apart_go_back(body, person):
    worn = dressed(body, Garment(1.5, tuple(person.betas.tolist())))
    state, context = seen_as(body, person, worn)
    apart = state.clip.rotations.clone()
    for side, sign in (("left", 1.0), ("right", -1.0)):
        index = body.joint_names.index(f"{side}_hip")
        apart[:, index] = apart[:, index] @ rotation.exp(torch.tensor([0.0, 0.0, 0.12 * sign]))
    state = replace(state, clip=replace(state.clip, rotations=apart))
    terms = tracking_terms(keypoint_sigma_m=0.02, outline_sigma_m=0.008)
    after = LayGarment(terms=terms, optimiser=GaussNewton(5)).run(state, context)
    assert after.garment is not None

    def between_knees(shown: BodyState) -> torch.Tensor:
        """Return how far the knees are apart, of the width of the hips. [T]"""
        joints = pose_body(body, shown).joints
        hips, knees = (
            [joints[:, body.joint_names.index(f"{side}_{name}")] for side in ("left", "right")]
            for name in ("hip", "knee")
        )
        return (knees[0] - knees[1]).norm(dim=-1) / (hips[0] - hips[1]).norm(dim=-1)

    true = between_knees(person)
    before, now = (between_knees(replace(s.clip, offsets=None).body_state(body)) - true for s in (state, after))
    assert before.mean() > 0.3
    assert now.abs().mean() < 0.4 * before.mean()
    assert after.clip.betas is not state.clip.betas


def test_a_skirt_can_be_refused_or_asked_for(in_a_skirt, in_trousers):
    state, context = in_a_skirt
    assert LayGarment(garment="none").run(state, context).garment is None
    state, context = in_trousers
    assert LayGarment(garment="skirt").run(state, context).garment is not None
    with pytest.raises(BadInputError, match="kilt"):
        LayGarment(garment="kilt").run(state, context)


def test_the_actions_that_follow_fit_the_dressed_body(in_a_skirt):
    """The cloth follows outlines that are wider than it was laid, and skin stays below it."""
    state, context = in_a_skirt
    plan = preset("video-avatar")
    plan = replace(plan, actions=(LayGarment(), ConsensusShape("consensus shape")))
    after = plan.run(state, context)
    worn = after.worn(context.body)
    assert after.clip.offsets.shape == worn.template.shape
    own = torch.from_numpy(is_garment(worn))
    assert after.clip.offsets[own].norm(dim=1).mean() < 0.02
    assert after.body_state(worn).offsets.shape == worn.template.shape


def test_offsets_that_were_there_are_kept(in_a_skirt):
    state, context = in_a_skirt
    thick = replace(state, clip=replace(state.clip, offsets=torch.full_like(context.body.template, 0.01)))
    after = LayGarment().run(thick, context)
    count = len(context.body.template)
    assert torch.equal(after.clip.offsets[:count], thick.clip.offsets)
    assert len(after.clip.offsets) == len(after.worn(context.body).template)


def test_a_schedule_takes_the_decision():
    turn, motion = preset("video-avatar"), preset("motion")
    assert turn.with_garment("auto").actions == turn.actions
    decided = turn.with_garment("none")
    assert decided.action("look for a skirt").garment == "none"
    assert decided.with_garment("auto") is decided  # what a file of one's own says stays
    assert decided.with_garment("skirt").action("look for a skirt").garment == "skirt"
    assert motion.with_garment("none") is motion
    with pytest.raises(BadInputError, match="no kind of garment 'kilt': choose one of auto, skirt, none"):
        motion.with_garment("kilt")
    names = [action.name for action in motion.with_garment("skirt").actions]
    assert names.index("look for a skirt") == names.index("consensus shape 1/2") - 1
    with pytest.raises(BadInputError, match=r"^garment skirt needs a method that fits clothes, which smplify is not"):
        preset("smplify").with_garment("skirt")
