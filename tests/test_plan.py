"""What is said of the method that a clip is fitted by."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from toy_body import toy_body

from fit_avatar.capture import Camera, Capture
from fit_avatar.capture.limb_directions import LIMBS
from fit_avatar.capture.types import LimbDirections
from fit_avatar.fitting import Schedule, StartFrom, preset
from fit_avatar.io.runner import Runner
from fit_avatar.plan import plan_fit
from fit_avatar.progress import Silent

FRAMES = 4
CAMERA = Camera(100.0, 100.0, 50.0, 50.0, 100, 100)


def capture(told: int = 0) -> Capture:
    """Return what shows everybody's points, and directions of the limbs in some frames."""
    sigma = np.full((FRAMES, len(LIMBS)), np.inf, np.float32)
    sigma[:told] = 0.2
    return Capture(
        np.arange(FRAMES),
        np.full((FRAMES, 25, 3), 30.0, np.float32) * np.array([1, 1, 1 / 30], np.float32),
        np.ones((FRAMES, 100, 100), bool),
        CAMERA,
        np.ones(FRAMES, np.float32),
        limb_directions=LimbDirections(tuple(LIMBS), np.ones((FRAMES, len(LIMBS), 3), np.float32), sigma),
    )


def said(seen: Capture, schedule: Schedule) -> list[str]:
    plan = plan_fit(seen, toy_body(), None, (schedule, None), Runner(None, Silent()), "", None)
    return [sentence for sentence in plan.warnings if "Directions of limbs" in sentence]


def test_limbs_of_which_nothing_tells_the_way_are_said_to_be_uncertain() -> None:
    motion = preset("motion")
    (unknown,) = said(replace(capture(), limb_directions=None), motion)
    assert "known for 0% of the arms and legs" in unknown and "may be wrong" in unknown
    (partly,) = said(capture(told=1), motion)
    assert "25%" in partly
    assert said(capture(told=FRAMES), motion) == []


def test_methods_that_know_the_limbs_otherwise_say_nothing() -> None:
    unknown = replace(capture(), limb_directions=None)
    assert said(unknown, preset("video-avatar")) == []
    assert said(unknown, preset("motion").started_by(StartFrom("poses.npz"))) == []
