"""A trunk without what clothes hide: nipples, navel and what is between the legs would show through every shirt."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags
from scipy.sparse.linalg import splu

from fit_avatar.body.operators import adjacency

FloatArray = NDArray[np.float64]

MARKS = (
    ((0.107, 0.336, 0.148), 0.025),
    ((-0.107, 0.336, 0.148), 0.025),
    ((0.0, 0.126, 0.142), 0.050),
    ((0.0, -0.070, 0.085), 0.050),
)
"""Where they are on the mean adult, in metres from the middle of the hips, and the radius of the skin made anew.
Chosen by hand, from pictures."""


def without_marks(mesh: FloatArray, faces: NDArray[np.int64]) -> FloatArray:
    """Return mean and directions of the vertices [1 + B, V, 3], the marks filled from the skin around them.

    They are filled by the surface of least bending (Botsch & Kobbelt 2004, "An intuitive framework for real-time
    freeform modeling", section 3). It is linear in the skin around, so that every person is as plain as the mean.
    """
    mean = mesh[0]
    within = [np.linalg.norm(mean - middle, axis=1) < radius for middle, radius in MARKS]
    inner = np.flatnonzero(np.logical_or.reduce(within))
    outer = np.setdiff1d(np.arange(len(mean)), inner)
    laplacian = _laplacian(mean, faces)
    bending = (laplacian.T @ laplacian)[inner].tocsc()
    points = mesh.transpose(1, 0, 2).reshape(len(mean), -1)
    points[inner] = splu(bending[:, inner]).solve(-(bending[:, outer] @ points[outer]))
    return np.ascontiguousarray(points.reshape(len(mean), len(mesh), 3).transpose(1, 0, 2))


def _laplacian(vertices: FloatArray, faces: NDArray[np.int64]) -> csr_matrix:
    """Return the scale-dependent Laplacian, which does not mind how fine the mesh is (Fujiwara 1995). [V, V]"""
    edges = adjacency(faces, len(vertices)).tocoo()
    lengths = np.linalg.norm(vertices[edges.row] - vertices[edges.col], axis=1)
    near = csr_matrix((1 / lengths, (edges.row, edges.col)), edges.shape)
    around = csr_matrix((lengths, (edges.row, edges.col)), edges.shape).sum(axis=1).A1
    return diags(2 / around) @ (diags(near.sum(axis=1).A1) - near)
