"""The outer surface of a mesh, as seen from outside; it excludes skin under clothes and the inside of the mouth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fit_avatar.evaluate.surface import Surface


@dataclass(frozen=True)
class VisibilityConfig:
    """From where a surface is looked at. All values are chosen by hand."""

    directions: int = 96
    """Number of viewing directions."""
    lowest_deg: float = -35.0
    """Lowest elevation of the viewer; cameras are not placed lower, so soles count as hidden."""
    clearance: float = 2e-4
    """Rays start this far from the surface, as a fraction of the mesh's size."""
    batch: int = 12
    """Directions that are tested together; triangles that were seen are not tested again."""
    samples: tuple[tuple[float, float, float], ...] = (
        (1 / 3, 1 / 3, 1 / 3),
        (0.7, 0.15, 0.15),
        (0.15, 0.7, 0.15),
        (0.15, 0.15, 0.7),
    )
    """Points of a triangle that are tested, in barycentric coordinates; one that is seen is enough."""


VISIBILITY = VisibilityConfig()


def outer_faces(
    vertices: ArrayLike, faces: ArrayLike, up: ArrayLike = (0.0, -1.0, 0.0), config: VisibilityConfig = VISIBILITY
) -> NDArray[np.bool_]:
    """Return which triangles are visible from outside, from at least one direction. [F]

    Args:
        vertices: [V, 3].
        faces: [F, 3].
        up: the direction away from the floor.
        config: the directions.

    Raises:
        MissingDependencyError: Open3D is not installed.
    """
    points, triangles = np.asarray(vertices, np.float64), np.asarray(faces)
    surface, corners = Surface(points, triangles), points[triangles]
    clearance = config.clearance * float(np.ptp(points, axis=0).max())
    views = view_directions(config.directions, up, config.lowest_deg)
    views = views[np.random.default_rng(0).permutation(len(views))]
    seen = np.zeros(len(triangles), bool)
    for weights in config.samples:
        middle = np.einsum("k,fkc->fc", np.array(weights), corners)
        for first in range(0, len(views), config.batch):
            some, hidden = views[first : first + config.batch], np.flatnonzero(~seen)
            start = middle[hidden, None] + clearance * some
            seen[hidden] = ~surface.blocks(start, some).all(axis=1)
    return seen


def view_directions(count: int, up: ArrayLike, lowest_deg: float) -> NDArray[np.float64]:
    """Return unit vectors towards viewers, spread evenly above an elevation (a Fibonacci lattice). [count, 3]"""
    lowest = math.sin(math.radians(lowest_deg))
    height = 1 - (1 - lowest) * (np.arange(count) + 0.5) / count
    turn = math.pi * (3 - math.sqrt(5)) * np.arange(count)
    radius = np.sqrt(1 - height**2)
    axis = np.asarray(up, np.float64) / np.linalg.norm(np.asarray(up, np.float64))
    side = np.cross(axis, np.eye(3)[np.abs(axis).argmin()])
    side /= np.linalg.norm(side)
    spread: NDArray[np.float64] = (
        height[:, None] * axis
        + (radius * np.cos(turn))[:, None] * side
        + (radius * np.sin(turn))[:, None] * np.cross(axis, side)
    )
    return spread
