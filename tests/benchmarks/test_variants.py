"""Variants of the schedule: each leaves out what it says, and is a schedule that can run."""

import pytest

from fit_avatar.fitting import ConsensusStage, Preset, Stage, preset
from lib.variants import GROUPS, HELD_BY, VARIANTS, frozen

TERMS = sorted({term.name for stage in preset("video-avatar").solves for term in stage.terms})


def names(stage):
    return {term.name for term in stage.terms}


@pytest.mark.parametrize("term", TERMS)
def test_a_term_is_left_out_of_every_stage_and_nothing_else_changes(term):
    whole = preset("video-avatar")
    plan = VARIANTS[f"without-{term}"](whole)
    for before, after in zip(whole.stages, plan.stages, strict=True):
        if isinstance(before, ConsensusStage):
            assert after == before
            continue
        assert names(after) == names(before) - {term}
        held = {HELD_BY[term]} if term in HELD_BY and term in names(before) else set()
        assert set(after.free) == set(before.free) - held


def test_every_variant_is_a_preset_that_differs_from_the_base():
    base = preset("video-avatar")
    for name, change in VARIANTS.items():
        plan = change(preset("video-avatar"))
        assert isinstance(plan, Preset)
        same = (plan.stages, plan.key_frames) == (base.stages, base.key_frames)
        assert same == (name in ("base", "true-joints")), name


def test_symmetry_is_off_in_every_consensus():
    plan = preset("video-avatar")
    without = VARIANTS["without-symmetry"]
    usual, off = ([s.symmetry for s in p.stages if isinstance(s, ConsensusStage)] for p in (plan, without(plan)))
    assert all(usual) and off == [0.0] * len(usual)


def test_frozen_betas_are_free_nowhere():
    plan = frozen("betas")(preset("video-avatar"))
    assert all("betas" not in stage.free for stage in plan.stages if isinstance(stage, Stage))
    assert "betas" in preset("video-avatar").solves[0].free


def test_the_group_of_terms_has_all_of_them():
    assert {f"without-{term}" for term in TERMS} < set(GROUPS["terms"])
