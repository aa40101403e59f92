"""A faired surface is smooth along its normals, where it is asked for."""

import numpy as np
import pytest

from fit_avatar.body.fairing import faired

STEP = 0.005


def waves(length: float, height: float = 0.001) -> tuple[np.ndarray, np.ndarray]:
    """Return a strip of triangles in x and y, with waves along x."""
    x, y = np.meshgrid(np.arange(0, 0.6, STEP), np.arange(0, 0.6, STEP), indexing="ij")
    corner = np.arange(x.size).reshape(x.shape)
    a, b, c, d = (each.ravel() for each in (corner[:-1, :-1], corner[1:, :-1], corner[:-1, 1:], corner[1:, 1:]))
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([c, b, d], 1)])
    return np.stack([x, y, height * np.sin(2 * np.pi * x / length)], -1).reshape(-1, 3), faces


def middle(vertices: np.ndarray, margin: float) -> np.ndarray:
    return (np.abs(vertices[:, :2] - 0.3) < 0.3 - margin).all(1)


@pytest.mark.parametrize("length", [0.05, 0.1, 0.3])
def test_waves_vanish_as_a_thin_plate_on_springs_says(length):
    vertices, faces = waves(length)
    found = faired(vertices, faces, middle(vertices, 0.02), 0.018)
    inner = middle(vertices, 0.15)
    left = found[inner, 2] @ vertices[inner, 2] / (vertices[inner, 2] @ vertices[inner, 2])
    assert left == pytest.approx(1 / (1 + (0.018 * 2 * np.pi / length) ** 4), abs=0.08)


def test_the_others_stay_and_a_plane_is_smooth():
    vertices, faces = waves(0.05)
    chosen = middle(vertices, 0.2)
    found = faired(vertices, faces, chosen, 0.02)
    assert (found == vertices)[~chosen].all() and (found != vertices)[chosen].any()
    flat = vertices * [1, 1, 0]
    np.testing.assert_allclose(faired(flat, faces, chosen, 0.02), flat, atol=1e-12)
    assert faired(vertices, faces, np.zeros(len(vertices), bool), 0.02) is vertices
