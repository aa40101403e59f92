"""The surface as a mesh: normals, and sparse operators (cotangent Laplacian, vertex areas)."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix, diags
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

FloatArray = NDArray[np.float64]
Float = TypeVar("Float", bound=np.floating[Any])
IntArray = NDArray[np.int64]

MAX_COTANGENT = 5.0
"""Slivers would otherwise dominate the operator."""


def vertex_normals(vertices: NDArray[Float], faces: IntArray) -> NDArray[Float]:
    """Return area-weighted unit normals. vertices [V, 3], faces [F, 3] → [V, 3]; +y where there is no area."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    scaled = np.cross(b - a, c - a)
    columns = [np.bincount(faces.ravel(), np.repeat(scaled[:, k], 3), len(vertices)) for k in range(3)]
    normals = np.stack(columns, axis=1)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    unit = np.where(length > 1e-20, normals / np.maximum(length, 1e-20), [0.0, 1.0, 0.0])
    return unit.astype(vertices.dtype)


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
    weights = coo_matrix(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=(count, count)
    ).tocsr()
    laplacian = diags(np.asarray(weights.sum(axis=1)).ravel()) - weights
    return laplacian.tocsr(), np.maximum(areas, np.median(areas) * 1e-3)


def carried_by(vertices: FloatArray, faces: IntArray, skin: NDArray[np.bool_]) -> csr_matrix:
    """Return the matrix that moves loose components (eyes, teeth) rigidly with the skin around them. [V, V]"""
    count = len(vertices)
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]]])
    graph = coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(count, count))
    _, labels = connected_components(graph, directed=False)
    on_skin = np.flatnonzero(skin)
    tree = cKDTree(vertices[on_skin])
    rows, columns, values = [on_skin], [on_skin], [np.ones(len(on_skin))]
    for label in np.unique(labels[~skin]):
        members = np.flatnonzero(labels == label)
        near = on_skin[tree.query(vertices[members])[1]]
        rows.append(np.repeat(members, len(near)))
        columns.append(np.tile(near, len(members)))
        values.append(np.full(len(members) * len(near), 1 / len(near)))
    return coo_matrix(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=(count, count)
    ).tocsr()
