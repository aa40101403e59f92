"""Feet that stand while a person turns around."""

import torch

from fit_avatar.fitting import Solve, video_avatar
from fit_avatar.fitting.actions.solve import POSE

EVERY_FRAME = ("pose of every frame", "pose from the pictures")


def last_solves():
    return [solve for solve in video_avatar().solves if type(solve) is Solve and solve.name in EVERY_FRAME]


def term(name):
    return next(term for term in last_solves()[-1].terms if term.name == name)


def test_both_solves_of_every_frame_hold_standing_feet():
    assert [solve.name for solve in last_solves()] == list(EVERY_FRAME)
    assert all(set(solve.free) == {*POSE, "surface_shift"} for solve in last_solves())
    wanted = {"foot_contact", "feet_on_floor", "straight_steps"}
    assert all(wanted <= {term.name for term in solve.terms} for solve in last_solves())


def test_a_foot_that_swings_is_not_held_though_it_seems_to_stand():
    kernel = term("foot_contact").kernel
    slides, swings = kernel.weight(torch.tensor(0.0035**2)), kernel.weight(torch.tensor(0.08**2))
    assert slides > 0.8 and swings < 0.01


def test_a_leg_that_steps_is_pulled_back_with_constant_force():
    kernel = term("pose_deviation").kernel
    force = [float(kernel.weight(torch.tensor(angle**2)) * angle) for angle in (0.03, 0.06, 0.3, 0.6)]
    assert force[0] < force[1]
    torch.testing.assert_close(torch.tensor(force[1:]), torch.tensor(force[1]).expand(3))


def test_feet_that_turn_along_are_not_held_in_place():
    assert term("foot_contact").data["where_stepping"]


def test_legs_that_do_not_step_are_held_on_the_consensus_shape():
    held = [solve.name for solve in video_avatar().solves if "still_legs" in {term.name for term in solve.terms}]
    assert held == [*(f"pose with the consensus shape {i}/3" for i in (1, 2, 3)), *EVERY_FRAME]
