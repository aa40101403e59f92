"""Variants of the schedule: each leaves out what it says, and is a schedule that can run."""

import pytest

from fit_avatar.fitting import ConsensusShape, Schedule, Solve, video_avatar
from lib.variants import GROUPS, HELD_BY, VARIANTS, frozen

BASE = video_avatar()
TERMS = sorted({term.name for solve in BASE.solves for term in solve.terms})


def names(solve):
    return {term.name for term in solve.terms}


def weights_of(plan, term):
    return [solve.term(term).weight for solve in plan.solves if term in names(solve)]


@pytest.mark.parametrize("term", TERMS)
def test_a_term_is_left_out_of_every_solve_and_nothing_else_changes(term):
    plan = VARIANTS[f"without-{term}"](BASE)
    for before, after in zip(BASE.actions, plan.actions, strict=True):
        if not isinstance(before, Solve):
            assert after == before
            continue
        assert names(after) == names(before) - {term}
        held = {HELD_BY[term]} if term in HELD_BY and term in names(before) else set()
        assert set(after.free) == set(before.free) - held


def test_every_variant_is_a_schedule_that_differs_from_the_base():
    for name, change in VARIANTS.items():
        plan = change(BASE)
        assert isinstance(plan, Schedule)
        assert (plan.actions == BASE.actions) == (name in ("base", "true-joints")), name


def test_smoothness_of_every_consensus_shape_goes_with_the_fourth_power_of_its_distance():
    usual, smoother, rougher = (
        weights_of(VARIANTS[name](BASE), "laplacian") for name in ("base", "smoother", "rougher")
    )
    assert usual
    assert smoother == pytest.approx([weight * (20 / 12) ** 4 for weight in usual])
    assert rougher == pytest.approx([weight * (8 / 12) ** 4 for weight in usual])


def test_without_pictures_nothing_needs_them():
    plan = VARIANTS["without-pictures"](BASE)
    assert [action.name for action in BASE.actions if action not in plan.actions] == [
        "match the surface in the pictures", "pose from the pictures",
    ]  # fmt: skip


@pytest.mark.parametrize(("variant", "count"), [("body-only", 0), ("one-consensus", 1)])
def test_a_schedule_that_stops_early(variant, count):
    plan = VARIANTS[variant](BASE)
    assert plan.actions == BASE.actions[: len(plan.actions)]
    assert [isinstance(action, ConsensusShape) for action in plan.actions].count(True) == count
    assert isinstance(BASE.actions[len(plan.actions)], ConsensusShape) == (count == 0)
    assert isinstance(plan.actions[-1], ConsensusShape) == (count == 1)


def test_late_keypoints_are_those_of_poses_with_the_consensus_shape():
    plan = VARIANTS["no-late-keypoints"](BASE)
    less = [a.name for a, b in zip(plan.solves, BASE.solves, strict=True) if a != b]
    assert less == [f"pose with the consensus shape {i}/3" for i in (1, 2, 3)]


def test_every_frame_is_fitted_from_the_start():
    assert VARIANTS["every-frame"](BASE).action("initialise").key_frames is None
    assert BASE.action("initialise").key_frames is not None


def test_frozen_betas_are_free_nowhere():
    assert all("betas" not in solve.free for solve in frozen("betas")(BASE).solves)
    assert "betas" in BASE.solves[0].free


def test_the_group_of_terms_has_all_of_them():
    assert {f"without-{term}" for term in TERMS} < set(GROUPS["terms"])
