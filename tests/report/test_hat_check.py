"""Hats, caps and hair over the head are named in a warning, a bare head in none."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from drawn_person import drawn_person
from synthetic import CAMERA, turning_person

from fit_avatar.body import load_body
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.skinning import shaped
from fit_avatar.capture import Capture
from fit_avatar.report import hat_warnings
from fit_avatar.report.hat_check import crown_lift

FRAMES = 8
BODY = load_body()
STATE = turning_person(BODY, FRAMES).state
NORMALS = vertex_normals(shaped(BODY, STATE.betas).double().numpy(), BODY.faces.numpy())


def seen(brim_px: int = 0, ears_hidden: bool | None = None) -> Capture:
    """Return a capture of a drawn person."""
    drawn = drawn_person(FRAMES, brim_px=brim_px)
    capture = Capture(np.arange(FRAMES), *drawn, CAMERA, np.ones(FRAMES, np.float32))
    return replace(capture, ears_hidden=ears_hidden)


def wearing(lift_m: float):
    """Return the state with a head that is so much larger all around, and nothing on the body."""
    head = BODY.lbs_weights[:, BODY.joint_names.index("head")].double().numpy()
    return replace(STATE, offsets=torch.from_numpy(lift_m * head[:, None] * NORMALS).to(STATE.betas))


@pytest.mark.parametrize(("brim_px", "warnings"), [(0, 0), (12, 1)])
def test_a_hat_is_named(brim_px, warnings):
    told = hat_warnings(BODY, wearing(0), seen(brim_px))
    assert len(told) == warnings and all("wears a hat" in one for one in told)


@pytest.mark.parametrize(("lift_m", "warnings"), [(0.01, 0), (0.03, 1)])
def test_a_cap_without_a_brim_is_named(lift_m, warnings):
    told = hat_warnings(BODY, wearing(lift_m), seen())
    assert len(told) == warnings and all(f"{1000 * lift_m:.0f} mm" in one for one in told)


def test_the_lift_is_that_of_the_crown_alone():
    assert crown_lift(BODY, wearing(0.03)) == pytest.approx(0.03, abs=1e-4)
    low = BODY.template[:, 1] < BODY.joint_template[BODY.joint_names.index("head"), 1]
    state = wearing(0.03)
    below = replace(state, offsets=torch.where(low[:, None], 0.5, state.offsets))
    assert crown_lift(BODY, below) == crown_lift(BODY, state)


@pytest.mark.parametrize(("ears_hidden", "warnings"), [(None, 0), (False, 0), (True, 1)])
def test_hair_over_both_ears_is_named(ears_hidden, warnings):
    told = hat_warnings(BODY, wearing(0), seen(ears_hidden=ears_hidden))
    assert len(told) == warnings and all(one.startswith("Hair hides") for one in told)


def test_a_hat_over_the_ears_is_named_once():
    (told,) = hat_warnings(BODY, wearing(0.03), seen(12, ears_hidden=True))
    assert "wears a hat" in told


def test_a_body_without_a_head_by_that_name_has_no_crown():
    names = tuple("skull" if name == "head" else name for name in BODY.joint_names)
    assert crown_lift(replace(BODY, joint_names=names), wearing(0.03)) == 0.0
