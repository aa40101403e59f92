"""Vertices of a disc of triangles, spread evenly over the surface that the disc lies on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags, eye

from fit_avatar.body.operators import average, harmonic, rim_edges

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

LEAST_MM2 = 1.5
"""Smaller triangles get more room. Chosen by hand: larger ones leave slivers across what is sharply curved."""
ROUNDS = 6
"""Times that vertices are laid out again, after which areas hardly change. Chosen by hand."""


def spread_evenly(
    vertices: FloatArray, faces: IntArray, neighbours: csr_matrix, least_mm2: float = LEAST_MM2, rounds: int = ROUNDS
) -> FloatArray:
    """Return the inner vertices of a disc slid along it, so that triangles which had shrunk there get room.

    The disc is laid into a circle as Tutte (1963) embeds a graph, twice: with equal weights, which says what surface
    is where, and with weights that give more room to what has too little, found in a few rounds (Yoshizawa, Belyaev
    and Seidel 2004, A fast and simple stretch-minimizing mesh parameterization). In both no triangle is turned over.

    Args:
        vertices: of a mesh. [V, 3] metres
        faces: of the disc. [F, 3]
        neighbours: 1 where two vertices share an edge. [V, V]
        least_mm2: the triangles' area that is wanted.
        rounds: of laying out.

    Returns:
        the vertices [V, 3]; unchanged where the faces are no disc, whose rim is one closed line
    """
    rim = _rim(faces)
    inner = np.setdiff1d(faces, rim)
    if not len(rim) or not len(inner) or _is_no_disc(faces, rim):
        return vertices
    used = np.concatenate([inner, rim])
    number = np.zeros(len(vertices), np.int64)
    number[used] = np.arange(len(used))
    disc, surface = number[faces], vertices[used]
    weights, circle = average(neighbours[inner][:, used]), _circle(vertices[rim])
    where = _embedded(weights, circle)
    small = np.flatnonzero(_areas_at(surface, disc)[: len(inner)] < 1e-6 * least_mm2)
    surface = harmonic(surface, _laplacian(weights)[small], small)  # dents, too small to be seen, would grow
    places = surface
    for _ in range(rounds):
        weights = average(weights @ diags(1 / _stretch(places, disc, 1e-6 * least_mm2)))
        places = _interpolated(surface, where, disc, _embedded(weights, circle))
    moved = vertices.copy()
    moved[inner] = places[: len(inner)]
    return moved


def _is_no_disc(faces: IntArray, rim: IntArray) -> bool:
    """Tell it by Euler's number: edges are those of the rim, and half of the triangles' other sides."""
    edges = (3 * len(faces) + len(rim)) / 2
    return len(np.unique(faces)) - edges + len(faces) != 1


def _rim(faces: IntArray) -> IntArray:
    """Return the vertices of the rim in order; none if it is not one closed line. [R]"""
    follows = dict(rim_edges(faces).tolist())
    if not follows:
        return np.zeros(0, np.int64)
    line = [min(follows)]
    while (after := follows.get(line[-1])) is not None and after != line[0] and len(line) <= len(follows):
        line.append(after)
    return np.array(line if len(line) == len(follows) else [], np.int64)


def _circle(rim: FloatArray) -> FloatArray:
    """Return where a closed line's vertices are on the unit circle, as far apart as on the line. [R, 3] → [R, 2]"""
    along = np.cumsum(np.linalg.norm(np.roll(rim, -1, axis=0) - rim, axis=1))
    angle = 2 * np.pi * along / along[-1]
    return np.stack([np.cos(angle), np.sin(angle)], 1)


def _embedded(weights: csr_matrix, circle: FloatArray) -> FloatArray:
    """Return each inner vertex in the weighted mean of its neighbours. [N, N + R], [R, 2] → [N + R, 2]"""
    inner = weights.shape[0]
    return harmonic(np.concatenate([np.zeros((inner, 2)), circle]), _laplacian(weights), np.arange(inner))


def _laplacian(weights: csr_matrix) -> csr_matrix:
    """Return what each inner vertex is beside the mean of its neighbours. [N, N + R]"""
    return csr_matrix(eye(*weights.shape, format="csr") - weights)


def _stretch(vertices: FloatArray, faces: IntArray, least: float) -> FloatArray:
    """Return how many times longer the triangles at each vertex are to be, 1 where none is too small. [V]"""
    areas = _areas(vertices, faces)
    now, wanted = (_sum_at_corners(area, faces, len(vertices)) for area in (areas, np.maximum(areas, least)))
    return np.asarray(np.sqrt(wanted / now))


def _areas_at(vertices: FloatArray, faces: IntArray) -> FloatArray:
    """Return the mean area of the triangles at each vertex. [V]"""
    total, count = (
        _sum_at_corners(each, faces, len(vertices)) for each in (_areas(vertices, faces), np.ones(len(faces)))
    )
    return np.asarray(total / np.maximum(count, 1))


def _areas(vertices: FloatArray, faces: IntArray) -> FloatArray:
    a, b, c = vertices[faces.T]
    return np.asarray(np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2)


def _sum_at_corners(each: FloatArray, faces: IntArray, count: int) -> FloatArray:
    return np.asarray(np.bincount(faces.ravel(), np.repeat(each, 3), count), np.float64)


def _interpolated(surface: FloatArray, where: FloatArray, faces: IntArray, at: FloatArray) -> FloatArray:
    """Return the surface at places of the circle. [V, 3], [V, 2], [F, 3], [V, 2] → [V, 3]"""
    corners = np.insert(where[faces], 2, 1.0, axis=2).transpose(0, 2, 1)  # [F, 3, 3] in columns
    shares = np.linalg.inv(corners) @ np.insert(at, 2, 1.0, axis=1).T  # [F, 3, V] barycentric coordinates
    face = shares.min(1).argmax(0)  # the one that has the place in it, or the nearest to that
    return np.asarray(np.einsum("cv,vcx->vx", shares[face, :, np.arange(len(at))].T, surface[faces[face]]))
