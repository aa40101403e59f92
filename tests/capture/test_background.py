from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from fit_avatar.capture.background import Background, BackgroundConfig, estimate_background

SHAPE = (20, 30)
MIN_NOISE = BackgroundConfig().min_noise
WALL = np.full((*SHAPE, 3), (120, 150, 180), np.uint8)
BOX = (slice(0, SHAPE[0]), slice(0, SHAPE[1]))


def constant() -> Background:
    noise = np.full(SHAPE, 2.0, np.float32)
    return Background(WALL, noise, noise, np.ones(SHAPE, bool))


def flicker(change: NDArray[np.float64], count: int = 24) -> Background:
    """The background model of a wall whose left half changes over time along a colour. [3]"""
    random = np.random.default_rng(0)
    frames = []
    for amount in random.normal(0, 1, count):
        picture = WALL + random.normal(0, 0.3, WALL.shape)
        picture[:, :15] += amount * change
        frames.append((np.clip(np.round(picture), 0, 255).astype(np.uint8), np.zeros(SHAPE, bool)))
    background = estimate_background(frames)
    assert background is not None
    return background


def test_changing_light_is_noise_of_brightness_not_of_chromaticity() -> None:
    background = flicker(5.0 * WALL[0, 0] / np.linalg.norm(WALL[0, 0]))
    assert background.brightness_sigma[:, :15].mean() == pytest.approx(np.hypot(4.0, MIN_NOISE), rel=0.3)
    assert background.chroma_sigma[:, :15].mean() < 1.2
    assert background.brightness_sigma[:, 15:].mean() < 1.2


def test_changing_colour_is_noise_of_chromaticity_not_of_brightness() -> None:
    across = np.cross(WALL[0, 0].astype(float), (0, 0, 1))
    background = flicker(3.0 * across / np.linalg.norm(across))
    assert background.chroma_sigma[:, :15].mean() > 1.5
    assert background.brightness_sigma[:, :15].mean() < 1.2


def test_same_colour_is_near_and_another_chromaticity_is_far() -> None:
    same = constant().compare(WALL, BOX)
    assert same.distance().max() < 0.1 and same.known.all()
    other = constant().compare(WALL // np.array([1, 1, 2], np.uint8), BOX).distance()
    assert other.min() > 8


def test_a_deep_shadow_is_background_on_the_floor_only() -> None:
    floor = np.repeat([0.0, 1.0], 10).astype(np.float32)
    darker = constant().compare((WALL * 0.7).astype(np.uint8), BOX).distance(floor)
    without = constant().compare((WALL * 0.7).astype(np.uint8), BOX).distance()
    assert darker[:10].min() > 1.8 * darker[10:].max()
    assert np.allclose(without, darker[0, 0])
    other_chroma = constant().compare(WALL // np.array([1, 1, 2], np.uint8), BOX).distance(floor)
    assert other_chroma.min() > 8


def test_a_brightening_is_no_shadow() -> None:
    brighter = constant().compare((WALL * 1.2).astype(np.uint8), BOX).distance()
    darker = constant().compare((WALL * 0.8).astype(np.uint8), BOX).distance()
    assert brighter.min() > 1.5 * darker.max()


def test_a_passer_by_is_an_outlier() -> None:
    frames = [(WALL.copy(), np.zeros(SHAPE, bool)) for _ in range(24)]
    frames[5][0][5:15, 5:15] = (20, 20, 20)
    background = estimate_background(frames)
    assert background is not None
    assert (background.mean == WALL).all() and background.brightness_sigma.max() == pytest.approx(MIN_NOISE, abs=0.2)
