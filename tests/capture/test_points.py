from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cardboard import person

from fit_avatar.capture import Camera, Capture
from fit_avatar.capture.points import BODY, FACE, LEFT_HAND, RIGHT_HAND, join_parts, read_points
from fit_avatar.errors import BadInputError
from fit_avatar.io.store import Store


def test_parts_are_joined_in_order() -> None:
    left, right = np.full((21, 3), 2.0, np.float32), np.full((21, 3), 3.0, np.float32)
    points = join_parts(person()[1], np.full((68, 3), 1.0, np.float32), left, right)
    assert points.shape == (137, 3) and points.dtype == np.float32
    assert (points[BODY] == person()[1]).all()
    assert (points[FACE][:68] == 1).all() and (points[FACE][68:] == 0).all()
    assert (points[LEFT_HAND] == 2).all() and (points[RIGHT_HAND] == 3).all()


def test_confidence_is_clipped() -> None:
    points = read_points([1, 2, -0.5, 3, 4, 1.5], (2, 7), Path("k.json"), "hand")
    assert points.tolist() == [[1, 2, 0], [3, 4, 1]]
    with pytest.raises(BadInputError, match=r"k\.json holds 6 numbers for a hand: there must be 21 \(7 × 3\)"):
        read_points([1, 2, -0.5, 3, 4, 1.5], (7,), Path("k.json"), "hand")


@pytest.mark.parametrize("seen", [True, False])
def test_a_capture_with_or_without_hands_is_stored(tmp_path: Path, seen: bool) -> None:
    hands = np.random.default_rng(0).random((2, 2, 21, 3)).astype(np.float32) if seen else None
    mask, points = person()
    capture = Capture(
        frame_indices=np.arange(2),
        keypoints=np.stack([points, points]),
        masks=np.stack([mask, mask]),
        camera=Camera(100.0, 100.0, 48.0, 64.0, 96, 128),
        frame_weights=np.ones(2, np.float32),
        hands=hands,
    )
    Store(tmp_path, classes=[Camera, Capture]).run("observe", {}, lambda: capture)
    kept = Store(tmp_path, classes=[Camera, Capture]).run("observe", {}, lambda: capture)
    assert kept.cached and kept.value.face is None
    assert (kept.value.hands is None) if hands is None else (kept.value.hands == hands).all()
