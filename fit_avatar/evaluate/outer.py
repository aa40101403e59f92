"""The outer surface of a mesh: what can be seen from outside. Skin under clothes and the inside of a mouth cannot."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fit_avatar.evaluate.surface import Surface

DIRECTIONS = 96
LOWEST_DEG = -35.0
"""Nobody looks at a standing person from further below, so soles are not seen."""
CLEARANCE = 2e-4
"""Rays begin this part of the mesh's size away from its surface."""
AT_ONCE = 12
"""Directions that are tried together; triangles that were seen need not be tried again."""
PLACES = ((1 / 3, 1 / 3, 1 / 3), (0.7, 0.15, 0.15), (0.15, 0.7, 0.15), (0.15, 0.15, 0.7))
"""Where on a triangle the view is tried, in barycentric coordinates."""


def outer_faces(vertices: ArrayLike, faces: ArrayLike, up: ArrayLike = (0.0, -1.0, 0.0)) -> NDArray[np.bool_]:
    """Return which triangles are seen from outside, from at least one of 96 directions.

    Args:
        vertices: [V, 3].
        faces: [F, 3].
        up: the direction away from the floor; views from more than 35 degrees below do not count.

    Raises:
        MissingDependencyError: Open3D is not installed.
    """
    points, triangles = np.asarray(vertices, np.float64), np.asarray(faces)
    surface, corners = Surface(points, triangles), points[triangles]
    clearance = CLEARANCE * float(np.ptp(points, axis=0).max())
    views = view_directions(DIRECTIONS, up)
    views = views[np.random.default_rng(0).permutation(len(views))]
    seen = np.zeros(len(triangles), bool)
    for place in PLACES:
        middle = np.einsum("k,fkc->fc", np.array(place), corners)
        for first in range(0, len(views), AT_ONCE):
            some, hidden = views[first : first + AT_ONCE], np.flatnonzero(~seen)
            start = middle[hidden, None] + clearance * some
            seen[hidden] = ~surface.blocks(start, some).all(axis=1)
    return seen


def view_directions(count: int, up: ArrayLike) -> NDArray[np.float64]:
    """Return unit vectors towards viewers that are spread evenly above 35 degrees below the horizon. [count, 3]"""
    lowest = math.sin(math.radians(LOWEST_DEG))
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
