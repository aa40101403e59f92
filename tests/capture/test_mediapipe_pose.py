from __future__ import annotations

import builtins
from typing import Any

import numpy as np
import pytest

from fit_avatar.capture import mediapipe_pose
from fit_avatar.capture.mediapipe_pose import MediaPipeDetector, to_body_25
from fit_avatar.errors import MissingDependencyError


def landmarks(facing: float = 1.0) -> np.ndarray:
    """33 points of somebody who faces the camera (1) or turns their back (-1)."""
    points = np.zeros((33, 4), np.float32)
    points[:, 0], points[:, 1], points[:, 3] = 50, 50, 0.9
    points[[11, 13, 15, 23, 25, 27], 0] = 50 + 10 * facing
    points[[12, 14, 16, 24, 26, 28], 0] = 50 - 10 * facing
    points[[11, 12], 1], points[[23, 24], 1] = 40, 70
    points[0, :3] = 50, 20, -8 * facing
    points[[2, 5], 1], points[[2, 5], 2] = 18, -6 * facing
    points[7, :3], points[8, :3] = (50 + 6 * facing, 20, 0), (50 - 6 * facing, 20, 0)
    return points


def test_points_and_means() -> None:
    body = to_body_25(landmarks(), 100, 100)
    assert body[2, 0] == 40 and body[5, 0] == 60  # right shoulder is on the picture's left
    assert body[1, :2].tolist() == [50, 40]
    assert body[8, 1] == pytest.approx(70 - 30 * mediapipe_pose.DEFAULT_MEDIAPIPE.hip_rise)
    assert (body[[20, 23], 2] == 0).all() and (body[[0, 1, 8, 15, 16, 21, 24], 2] > 0.8).all()


def test_nothing_outside_the_frame_is_seen() -> None:
    points = landmarks()
    points[27, 1] = 130
    assert to_body_25(points, 100, 100)[14, 2] == 0


def test_a_back_has_no_face() -> None:
    body = to_body_25(landmarks(-1.0), 100, 100)
    assert (body[[0, 15, 16], 2] == 0).all() and (body[[17, 18], 2] > 0.3).all()


def test_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def fail(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("ai_edge_litert"):
            raise ModuleNotFoundError("No module named 'ai_edge_litert'")
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", fail)
    with pytest.raises(MissingDependencyError, match=r"\(No module named 'ai_edge_litert'\): .*pip install ai-edge"):
        MediaPipeDetector()


def test_nobody_in_an_empty_room() -> None:
    with MediaPipeDetector() as detector:
        assert detector.detect(np.full((120, 90, 3), 128, np.uint8)) is None
