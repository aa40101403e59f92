"""A disc whose middle has shrunk is spread over its surface; what is no disc stays as it is."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from fit_avatar.body.even_disc import spread_evenly
from fit_avatar.body.operators import adjacency

RIM = 24


def shrunk(rings=9, curved=0.4):
    """A cap of a sphere, 6 cm wide, in rings whose radii are halved from one to the next; its middle is vertex 0."""
    angle = 2 * np.pi * np.arange(RIM) / RIM
    radii = 0.03 * 0.5 ** np.arange(rings)[::-1]
    flat = radii[:, None, None] * np.stack([np.cos(angle), np.sin(angle)], -1)
    plane = np.concatenate([np.zeros((1, 2)), flat.reshape(-1, 2)])
    around = np.arange(RIM)
    follows = (around + 1) % RIM
    faces = [np.stack([np.zeros(RIM, int), 1 + around, 1 + follows], 1)]
    for ring in range(rings - 1):
        a, b = 1 + ring * RIM, 1 + (ring + 1) * RIM
        faces += [
            np.stack([a + around, b + around, b + follows], 1),
            np.stack([a + around, b + follows, a + follows], 1),
        ]
    height = curved * (0.03 - np.square(plane).sum(1) / 0.03)
    return np.column_stack([plane, height]), np.concatenate(faces)


def areas(vertices, faces):
    return trimesh.triangles.area(vertices[faces]) * 1e6


def off_surface(points, vertices, faces):
    """How far points are from a surface."""
    triangles = np.repeat(vertices[faces][None], len(points), 0).reshape(-1, 3, 3)
    nearest = trimesh.triangles.closest_point(triangles, np.repeat(points, len(faces), 0))
    return np.linalg.norm(nearest.reshape(len(points), -1, 3) - points[:, None], axis=-1).min(1)


def test_what_has_shrunk_gets_room_on_the_same_surface():
    vertices, faces = shrunk()
    spread = spread_evenly(vertices, faces, adjacency(faces, len(vertices)))
    before, after = areas(vertices, faces), areas(spread, faces)
    assert before.min() < 0.003 and after.min() > 0.1
    assert np.median(after) > 5 * np.median(before)
    assert off_surface(spread, vertices, faces).max() < 2.5e-4
    np.testing.assert_array_equal(spread[-RIM:], vertices[-RIM:])  # the rim stays


def test_no_triangle_is_turned_over():
    vertices, faces = shrunk(curved=0.0)
    corners = spread_evenly(vertices, faces, adjacency(faces, len(vertices)))[faces]
    assert np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2].min() > 0


def test_triangles_that_are_large_enough_stay():
    vertices, faces = shrunk(rings=2, curved=0.0)
    neighbours = adjacency(faces, len(vertices))
    even = spread_evenly(vertices, faces, neighbours, least_mm2=1e-3)
    np.testing.assert_allclose(even, vertices, atol=1e-12)


@pytest.mark.parametrize("shape", [trimesh.creation.icosphere(2), trimesh.creation.annulus(0.01, 0.03, 0.001)])
def test_what_is_no_disc_is_left_alone(shape):
    vertices, faces = np.array(shape.vertices), np.array(shape.faces)
    spread = spread_evenly(vertices, faces, adjacency(faces, len(vertices)))
    np.testing.assert_array_equal(spread, vertices)


def test_a_tube_open_at_both_ends_is_left_alone():
    vertices, faces = shrunk()
    faces = faces[RIM:]  # without the middle
    spread = spread_evenly(vertices, faces, adjacency(faces, len(vertices)))
    np.testing.assert_array_equal(spread, vertices)
