"""The mesh as a graph, for walks over the surface."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags, identity


def adjacency(faces: NDArray[np.int64], num_vertices: int) -> csr_matrix:
    """Return 1 where two vertices share an edge. faces [F, 3] → [V, V]"""
    a, b = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    matrix = csr_matrix((np.ones(2 * len(a), np.float32), (np.r_[a, b], np.r_[b, a])), (num_vertices, num_vertices))
    matrix.data[:] = 1
    return matrix


def averaging(neighbours: csr_matrix) -> csr_matrix:
    """Return the matrix that replaces each vertex's value by the mean of itself and its neighbours. [V, V]"""
    matrix = neighbours + identity(neighbours.shape[0], np.float32)
    return csr_matrix(diags(1 / np.asarray(matrix.sum(axis=1)).ravel()) @ matrix, dtype=np.float32)


def soften(values: NDArray[np.float32], neighbours: csr_matrix, rounds: int) -> NDArray[np.float32]:
    """Return vertex values [V, ...] averaged with their neighbours', some rounds."""
    smooth, columns = averaging(neighbours), values.reshape(len(values), -1)
    for _ in range(rounds):
        columns = smooth @ columns
    return np.asarray(columns.reshape(values.shape), dtype=np.float32)


def laplacian(neighbours: csr_matrix) -> csr_matrix:
    """Return the graph Laplacian: degree minus adjacency. [V, V]"""
    return csr_matrix(diags(np.asarray(neighbours.sum(axis=1)).ravel()) - neighbours, dtype=np.float64)


def grow(chosen: NDArray[np.bool_], neighbours: csr_matrix, rings: int) -> NDArray[np.bool_]:
    """Return the vertices within some edges of the chosen ones. [V]"""
    for _ in range(rings):
        chosen = chosen | (neighbours @ chosen.astype(np.float32) > 0)
    return chosen
