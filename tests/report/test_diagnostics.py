"""Diagnostics of a fit: sides that no frame shows, and a body that does not match."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from fit_avatar.body import BodyState, rotation
from fit_avatar.capture import Camera, Capture, CutOff
from fit_avatar.errors import NoPersonError
from fit_avatar.report.diagnostics import diagnose, turn_warnings, view_angles
from fit_avatar.report.metrics import Agreement


def spread(first_deg, last_deg, count=24):
    return torch.deg2rad(torch.linspace(first_deg, last_deg, count))


def wrapped(angles):
    return torch.atan2(angles.sin(), angles.cos())


@pytest.mark.parametrize("first_deg", [0.0, 100.0, -170.0])
def test_a_full_turn_shows_everything(first_deg):
    assert turn_warnings(wrapped(spread(first_deg, first_deg + 345))) == ()
    assert turn_warnings(wrapped(spread(first_deg, first_deg - 345))) == ()
    assert turn_warnings(wrapped(spread(first_deg, first_deg + 3 * 345))) == ()


def test_sides_that_are_missing_are_named():
    assert "the person's back:" in turn_warnings(spread(-90, 90))[0]
    assert "the person's front:" in turn_warnings(wrapped(spread(90, 270)))[0]
    assert "the person's right side:" in turn_warnings(wrapped(spread(0, 180)))[0]
    assert "left side and back:" in turn_warnings(spread(-110, 0))[0]


def test_a_missing_turn_is_a_warning():
    for middle in (0, 90, 180):
        (said,) = turn_warnings(wrapped(spread(middle - 12, middle + 12)))
        assert said.startswith("The person hardly turns (24° are seen)") and said.endswith("film one full turn.")


def test_a_clip_of_any_motion_is_not_told_to_be_a_turn():
    for angles in (spread(-12, 12), spread(-90, 90)):
        (said,) = turn_warnings(angles, any_motion=True)
        assert said.endswith("take the looks from a clip of one full turn (--avatar).")


def facing(body, yaws_deg):
    """Return the toy body 3 m before the camera, upright, turned by these angles."""
    yaws = torch.deg2rad(torch.tensor(yaws_deg, dtype=torch.float32))
    zero = torch.zeros_like(yaws)
    upright = rotation.exp(torch.tensor([math.pi, 0.0, 0.0]))
    orient = rotation.log(upright @ rotation.exp(torch.stack([zero, yaws, zero], -1)))
    count, joints = len(yaws), len(body.joint_names)
    return BodyState(
        torch.zeros(body.num_betas),
        torch.zeros_like(body.template),
        orient,
        torch.zeros(count, joints - 1, 3),
        torch.tensor([0.0, 0.0, 3.0]).expand(count, 3),
    )


def test_directions_follow_the_body(body):
    seen = view_angles(body, facing(body, [0.0, 90.0, 180.0, -90.0]))
    # turned to its left by 90°, a person shows the right side
    expected = torch.deg2rad(torch.tensor([0.0, -90.0, 180.0, 90.0]))
    assert torch.allclose(torch.cos(seen - expected), torch.ones(4), atol=1e-3)


def observed(frames):
    """Return observations of a person 100 pixels high."""
    masks = np.zeros((frames, 120, 80), bool)
    masks[:, 10:110, 30:50] = True
    camera = Camera(100.0, 100.0, 40.0, 60.0, 80, 120)
    return Capture(np.arange(frames), np.zeros((frames, 25, 3), np.float32), masks, camera, np.ones(frames, np.float32))


def test_poor_agreement_is_a_warning_and_a_failed_fit_an_error(body):
    state, seen = facing(body, np.linspace(0, 345, 24).tolist()), observed(24)
    overlap, near = np.full(24, 0.95), np.ones(24)
    assert diagnose(body, state, seen, Agreement(overlap, near)) == ()
    overlap[3:5] = 0.4
    (said,) = diagnose(body, state, seen, Agreement(overlap, near))
    assert said.startswith("In 2 of 24 frames body and mask overlap by less than 85 %")
    overlap[:13] = 0.4
    with pytest.raises(
        NoPersonError, match=r"agrees with the person's outline in too few frames \(silhouette IoU 0\.65"
    ):
        diagnose(body, state, seen, Agreement(overlap, near))


def test_keypoints_that_contradict_the_masks_are_refused(body):
    state, seen, overlap = facing(body, np.linspace(0, 345, 24).tolist()), observed(24), np.full(24, 0.95)
    away = np.full(24, 1.5)
    away[:8], away[8] = 9.0, np.nan  # a third of the frames may be wrong, and one may say nothing
    assert diagnose(body, state, seen, Agreement(overlap, away)) == ()
    with pytest.raises(NoPersonError, match=r"^the body that fits the masks is 3\.0 % of the person's"):
        diagnose(body, state, seen, Agreement(overlap, np.full(24, 3.0)))
    assert diagnose(body, state, seen, Agreement(overlap, np.full(24, np.nan))) == ()


def test_somebody_who_is_hidden_in_part_is_told_and_not_refused(body):
    state, seen = facing(body, np.linspace(0, 345, 24).tolist()), observed(24)
    overlap, away, covered = np.linspace(0.6, 0.8, 24) ** 1.2, np.full(24, 3.0), np.full(24, 0.97)
    hidden, poor = diagnose(body, state, seen, Agreement(overlap, away, covered=covered), any_motion=True)
    assert hidden.startswith("In 24 of 24 frames the body goes on where the mask shows nobody, as if something hid")
    assert poor.startswith("In 24 of 24 frames body and mask overlap")
    for agreement in (
        Agreement(overlap, away, covered=np.full(24, 0.7)),
        Agreement(overlap, np.full(24, 7.0), covered=covered),
    ):
        with pytest.raises(NoPersonError, match="agrees with the person's outline in too few frames"):
            diagnose(body, state, seen, agreement, any_motion=True)
    with pytest.raises(NoPersonError, match="agrees with the person's outline in too few frames"):
        diagnose(body, state, seen, Agreement(overlap, away, covered=covered))


def test_errors_of_half_bodies_are_compared_with_the_height_of_the_whole_person(body):
    state, away = facing(body, np.linspace(0, 345, 24).tolist()), np.full(24, 1.5)
    seen, overlap = observed(24), np.full(24, 0.95)
    seen.masks[:, 50:] = False  # 40 of 100 pixels are left
    with pytest.raises(NoPersonError, match=r"^the body that fits the masks is 3\.8 % of the person's"):
        diagnose(body, state, seen, Agreement(overlap, away))
    near = replace(seen.camera, fx=200.0, fy=200.0)  # the body is larger than what the mask shows of it
    seen = replace(seen, camera=near, cut_off=tuple(CutOff(t, ("bottom",)) for t in range(24)))
    assert diagnose(body, state, seen, Agreement(overlap, away)) == ()


def test_a_motionless_person_is_an_error_and_a_small_turn_a_warning(body):
    seen, agreement = observed(8), Agreement(np.full(8, 0.95), np.ones(8))
    with pytest.raises(NoPersonError, match=r"^the person does not move: film"):
        diagnose(body, facing(body, np.linspace(10, 12, 8).tolist()), seen, agreement)
    (said,) = diagnose(body, facing(body, np.linspace(10, 20, 8).tolist()), seen, agreement)
    assert said.startswith("The person hardly turns (10° are seen)")


def test_of_a_known_avatar_another_person_is_told_and_neither_turn_nor_motion_asked_for(body):
    state, seen = facing(body, [0.0] * 8), observed(8)
    assert diagnose(body, state, seen, Agreement(np.full(8, 0.96), np.ones(8)), shape_known=True) == ()
    (said,) = diagnose(body, state, seen, Agreement(np.full(8, 0.92), np.ones(8)), shape_known=True)
    assert "(IoU 0.92): the clip shows another person or other clothes, or the masks are poor" in said
    with pytest.raises(NoPersonError, match="check that the clip shows the person of the avatar, alone and before"):
        diagnose(body, state, seen, Agreement(np.full(8, 0.5), np.ones(8)), shape_known=True)
