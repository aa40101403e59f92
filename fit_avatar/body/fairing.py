"""Fairing: a part of a surface made smooth along its normals, as a thin plate on springs that hold it where it was."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import diags
from scipy.sparse.linalg import splu

from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.operators import cotangent_laplacian

FloatArray = NDArray[np.float64]


def faired(vertices: FloatArray, faces: NDArray[np.int64], chosen: NDArray[np.bool_], length_m: float) -> FloatArray:
    """Return a surface whose chosen vertices have moved along their normals, so that it is smooth there. [V, 3]

    It minimises the integral of h² + l⁴ (Δx)²: what is much longer than 2π l stays, what is shorter vanishes. The other
    vertices stay where they are, and the surface is smooth across the border.

    Args:
        vertices: [V, 3] metres
        faces: [F, 3]
        chosen: [V]
        length_m: l.

    Source: Botsch and Kobbelt, "An intuitive framework for real-time freeform modeling", SIGGRAPH 2004.
    """
    own = np.flatnonzero(chosen)
    if not len(own):
        return vertices
    laplacian, areas = cotangent_laplacian(vertices, faces)
    normals = vertex_normals(vertices, faces)[own]
    bending = (laplacian @ diags(1 / areas) @ laplacian).tocsr()[own]
    among = bending[:, own]
    along = sum(diags(n) @ among @ diags(n) for n in normals.T)
    system = diags(areas[own]) + length_m**4 * along
    height = splu(system.tocsc()).solve(-(length_m**4) * (normals * (bending @ vertices)).sum(1))
    moved = vertices.copy()
    moved[own] += height[:, None] * normals
    return moved
