"""People who were fitted one by one, and whose poses are refined together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from toy_body import turning_state

from fit_avatar.body import Body, BodyState, load_body, pose_body
from fit_avatar.capture import Camera
from fit_avatar.energies import Term, fit_capsules, people_apart
from fit_avatar.energies.collision import capsule_radii
from fit_avatar.errors import BadInputError
from fit_avatar.fitting.occlusion import find_overlaps, small_mask
from fit_avatar.fitting.reconcile import DEFAULT_RECONCILE, Single, _radii, reconcile
from fit_avatar.solvers import Problem, Unknowns
from fit_avatar.visibility.raster import silhouette
from tests.energies.stick_body import stick_body

CAMERA = Camera(150.0, 150.0, 80.0, 60.0, 160, 120)
FRAMES = 6


@pytest.fixture(scope="module")
def sticks() -> Body:
    return stick_body()


def standing(body: Body, right: float, away: float = 3.0, frames: int = FRAMES) -> BodyState:
    """Return somebody who stands still and faces the camera."""
    state = turning_state(body, frames, bend=0.0)
    upright = torch.tensor([np.pi, 0.0, 0.0]).float().expand(frames, 3)
    return replace(state, global_orient=upright, transl=torch.tensor([right, 0.0, away]).expand(frames, 3).clone())


def depth(body: Body, states: list[BodyState]) -> float:
    """Return how deep anybody is inside anybody else."""
    both = BodyState(*(torch.stack([getattr(s, n) for s in states]) for n in NAMES))
    unknowns = Unknowns.of(body, both)
    objective = Problem([Term(people_apart)]).bind(unknowns)
    x = unknowns.posed_body()
    return 2 * float(objective.evaluate(x, objective.prepared(x))[0].residual.amax())


NAMES = ("betas", "offsets", "global_orient", "body_pose", "transl")


def masks_of(body: Body, states: list[BodyState], front: int) -> list[dict[int, np.ndarray]]:
    """Return what is seen of two people, one of whom is in front."""
    drawn = [[silhouette(v, body.faces, CAMERA).numpy() for v in pose_body(body, s).vertices] for s in states]
    seen = []
    for n, own in enumerate(drawn):
        other = drawn[1 - n]
        seen.append({t: small_mask(m if n == front else m & ~other[t]) for t, m in enumerate(own)})
    return seen


def test_who_is_apart_is_left_alone(sticks: Body) -> None:
    states = [standing(sticks, -0.8), standing(sticks, 0.8)]
    found = reconcile(sticks, [Single(s, np.arange(FRAMES)) for s in states], CAMERA)
    assert found.changed == 0
    assert all(new is old for new, old in zip(found.states, states, strict=True))


def test_people_inside_each_other_are_parted(sticks: Body) -> None:
    states = [standing(sticks, -0.1, 3.05), standing(sticks, 0.1, 2.95)]
    assert depth(sticks, states) > 0.05
    found = reconcile(sticks, [Single(s, np.arange(FRAMES)) for s in states], CAMERA)
    assert found.changed == FRAMES
    assert depth(sticks, list(found.states)) < 0.01
    for new, old in zip(found.states, states, strict=True):  # in the picture hardly anything has moved
        points = [CAMERA.project(pose_body(sticks, state).joints) for state in (new, old)]
        assert float((points[0] - points[1]).norm(dim=-1).mean()) < 2.0
    moved = [float((new.transl - old.transl)[:, 2].mean()) for new, old in zip(found.states, states, strict=True)]
    assert moved[0] > 0 > moved[1] and sum(moved) == pytest.approx(0, abs=0.3 * moved[0])  # each gives way


def test_who_is_seen_in_front_comes_to_the_front(sticks: Body) -> None:
    states = [standing(sticks, -0.05, 3.1), standing(sticks, 0.05, 2.9)]
    for front in (0, 1):
        seen = masks_of(sticks, states, front)
        singles = [Single(s, np.arange(FRAMES), masks=m) for s, m in zip(states, seen, strict=True)]
        found = reconcile(sticks, singles, CAMERA)
        first, second = (float(state.transl[:, 2].mean()) for state in found.states)
        assert (first < second) == (front == 0)


def test_masks_tell_who_is_seen(sticks: Body) -> None:
    states = [standing(sticks, -0.05, 3.1), standing(sticks, 0.05, 2.9)]
    vertices = torch.stack([pose_body(sticks, s).vertices for s in states])
    for front in (0, 1):
        found = find_overlaps(sticks, vertices, CAMERA, masks_of(sticks, states, front))
        told = found.front != 0
        assert told.any() and (found.front[front][told[front]] == 1).all()
        assert (found.front[1 - front][told[1 - front]] == -1).all()
        assert (found.others[0][told[0]] == 1).all() and (found.others[1][told[1]] == 0).all()
    apart = torch.stack([pose_body(sticks, standing(sticks, right)).vertices for right in (-0.8, 0.8)])
    assert not find_overlaps(sticks, apart, CAMERA, masks_of(sticks, states, 0)).front.any()


def test_frames_of_one_alone_stay(sticks: Body) -> None:
    """Who comes later and leaves earlier is refined where both are there."""
    first, second = standing(sticks, -0.1, 3.05, 60), standing(sticks, 0.1, 2.95, 4)
    singles = [Single(first, np.arange(60)), Single(second, np.arange(20, 24))]
    found = reconcile(sticks, singles, CAMERA)
    assert found.changed == 4
    assert torch.equal(found.states[0].transl[45:], first.transl[45:])
    assert float((found.states[0].transl - first.transl)[21:23].norm(dim=-1).min()) > 0.01
    assert len(found.states[1].transl) == 4


def test_a_scale_counts(sticks: Body) -> None:
    """Two who would be inside each other are apart in the scene, where one is smaller and nearer."""
    states = [standing(sticks, -0.1, 3.0), standing(sticks, 0.1, 3.0)]
    found = reconcile(
        sticks, [Single(s, np.arange(FRAMES), c) for s, c in zip(states, (1.0, 0.8), strict=True)], CAMERA
    )
    assert found.changed == 0


def test_bad_input(sticks: Body) -> None:
    state = standing(sticks, 0.0)
    with pytest.raises(BadInputError, match="nobody"):
        reconcile(sticks, [], CAMERA)
    with pytest.raises(BadInputError, match="person 2 has 5 frames and poses of shape"):
        reconcile(sticks, [Single(state, np.arange(FRAMES)), Single(state, np.arange(5))], CAMERA)
    with pytest.raises(BadInputError, match="person 1 do not ascend"):
        reconcile(sticks, [Single(state, np.zeros(FRAMES, np.int64))], CAMERA)


def test_clothes_make_capsules_thicker(sticks: Body) -> None:
    state = standing(sticks, 0.0)
    naked = capsule_radii(sticks, sticks.template, state.betas * 0)
    middle = sticks.template.mean(0)
    wide = capsule_radii(sticks, middle + 1.2 * (sticks.template - middle), state.betas * 0)
    assert naked == pytest.approx(fit_capsules(sticks).radii, rel=0.3)
    assert (wide > naked).all()
    assert (capsule_radii(sticks, sticks.template, state.betas * 0, 0.9) >= naked).all()


def test_hands_that_touch_are_wholly_outside_each_other() -> None:
    """A hand is no capsule: of a torso it is enough to hold the most."""
    body, config = load_body(), DEFAULT_RECONCILE
    betas = torch.zeros(body.shape_basis.shape[-1])
    state = BodyState(betas, torch.zeros_like(body.template), *(torch.zeros(0, 3) for _ in range(3)))
    found = _radii(body, state, config)
    most, hands = (capsule_radii(body, body.template, betas, f) for f in (config.inside, config.hands_inside))
    is_hand = torch.tensor([body.joint_names[j].endswith("wrist") for j in fit_capsules(body).joints])
    assert is_hand.sum() == 2 and (hands[is_hand] > most[is_hand] + 0.002).all()
    assert torch.equal(found, torch.where(is_hand, hands, most))
