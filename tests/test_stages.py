"""The stages before and after the fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fit_avatar.capture import Camera, Capture
from fit_avatar.io.runner import Runner
from fit_avatar.progress import Silent
from fit_avatar.stages import ears_looked_at


@pytest.fixture
def capture() -> Capture:
    return Capture(
        camera=Camera(100.0, 100.0, 8.0, 8.0, 16, 16),
        frame_indices=np.arange(3),
        masks=np.ones((3, 16, 16), bool),
        keypoints=np.zeros((3, 25, 3), np.float32),
        frame_weights=np.ones(3, np.float32),
        fps=30.0,
        sources={"keypoints": "MediaPipe"},
    )


def test_ears_are_looked_for_only_at_points_of_the_built_in_detector(capture: Capture) -> None:
    known, key = ears_looked_at(capture, [], Runner(None, Silent()), "observed")
    assert known.ears_hidden is False and key != "observed"
    given = replace(capture, sources={"keypoints": "OpenPose"})
    assert ears_looked_at(given, [], Runner(None, Silent()), "observed") == (given, "observed")
