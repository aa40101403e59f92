from __future__ import annotations

import numpy as np
from cardboard import person, scene

from fit_avatar.capture.background import Background
from fit_avatar.capture.floor import floor_shines

SIZE = (288, 384)
SCENE = scene(*SIZE)
NOISE = np.full(SCENE.shape[:2], 2.0, np.float32)
PLATE = Background(SCENE, NOISE, NOISE, np.ones(NOISE.shape, bool))
POINTS = person(0.0, *SIZE)[1]


def with_floor(change: np.ndarray | float) -> np.ndarray:
    """The scene with another floor below the feet. [H, W, 3]"""
    frame = SCENE.astype(np.float64)
    frame[350:] = frame[350:] * change
    return frame.clip(0, 255).astype(np.uint8)


def test_colours_below_the_feet_are_reflections() -> None:
    assert floor_shines(PLATE, [(with_floor(np.array([0.6, 0.6, 1.2])), POINTS)] * 3)


def test_a_floor_as_it_was_and_a_shadow_on_it_are_none() -> None:
    for change in (1.0, 0.5):
        assert not floor_shines(PLATE, [(with_floor(change), POINTS)] * 3)


def test_without_feet_nothing_is_known() -> None:
    unseen = POINTS.copy()
    unseen[19:, 2] = 0
    assert not floor_shines(PLATE, [(with_floor(np.array([0.6, 0.6, 1.2])), unseen)] * 3)
