"""Outer surfaces, alignment and re-posing, on shapes with known answers."""

from __future__ import annotations

import cv2  # noqa: F401  loaded before Open3D, as the program does
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from fit_avatar.evaluate import (
    Mesh,
    Similarity,
    Surface,
    align_surfaces,
    compare_clip,
    outer_faces,
    pooled,
    repose_onto,
)

pytest.importorskip("open3d", exc_type=(ImportError, OSError))

UP = (0.0, -1.0, 0.0)


def sphere(radius: float, rings: int = 60) -> Mesh:
    """Return a closed sphere whose triangles turn outwards."""
    theta, phi = np.meshgrid(np.linspace(0, np.pi, rings + 1), np.arange(2 * rings) * np.pi / rings, indexing="ij")
    points = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], -1).reshape(-1, 3)
    row, column = np.meshgrid(np.arange(rings), np.arange(2 * rings), indexing="ij")
    following = (column + 1) % (2 * rings)
    a, b = row * 2 * rings + column, row * 2 * rings + following
    c, d = a + 2 * rings, b + 2 * rings
    faces = np.concatenate([np.stack([a, c, b], -1).reshape(-1, 3), np.stack([b, c, d], -1).reshape(-1, 3)])
    corners = points[faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    return Mesh(radius * points, faces[area > 1e-9])


def figure() -> Mesh:
    """Return a lump without symmetry, 3 m in front of the camera."""
    ball = sphere(0.5)
    x, y, z = ball.vertices.T
    radius = 1 + 0.2 * np.sin(5 * x + 1) + 0.25 * np.cos(4 * y) * z + 0.2 * np.sin(3 * z + 7 * y)
    return Mesh(ball.vertices * radius[:, None] * [0.6, 1.6, 0.5] + [0, 0, 3], ball.faces)


def test_a_sphere_within_a_sphere_is_not_seen() -> None:
    big, small = sphere(0.5, 30), sphere(0.3, 30)
    both = np.concatenate([big.vertices, small.vertices])
    seen = outer_faces(both, np.concatenate([big.faces, small.faces + len(big.vertices)]), UP)
    assert not seen[len(big.faces) :].any()
    assert seen[: len(big.faces)].all()


def test_what_only_shows_from_straight_below_is_not_outer() -> None:
    """A well that opens downwards, eight times as deep as wide: the outside shows, what is deep within does not."""
    ball = sphere(1.0, 30)
    well = ball.vertices * [0.1, 0.8, 0.1]
    upper = ball.faces[well[ball.faces].mean(1)[:, 1] < 0]  # y points down: the lower half is open
    inside = upper[:, ::-1] + len(well)
    points = np.concatenate([well, 0.95 * well])
    seen = outer_faces(points, np.concatenate([upper, inside]), UP)
    assert seen[: len(upper)].all()
    depth = -points[inside].mean(1)[:, 1]
    assert not seen[len(upper) :][depth > 0.2].any()  # 0.2 m wide, and 35 degrees lead 0.14 m up


def test_signed_distance_of_a_sphere() -> None:
    ball = sphere(0.5)
    surface = Surface(ball.vertices, ball.faces)
    found = surface.signed_distance([[0.6, 0, 0], [0, 0.4, 0], [0, 0, -0.75]])
    np.testing.assert_allclose(found, [0.1, -0.1, 0.25], atol=1e-3)


def test_alignment_undoes_a_similarity_transform() -> None:
    truth = figure()
    moved = Similarity(1.1, Rotation.from_rotvec([0.1, -0.15, 0.05]).as_matrix(), np.array([0.05, -0.03, 0.1]))(
        truth.vertices
    )
    start = Similarity(1.0, np.eye(3), truth.vertices.mean(0) - moved.mean(0))
    motion = align_surfaces(moved, truth.faces, truth.vertices, truth.faces, start)
    assert motion.scale == pytest.approx(1 / 1.1, abs=2e-4)
    np.testing.assert_allclose(motion(moved), truth.vertices, atol=5e-4)


def test_a_wrong_scale_is_reported_and_aligned() -> None:
    truth = figure()
    scaled = Mesh(1.2 * truth.vertices, truth.faces)
    result = compare_clip([scaled], [truth], UP, samples=5000)
    assert result.scale_error == pytest.approx(1 / 1.2 - 1, abs=3e-4)
    for alignment in (result.similarity, result.height, result.camera):
        assert pooled(alignment).mean < 5e-4


def test_a_place_counts_for_the_camera_only() -> None:
    truth = figure()
    aside = Mesh(truth.vertices + [0.03, 0, 0], truth.faces)
    result = compare_clip([aside], [truth], UP, samples=5000)
    assert pooled(result.height).mean < 5e-4
    assert 0.01 < pooled(result.camera).mean < 0.03


def test_spheres_of_different_size_without_scale() -> None:
    """A height that is met hides the radius; a similarity that is fixed leaves the 10 mm between the spheres."""
    small, big = sphere(0.50), sphere(0.51)
    distance = small.to(big, 20_000)
    np.testing.assert_allclose([distance.forward.mean(), distance.backward.mean()], 0.01, rtol=0.02)
    motion = align_surfaces(small.vertices, small.faces, big.vertices, big.faces, fix_scale=True)
    assert motion.scale == 1.0
    assert small.moved(motion).to(big, 20_000).mean == pytest.approx(0.01, rel=0.02)


def test_a_bent_arm_is_straightened_but_not_thickened() -> None:
    """Two bones along x: the true one is bent by 20 degrees at the middle, and 5 mm thicker."""

    def arm(radius: float) -> Mesh:
        ball = sphere(1.0, 40)
        return Mesh(ball.vertices * [0.5, radius, 1.3 * radius], ball.faces)

    thin, thick = arm(0.060), arm(0.065)
    joints, parents = np.array([[-0.5, 0, 0], [0.0, 0, 0]]), (-1, 0)

    def weights(mesh: Mesh) -> np.ndarray:
        second = np.clip(mesh.vertices[:, 0] / 0.1 + 0.5, 0, 1)
        return np.stack([1 - second, second], 1)

    share = weights(thick)[:, 1:]
    bent = thick.vertices @ Rotation.from_euler("z", 20, degrees=True).as_matrix().T
    true = Mesh(share * bent + (1 - share) * thick.vertices, thick.faces)
    moved = repose_onto(thin.vertices, thin.faces, weights(thin), joints, parents, true.vertices, true.faces)
    before, after = thin.to(true, 10_000), Mesh(moved, thin.faces).to(true, 10_000)
    assert before.mean > 0.02
    assert 0.002 < after.mean < 0.006


def test_frames_must_match() -> None:
    with pytest.raises(ValueError, match="there are 0 and 1"):
        compare_clip([], [figure()])
