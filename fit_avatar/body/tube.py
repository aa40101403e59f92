"""A closed tube of triangles around the skin of both legs, in rings on the convex hull of what they go around.

It is hollow from below, as skirts are: at the hem it turns in and goes up again as a lining.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.sparse import csr_matrix, kron, vstack
from scipy.spatial import ConvexHull

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

AROUND = 72
"""Vertices of a ring: one per 15 mm of a hem of a metre. Even, so that a ring mirrors onto itself. Chosen by hand."""
RING_M = 0.014
"""Distance between rings, as large as that between the vertices of one. Chosen by hand."""
INSIDE = (0.04, 0.5, 0.9)
"""Shares of the radius by which the rings above the first one go in, before the centre closes them: hidden by the
body. Chosen by hand."""
THICK_M = 0.004
"""Between the outside and the lining behind it. Chosen by hand: thinner than what the skin below keeps free."""
LIPS = ((0.5, 0.15), (1.0, 0.85))
"""The rings that turn in at the hem: shares of the thickness, and places in rings above the hem. Chosen by hand."""
LIP = len(LIPS)
"""Rings below the hem whose faces look down: outlines show them."""
LINED_M = 0.28
"""The lining goes up by so much, where the cloth is long enough: below 40 cm of cloth from front to back, its end is
not seen from 35° below the horizon."""
LINED = 9
"""Rings of the lining: up to twice as far apart as outside. Chosen by hand."""
UNLINED_M = 0.15
"""It ends so far below the first ring, below the crotch. Chosen by hand."""
ENDS = (0.3, 0.6, 0.9)
"""Shares of the radius by which the rings above the lining go in, before the centre closes them: legs go through what
they close. Chosen by hand."""
UNDER = LIP + LINED + len(ENDS)
"""Rings below the hem, or behind it."""
NARROW = 0.4
"""Texture for the way between two rings that are hidden, as a share of that between two outside. Chosen by hand: a
short skirt has as much for its outside as without a lining."""
LOOSE_M = 0.006
"""Cloth starts so far outside the hull. Chosen by hand."""
SECTION = 48
"""Skin vertices of a section through both legs at least, where a mesh is coarse. Chosen by hand."""


@dataclass(frozen=True)
class Tube:
    """Rings from the top to the hem and up again behind it; the first and the last vertex are centres."""

    vertices: FloatArray  # [G, 3]
    faces: IntArray  # [F, 3]
    mirror: IntArray  # [G]
    uvs: FloatArray  # [U, 2] in [0, 1]: across the strip, along it
    uv_faces: IntArray  # [F, 3]


def outside(count: int) -> slice:
    """Return which of the vertices of a tube are seen from outside."""
    return slice(1 + len(INSIDE) * AROUND, count - 1 - UNDER * AROUND)


def seen(count: int) -> slice:
    """Return these and the lip of the hem, which outlines show from the side."""
    return slice(1 + len(INSIDE) * AROUND, count - 1 - (UNDER - LIP) * AROUND)


def follows(count: int) -> csr_matrix:
    """Return what the vertices of a tube take of those outside: the lining of what is before it. [G, R · AROUND]

    Rows sum to one. What closes the tube goes on from the ring where it begins, evenly to that ring's mean.
    """
    rings = (outside(count).stop - outside(count).start) // AROUND
    ring, mean = np.eye(AROUND), np.full((AROUND, AROUND), 1 / AROUND)
    before = np.eye(rings)
    behind = _between(rings - 1 - _lined(rings), rings)
    parts = [kron(before[:1], mean[:1])]
    parts += [kron(before[:1], (1 - share) * ring + share * mean) for share in INSIDE[::-1]]
    parts += [kron(before, ring), kron(behind, ring)]
    parts += [kron(behind[-1:], (1 - share) * ring + share * mean) for share in ENDS]
    parts += [kron(behind[-1:], mean[:1])]
    return csr_matrix(vstack(parts))


def _lined(rings: int) -> FloatArray:
    """Return how far above the hem lips and lining are, in rings. [LIP + LINED]"""
    most = min(LINED_M / RING_M, max(rings - 1 - UNLINED_M / RING_M, 3.5))
    lip = LIPS[-1][1]
    return np.concatenate([[up for _, up in LIPS], lip + (most - lip) * np.arange(1, LINED + 1) / LINED])


def _between(places: FloatArray, rings: int) -> FloatArray:
    """Return the shares of rings that places between them take. [N] → [N, rings]"""
    return np.stack([np.interp(places, np.arange(rings), row) for row in np.eye(rings)], 1)


def laid_around(skin: FloatArray, top: float, hem: float, slope: float = 0.0) -> Tube:
    """Return the tube around the skin of hips and legs.

    Args:
        skin: of hips and legs. [N, 3]
        top: height of the first ring.
        hem: height of the last one, over the axis.
        slope: of the last ring, up to the front; the rings between tilt from the first one's level to it.
    """
    count = round((top - hem) / RING_M) + 1
    heights = np.linspace(top, hem, count)
    angles = 2 * np.pi * np.arange(AROUND) / AROUND  # from the left side over the front
    centres = np.array([_middle(skin, y) for y in heights])
    centres = gaussian_filter1d(centres, 3, mode="nearest")
    radii = np.stack([_hull_radii(skin, y, z, angles) for y, z in zip(heights, centres, strict=True)])
    radii = np.maximum.accumulate(radii)  # cloth hangs straight down from what is widest
    radii = gaussian_filter1d(gaussian_filter1d(radii, 2, axis=0, mode="nearest"), 1.5, axis=1, mode="wrap") + LOOSE_M
    slopes = slope * np.linspace(0, 1, count)
    behind = _between(count - 1 - _lined(count), count)
    thick = THICK_M * np.r_[[share for share, _ in LIPS], np.ones(LINED)]
    lining = list(
        zip(behind @ radii - thick[:, None], behind @ heights, behind @ centres, behind @ slopes, strict=True)
    )
    end, *place = lining[-1]
    rings = [(radii[0] * (1 - inwards), heights[0], centres[0], 0.0) for inwards in INSIDE[::-1]]
    rings += [*zip(radii, heights, centres, slopes, strict=True), *lining]
    rings += [(end * (1 - inwards), *place) for inwards in ENDS]
    x, z = np.cos(angles), np.sin(angles)
    points = [np.stack([r * x, y + tilt * r * z, middle + r * z], 1) for r, y, middle, tilt in rings]
    ends = [np.array([[0.0, y, middle]]) for _, y, middle, _ in (rings[0], rings[-1])]
    return Tube(np.concatenate([ends[0], *points, ends[1]]), *_connected(len(rings)))


def _middle(skin: FloatArray, height: float) -> float:
    """Return the z in the middle of what is at a height."""
    near = _section(skin, height)[:, 2]
    return float((near.min() + near.max()) / 2)


def _section(skin: FloatArray, height: float) -> FloatArray:
    """Return the skin at a height. [N, 3]"""
    away = np.abs(skin[:, 1] - height)
    fewest = min(SECTION, len(away))
    return skin[away <= max(RING_M, float(np.partition(away, fewest - 1)[fewest - 1]))]


def _hull_radii(skin: FloatArray, height: float, middle: float, angles: FloatArray) -> FloatArray:
    """Return the distances from the axis to the convex hull of what is at a height, at every angle. [A]"""
    near = _section(skin, height)[:, [0, 2]] - (0.0, middle)
    equations = ConvexHull(near).equations  # [E, 3]: normal · x + offset ≤ 0 inside
    along = equations[:, :2] @ np.stack([np.cos(angles), np.sin(angles)])
    with np.errstate(divide="ignore"):
        distances = np.where(along > 1e-9, -equations[:, 2:] / along, np.inf)
    return np.asarray(distances.min(0))


def _connected(rings: int) -> tuple[IntArray, IntArray, FloatArray, IntArray]:
    """Return faces, mirror images, UVs and faces of the UVs of rings that two centres close."""
    last = rings * AROUND + 1
    grid = 1 + np.arange(rings * AROUND).reshape(rings, AROUND)
    seam = 1 + np.arange(rings * (AROUND + 1)).reshape(rings, AROUND + 1)  # the back is there twice
    start = 3 * AROUND // 4  # angle of the back, −z
    order = (start + np.arange(AROUND)) % AROUND
    closed = grid[:, np.r_[order, order[0]]]

    def quads(table: IntArray) -> IntArray:
        a, b, c, d = table[:-1, :-1], table[:-1, 1:], table[1:, :-1], table[1:, 1:]
        return np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([b, d, c], -1).reshape(-1, 3)])

    def caps(table: IntArray, centres: tuple[IntArray, IntArray]) -> IntArray:
        first, end = table[0], table[-1]
        above = np.stack([np.broadcast_to(centres[0], AROUND), first[1:], first[:-1]], -1)
        below = np.stack([np.broadcast_to(centres[1], AROUND), end[:-1], end[1:]], -1)
        return np.concatenate([above, below])

    faces = np.concatenate([quads(closed), caps(closed, (np.array([0]), np.array([last])))])
    size = rings * (AROUND + 1)
    uv_faces = np.concatenate(
        [quads(seam), caps(seam, (1 + size + np.arange(AROUND), 1 + size + AROUND + np.arange(AROUND)))]
    )
    # A row of texture for each centre, so that the triangles of the caps have area there, too.
    widths = np.full(rings + 1, NARROW)
    widths[len(INSIDE) + 1 : rings - UNDER] = 1
    across = np.repeat(np.cumsum(widths)[:-1] / widths.sum(), AROUND + 1)
    along = np.tile(np.arange(AROUND + 1) / AROUND, rings)
    between = (np.arange(AROUND) + 0.5) / AROUND
    uvs = np.concatenate(
        [[[0.0, 0.0]], np.stack([across, along], 1), np.stack([0 * between, between], 1),
         np.stack([0 * between + 1, between], 1)]
    )  # fmt: skip
    mirrored = grid[:, (AROUND // 2 - np.arange(AROUND)) % AROUND]
    return faces, np.r_[0, mirrored.ravel(), last], uvs, uv_faces
