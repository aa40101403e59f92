"""Whether feet turn along with a person, as on a turntable, or stand and step."""

import math

import pytest
import torch
from stick_body import stick_body

from fit_avatar import energies as e
from fit_avatar.body import rotation
from fit_avatar.body.state import BodyState
from fit_avatar.energies.turning_along import ALONG, STEPS, departure, steps_of
from fit_avatar.solvers.unknowns import Unknown, Unknowns

FRAMES = 40
FEET = torch.tensor([[0.2, 0.9, 0.1], [-0.2, 0.9, 0.05]])
"""Below the pelvis, in the camera's axes."""


def turns(angles):
    """Return rotations about the vertical of a person who stands upright before the camera. [T] → [T, 3, 3]"""
    return rotation.exp(angles[:, None] * torch.tensor([0.0, 1.0, 0.0])) @ rotation.exp(torch.tensor([math.pi, 0, 0]))


def turning_feet(angles, along=1.0, pelvis=None):
    """Return root, pelvis and feet; feet turn by ``along`` of the pelvis's angle."""
    pelvis = torch.tensor([0.0, 0.0, 3.0]).expand(len(angles), 3) if pelvis is None else pelvis
    feet = FEET @ rotation.exp(along * angles[:, None] * torch.tensor([0.0, 1.0, 0.0])).transpose(-1, -2)
    return turns(angles), pelvis, pelvis[:, None] + feet


@pytest.fixture(scope="module")
def turn():
    return torch.linspace(0.0, 2 * math.pi, FRAMES)


def turntable(angles):
    """Return a posed body of sticks that turns as one piece."""
    frames = len(angles)
    body = stick_body()
    state = BodyState(
        betas=torch.zeros(body.num_betas),
        offsets=torch.zeros_like(body.template),
        global_orient=rotation.log(turns(angles)),
        body_pose=torch.zeros(frames, len(body.parents) - 1, 3),
        transl=torch.tensor([0.0, 0.0, 3.0]).repeat(frames, 1),
    )
    straight = torch.eye(3).repeat(len(body.parents) - 1, 1, 1)[None]
    return Unknowns.of(body, state, mean_pose=Unknown(straight, shared=True, rotation=True)).posed_body()


def test_feet_on_a_turntable_do_not_depart_and_feet_that_stand_do(turn):
    assert departure(*turning_feet(turn)).max() < 1e-3
    torch.testing.assert_close(departure(*turning_feet(turn, along=0.0)), torch.ones(FRAMES))
    assert departure(*turning_feet(-turn)).max() < 1e-3


def test_neither_steps_of_the_platform_nor_the_viewing_ray_count(turn):
    shaken = torch.tensor([0.0, 0.0, 3.0]) + 0.05 * torch.randn(FRAMES, 3, generator=torch.Generator().manual_seed(0))
    root, pelvis, feet = turning_feet(turn, pelvis=shaken)
    nearer = 0.02 * torch.randn(FRAMES, 2, generator=torch.Generator().manual_seed(1))
    feet[..., 2] += nearer
    assert departure(root, pelvis, feet).max() < ALONG


def test_who_does_not_turn_does_not_turn_along():
    still = torch.zeros(FRAMES)
    torch.testing.assert_close(departure(*turning_feet(still)), torch.ones(FRAMES))


def test_a_person_may_step_in_a_part_of_the_clip(turn):
    half = FRAMES // 2
    root, pelvis, feet = turning_feet(turn)
    feet[half:] = feet[half]
    found = departure(root, pelvis, feet)
    assert found[: half - 9].max() < ALONG and found[half + 3 :].min() > STEPS
    assert (found.diff() > -1e-5).all()


def test_few_frames_of_a_turn_do_not_tell():
    few = torch.linspace(0.0, 2 * math.pi, 18)
    assert torch.equal(departure(*turning_feet(few)), torch.ones(18))


def test_clips_of_a_batch_are_told_apart(turn):
    clips = [turning_feet(turn), turning_feet(turn, along=0.0)]
    found = departure(*(torch.stack(each) for each in zip(*clips, strict=True)))
    torch.testing.assert_close(found, torch.stack([departure(*clip) for clip in clips]))


def test_a_body_that_turns_as_one_piece_takes_no_steps(turn):
    assert not steps_of(turntable(turn)).any()
    assert torch.equal(steps_of(turntable(turn[:1])), torch.ones(1))


def test_feet_that_turn_along_stand_nowhere_however_slowly(turn):
    x = turntable(turn)
    contact, slow = torch.full((FRAMES - 1, 6), 0.8), torch.full((FRAMES - 1,), 10.0)
    made = e.feet_on_floor.prepare(x, contact, slow)
    assert not e.feet_on_floor(x, **made)[1].any()
    made = e.straight_steps.prepare(x, contact, slow)
    assert not e.straight_steps(x, **made, frame_intervals_s=slow)[1].any()
    found = {}
    for where_stepping in (False, True):
        made = e.foot_contact.prepare(x, where_stepping)
        found[where_stepping] = e.foot_contact(x, contact, slow, **made)[1]
    assert torch.equal(found[False], contact) and not found[True].any()


def test_legs_are_still_where_feet_turn_along(turn):
    x = turntable(turn)
    made = e.still_legs.prepare(x)
    deviation, confidence = e.still_legs(x, **made)
    torch.testing.assert_close(deviation, e.pose_deviation(x))
    held = {name for name, own in zip(x.body.joint_names[1:], confidence[0, :, 0], strict=True) if own}
    assert held == {f"{side}_{name}" for side in ("left", "right") for name in ("hip", "knee", "ankle", "foot")}
    assert set(confidence.unique().tolist()) == {0.0, 1.0}
    assert not e.still_legs(x, **e.still_legs.prepare(turntable(torch.zeros(FRAMES))))[1].any()
