"""Distances between two surfaces, in both directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fit_avatar.errors import MissingDependencyError
from fit_avatar.io.optional import install


@dataclass(frozen=True)
class SurfaceDistance:
    """Point-to-surface distances of points spread evenly over each surface, in the unit of the meshes."""

    forward: NDArray[np.float64]
    """From the first surface to the second. [N]"""
    backward: NDArray[np.float64]
    """From the second surface to the first. [N]"""

    @property
    def mean(self) -> float:
        """Return the mean over both directions."""
        return float(self._both.mean())

    def percentile(self, q: float) -> float:
        """Return the q-th percentile over both directions."""
        return float(np.percentile(self._both, q))

    @property
    def _both(self) -> NDArray[np.float64]:
        return np.concatenate([self.forward, self.backward])


def surface_distance(
    vertices_a: ArrayLike,
    faces_a: ArrayLike,
    vertices_b: ArrayLike,
    faces_b: ArrayLike,
    samples: int = 50_000,
    seed: int = 0,
) -> SurfaceDistance:
    """Return the distances between two triangle meshes, which should be aligned first.

    Args:
        vertices_a: [V, 3].
        faces_a: [F, 3].
        vertices_b: [W, 3], in the same unit and frame.
        faces_b: [G, 3].
        samples: points on each surface, spread evenly by area.
        seed: of the random samples.

    Raises:
        MissingDependencyError: Open3D, or a system library that it needs, is not installed.
    """
    on_a, on_b = sample_surface(vertices_a, faces_a, samples, seed), sample_surface(vertices_b, faces_b, samples, seed)
    return SurfaceDistance(Surface(vertices_b, faces_b).distance(on_a), Surface(vertices_a, faces_a).distance(on_b))


def sample_surface(vertices: ArrayLike, faces: ArrayLike, count: int, seed: int = 0) -> NDArray[np.float64]:
    """Return points spread evenly by area over a triangle mesh. vertices [V, 3], faces [F, 3] → [count, 3]"""
    triangles, weights = sample_triangles(vertices, faces, count, seed)
    corners = np.asarray(vertices, np.float64)[np.asarray(faces)[triangles]]
    return np.asarray(np.einsum("nk,nkc->nc", weights, corners))


def sample_triangles(
    vertices: ArrayLike, faces: ArrayLike, count: int, seed: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return triangles [count] and barycentric coordinates [count, 3] of points spread evenly by area."""
    rng = np.random.default_rng(seed)
    corners = np.asarray(vertices, np.float64)[np.asarray(faces)]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    chosen = rng.choice(len(area), count, p=area / area.sum())
    a, b = rng.random((2, count))
    outside = a + b > 1  # the other half of the parallelogram folds back onto the triangle
    a, b = np.where(outside, 1 - a, a), np.where(outside, 1 - b, b)
    return chosen, np.stack([1 - a - b, a, b], 1)


@dataclass(frozen=True)
class Closest:
    """The points of a surface that are nearest to N given points."""

    points: NDArray[np.float64]
    """[N, 3]"""
    normals: NDArray[np.float64]
    """Unit normals of the triangles that they lie on. [N, 3]"""
    faces: NDArray[np.int64]
    """Indices of these triangles. [N]"""


class Surface:
    """A triangle mesh prepared for queries: distances, nearest points and occlusion."""

    def __init__(self, vertices: ArrayLike, faces: ArrayLike) -> None:
        """Build the search tree. vertices [V, 3], faces [F, 3]

        Raises:
            MissingDependencyError: Open3D, or a system library that it needs, is not installed.
        """
        self._scene = import_open3d("surface distances").t.geometry.RaycastingScene()
        self._scene.add_triangles(
            np.ascontiguousarray(vertices, dtype=np.float32), np.ascontiguousarray(faces, dtype=np.uint32)
        )

    def distance(self, points: ArrayLike) -> NDArray[np.float64]:
        """Return the unsigned distance of points from the surface. [N, 3] → [N]"""
        found = self._scene.compute_distance(np.ascontiguousarray(points, dtype=np.float32)).numpy()
        return np.asarray(found, np.float64)

    def closest(self, points: ArrayLike) -> Closest:
        """Return the nearest points of the surface. [N, 3]"""
        found = self._scene.compute_closest_points(np.ascontiguousarray(points, dtype=np.float32))
        return Closest(
            found["points"].numpy().astype(np.float64),
            found["primitive_normals"].numpy().astype(np.float64),
            found["primitive_ids"].numpy().astype(np.int64),
        )

    def signed_distance(self, points: ArrayLike) -> NDArray[np.float64]:
        """Return the distance of points from the surface, negative behind the nearest triangle. [N, 3] → [N]

        The surface need not be closed.
        """
        points = np.asarray(points, np.float64)
        nearest = self.closest(points)
        away = points - nearest.points
        side = np.where((away * nearest.normals).sum(-1) < 0, -1.0, 1.0)
        signed: NDArray[np.float64] = side * np.linalg.norm(away, axis=-1)
        return signed

    def blocks(self, origins: ArrayLike, directions: ArrayLike) -> NDArray[np.bool_]:
        """Return whether the ray from each origin in a direction hits the surface. [..., 3] twice → [...]"""
        rays = np.concatenate(np.broadcast_arrays(origins, directions), axis=-1)
        return np.asarray(self._scene.test_occlusions(np.ascontiguousarray(rays, dtype=np.float32)).numpy(), bool)


def import_open3d(purpose: str) -> Any:
    """Return the optional package open3d, which ``purpose`` (a plural) needs.

    Raises:
        MissingDependencyError: it, or a system library that it needs, is not installed.
    """
    try:
        import open3d
    except ModuleNotFoundError as error:
        if error.name != "open3d":
            raise
        raise MissingDependencyError(f"{purpose} need Open3D, which is not installed: {install('open3d')}") from error
    except (ImportError, OSError) as error:
        raise MissingDependencyError(
            f"Open3D cannot be loaded ({error}): on Debian and Ubuntu, "
            "apt install libgl1 libegl1 libx11-6 libgomp1 libusb-1.0-0"
        ) from error
    return open3d
