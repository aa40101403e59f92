"""Sparse operators on a mesh: Laplacians, averaging over neighbours, dilation, connected components."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csgraph, csr_matrix, diags, identity
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MAX_COTANGENT = 5.0
"""Cotangents are kept within a factor of this from 1, so that slivers do not dominate the Laplacian; chosen by hand."""


def adjacency(faces: IntArray, num_vertices: int) -> csr_matrix:
    """Return 1 where two vertices share an edge. faces [F, 3] → [V, V]"""
    a, b = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    matrix = csr_matrix((np.ones(2 * len(a), np.float32), (np.r_[a, b], np.r_[b, a])), (num_vertices, num_vertices))
    matrix.data[:] = 1
    return matrix


def connected_components(faces: IntArray, num_vertices: int) -> NDArray[np.int32]:
    """Return the label of each vertex's connected component. faces [F, 3] → [V]"""
    labels: NDArray[np.int32] = csgraph.connected_components(adjacency(faces, num_vertices), directed=False)[1]
    return labels


def smoothed(values: NDArray[np.floating[Any]], neighbours: csr_matrix, rounds: int) -> NDArray[np.float32]:
    """Return vertex values [V, ...] averaged with their neighbours', ``rounds`` times (umbrella smoothing)."""
    degree = np.asarray(neighbours.sum(axis=1)).ravel()
    average = csr_matrix(diags(1 / (degree + 1)) @ (neighbours + identity(len(degree), np.float32)), dtype=np.float32)
    columns = values.reshape(len(values), -1)
    for _ in range(rounds):
        columns = average @ columns
    return np.asarray(columns.reshape(values.shape), dtype=np.float32)


def graph_laplacian(neighbours: csr_matrix) -> csr_matrix:
    """Return the degree minus the adjacency. [V, V]"""
    return csr_matrix(diags(np.asarray(neighbours.sum(axis=1)).ravel()) - neighbours, dtype=np.float64)


def average(weights: csr_matrix) -> csr_matrix:
    """Return the weights [N, V] divided by their sums along rows; a row of zeros stays one."""
    sums = np.asarray(weights.sum(axis=1)).ravel()
    sums[sums == 0] = 1
    return csr_matrix(diags(1 / sums) @ weights)


def harmonic(values: FloatArray, laplacian: csr_matrix, chosen: IntArray) -> FloatArray:
    """Return values with those of some vertices carried on from the others: each the mean of its neighbours'.

    Args:
        values: [V, K]
        laplacian: its rows of the chosen vertices. [N, V]
        chosen: their numbers. [N]
    """
    others = np.setdiff1d(np.arange(len(values)), chosen)
    found = values.copy()
    found[chosen] = splu(laplacian[:, chosen].tocsc()).solve(-(laplacian[:, others] @ values[others]))
    return found


def rim_edges(faces: IntArray) -> IntArray:
    """Return the edges that one triangle alone has, in the order in which it has their ends. [E, 2]"""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    _, which, count = np.unique(np.sort(edges, 1), axis=0, return_inverse=True, return_counts=True)
    return np.asarray(edges[count[which.ravel()] == 1])


def dilated(chosen: NDArray[np.bool_], neighbours: csr_matrix, rings: int) -> NDArray[np.bool_]:
    """Return the vertices at most ``rings`` edges away from the chosen ones. [V]"""
    for _ in range(rings):
        chosen = chosen | (neighbours @ chosen.astype(np.float32) > 0)
    return chosen


def cotangent_laplacian(vertices: FloatArray, faces: IntArray) -> tuple[csr_matrix, FloatArray]:
    """Return the Laplacian (rows sum to zero, positive diagonal) [V, V] and each vertex's area [V].

    Source: Meyer et al. 2003, with clamped cotangents.
    """
    count = len(vertices)
    rows, columns, values = [], [], []
    areas = np.zeros(count)
    for i in range(3):
        a, b, c = faces[:, i], faces[:, (i + 1) % 3], faces[:, (i + 2) % 3]
        u, v = vertices[b] - vertices[a], vertices[c] - vertices[a]
        cross = np.linalg.norm(np.cross(u, v), axis=1)
        cotangent = np.clip((u * v).sum(1) / np.maximum(cross, 1e-12), 1 / MAX_COTANGENT, MAX_COTANGENT)
        rows += [b, c]
        columns += [c, b]
        values += [cotangent / 2, cotangent / 2]
        np.add.at(areas, a, cross / 6)
    weights = _assembled(rows, columns, values, count)
    laplacian = diags(np.asarray(weights.sum(axis=1)).ravel()) - weights
    return laplacian.tocsr(), np.maximum(areas, np.median(areas) * 1e-3)


def skin_attachment(vertices: FloatArray, faces: IntArray, skin: NDArray[np.bool_]) -> csr_matrix:
    """Return the matrix that moves loose components (eyes, teeth) rigidly with the skin around them.

    A vertex of the skin keeps its own value; one of a loose component gets the mean over the skin vertices nearest to
    the component's. vertices [V, 3], faces [F, 3], skin [V] → [V, V]
    """
    component = connected_components(faces, len(vertices))
    on_skin = np.flatnonzero(skin)
    tree = cKDTree(vertices[on_skin])
    rows, columns, values = [on_skin], [on_skin], [np.ones(len(on_skin))]
    for label in np.unique(component[~skin]):
        members = np.flatnonzero(component == label)
        nearest = on_skin[tree.query(vertices[members])[1]]
        rows.append(np.repeat(members, len(nearest)))
        columns.append(np.tile(nearest, len(members)))
        values.append(np.full(len(members) * len(nearest), 1 / len(nearest)))
    return _assembled(rows, columns, values, len(vertices))


def _assembled(
    rows: Sequence[IntArray], columns: Sequence[IntArray], values: Sequence[FloatArray], size: int
) -> csr_matrix:
    """Return the sparse matrix [size, size] with these entries; repeated ones are added."""
    entries = np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))
    return coo_matrix(entries, shape=(size, size)).tocsr()
