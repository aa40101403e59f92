from __future__ import annotations

import cv2
import numpy as np
import pytest

from fit_avatar.capture.smoothing import ATTENUATION, PASSES, smooth_within_edges


def picture(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(3)
    return random.integers(0, 60, (height, width, 3), np.uint8), random.normal(size=(height, width)).astype(np.float32)


def smooth_lines(values: np.ndarray, image: np.ndarray, smoothness: float, sigma: float) -> np.ndarray:
    """Smooth each row by dense weighted least squares."""
    rows = []
    for line, colours in zip(values, image.astype(float), strict=True):
        differences = np.diff(np.eye(len(line)), axis=0)
        alike = np.exp(-np.linalg.norm(np.diff(colours, axis=0), axis=1) / sigma)
        rows.append(np.linalg.solve(np.eye(len(line)) + smoothness * (differences.T * alike) @ differences, line))
    return np.array(rows)


def test_rows_and_columns_are_least_squares_solutions() -> None:
    image, values = picture(7, 9)
    expected = values.astype(float)
    for i in range(PASSES):
        smoothness = 5.0 * ATTENUATION**i
        expected = smooth_lines(expected, image, smoothness, 15.0)
        expected = smooth_lines(expected.T, image.transpose(1, 0, 2), smoothness, 15.0).T
    found = smooth_within_edges(values, image, 5.0, 15.0)
    assert found.dtype == np.float32 and np.abs(found - expected).max() < 1e-5


def test_edges_stop_the_smoothing() -> None:
    image, values = np.zeros((20, 20, 3), np.uint8), np.zeros((20, 20), np.float32)
    image[:, 10:], values[:, 10:] = 255, 1.0
    values[5, 5] = 1.0
    found = smooth_within_edges(values, image, 5.0, 10.0)
    assert found[5, 5] < 0.2 and (found[:, 10:] > 0.999).all() and found[:, 9].max() < 0.1


def test_opencv_gives_the_same_where_its_contributed_modules_are_installed() -> None:
    ximgproc = getattr(cv2, "ximgproc", None)
    if ximgproc is None:
        pytest.skip("this OpenCV has no ximgproc")
    image, values = picture(120, 90)
    expected = ximgproc.fastGlobalSmootherFilter(image, values, 5.0, 15.0)
    assert np.abs(smooth_within_edges(values, image, 5.0, 15.0) - expected).max() < 1e-5
