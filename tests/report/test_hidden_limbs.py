"""Limbs that somebody else hides are named; those that the own body hides, and those of people alone, are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from synthetic import CAMERA, turning_person

from fit_avatar.body import load_body
from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.capture import Capture
from fit_avatar.report import limb_trust, limb_warnings
from fit_avatar.report.hidden_limbs import hidden_sentences

BODY, FRAMES, SMALL = load_body(), 12, 4
TURN = turning_person(BODY, FRAMES)
LEFT_LEG = [BODY_25.index(f"left_{joint}") for joint in ("hip", "knee", "ankle")]


def half_hidden(frames: int, unseen: bool = True, where: bool = True) -> Capture:
    """Return a capture in which somebody else stands before the left leg in the first frames.

    ``unseen``: the detector does not see it there; ``where``: it is known where the other one is.
    """
    points = CAMERA.project((BODY.keypoint_regressor @ TURN.vertices).numpy())
    keypoints = np.concatenate([points, np.ones((FRAMES, 25, 1))], -1).astype(np.float32)
    others = np.zeros((FRAMES, CAMERA.height // SMALL, CAMERA.width // SMALL), bool)
    for t in range(frames):
        if unseen:
            keypoints[t, LEFT_LEG, 2] = 0.0
        x, y = (points[t, LEFT_LEG] / SMALL).T
        others[t, int(y.min()) : int(y.max()) + 1, int(x.min()) : int(x.max()) + 2] = True
    nothing = np.zeros((FRAMES, 8, 8), bool)
    seen = Capture(np.arange(FRAMES), keypoints, nothing, CAMERA, np.ones(FRAMES, np.float32))
    return replace(seen, other_people=others if where else None)


def test_what_somebody_else_hides_is_counted_and_named() -> None:
    limbs = {limb.name: limb for limb in limb_trust(BODY, TURN.state, half_hidden(6))}
    assert limbs["left shin"].behind == limbs["left thigh"].behind == 6
    assert limbs["right forearm"].behind == limbs["left forearm"].behind == 0
    (warning,) = (w for w in limb_warnings(tuple(limbs.values())) if w.startswith("Somebody else"))
    assert "the left leg (50%)" in warning and "right" not in warning and "arm" not in warning


@pytest.mark.parametrize(
    "seen", [half_hidden(3), half_hidden(6, unseen=False), half_hidden(6, where=False)], ids=["seldom", "seen", "alone"]
)
def test_nothing_is_said(seen: Capture) -> None:
    assert not any(w.startswith("Somebody else") for w in limb_warnings(limb_trust(BODY, TURN.state, seen)))


def test_one_sentence_names_all() -> None:
    hidden = {"left upper arm": 4, "left forearm": 9, "right thigh": 2, "right shin": 5, "left shin": 1}
    (told,) = hidden_sentences(hidden, {}, 10)
    assert "frames: the left arm (90%), the right shin (50%); where" in told
    (told,) = hidden_sentences(hidden, {"right shin": 8, "left shin": 9}, 10)
    assert "the right shin (80%); where" in told  # also where it cannot be told what hides it
    assert hidden_sentences({"left shin": 2}, {"left shin": 9}, 10) == ()
    (told,) = hidden_sentences({}, {"right upper arm": 10, "right forearm": 10, "left shin": 10}, 10)
    assert told.startswith("Hardly any frame shows the left shin, the right arm: ")


def test_a_limb_that_is_never_seen_is_named_also_of_people_alone() -> None:
    seen = half_hidden(FRAMES, where=False)
    limbs = limb_trust(BODY, TURN.state, seen)
    assert [limb.name for limb in limbs if limb.unseen == FRAMES] == ["left thigh", "left shin"]
    assert any(w.startswith("Hardly any frame shows the left leg: ") for w in limb_warnings(limbs))
    outside = replace(seen, camera=replace(CAMERA, height=int(seen.keypoints[:, LEFT_LEG[1], 1].min()) - 1))
    assert not any("Hardly" in w for w in limb_warnings(limb_trust(BODY, TURN.state, outside)))  # others say that
