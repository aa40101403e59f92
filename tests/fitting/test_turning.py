"""Telling a turn from other motion."""

from __future__ import annotations

import math

from fit_avatar.fitting import PRESETS, Turning, schedule_from_json, schedule_to_json


def test_a_turn_that_is_none_is_told_with_its_angle() -> None:
    told = Turning(math.radians(20), 0.02, turns=False, keeps_pose=True).sentence
    assert "20°" in told and "motion" in told and "--preset" in told


def test_a_dance_that_turns_is_told_as_such() -> None:
    assert "keep one pose" in Turning(math.radians(300), 0.2, turns=True, keeps_pose=False).sentence


def test_the_schedule_for_any_motion_survives_its_file() -> None:
    schedule = PRESETS["motion"]()
    assert schedule_from_json(schedule_to_json(schedule), "motion") == schedule
