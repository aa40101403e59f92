"""Levels of detail: the same surface in fewer triangles, whose corners are corners of the full mesh."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fit_avatar.export.mesh import SplitMesh
from fit_avatar.io.optional import import_optional

LEVELS = (0.5, 0.25, 0.1)
"""Parts of the full mesh's triangles that the further levels keep."""

MORE = tuple(1 + 0.01 * step for step in range(11))
"""Multiples of the wanted number of triangles that are tried, until the surface is not pinched anywhere."""

ANY_ERROR = 1.0
"""As a part of the mesh's size: the number of triangles decides, not the error."""


def import_meshoptimizer() -> Any:
    """Return the optional package meshoptimizer.

    Raises:
        MissingDependencyError: it is not installed.
    """
    return import_optional(
        "meshoptimizer",
        "levels of detail need the package meshoptimizer",
        "install it, with a C++ compiler at hand, with pip install 'fit-avatar[lod]'",
    )


def simplified(mesh: SplitMesh, vertices: NDArray[np.float64], part: float) -> SplitMesh:
    """Collapse edges, those first that the shape misses least, until about a part of the triangles is left.

    No vertex moves, so texture coordinates and skinning weights stay what they were; the two sides of a texture seam
    collapse together, so a closed surface stays closed. Where collapsing would pinch the surface, say an eyelid's two
    rims to one edge, a few triangles more are kept.

    Args:
        mesh: N vertices, doubled along texture seams.
        vertices: positions of the vertices that ``mesh.vertex`` counts. [V, 3]
        part: of the triangles to keep, in (0, 1].

    Returns:
        The triangles that are left, and the vertices that they use.

    Raises:
        MissingDependencyError: meshoptimizer is not installed.

    Source: Garland and Heckbert 1997 (quadric error metrics), as implemented in meshoptimizer.
    """
    if part >= 1:
        return mesh
    simplify = import_meshoptimizer().simplify
    # The package reads as many bytes as there should be: the arrays must be contiguous and of its types.
    positions = np.ascontiguousarray(vertices[mesh.vertex], np.float32)
    indices = np.ascontiguousarray(mesh.faces.ravel(), np.uint32)
    candidates = []
    for more in MORE:
        kept, wanted = np.zeros_like(indices), 3 * int(len(mesh.faces) * min(part * more, 1.0))
        count = simplify(kept, indices, positions, target_index_count=wanted, target_error=ANY_ERROR)
        faces = kept[:count].reshape(-1, 3)
        faces = faces[_proper(mesh.vertex[faces])]
        candidates.append((_pinches(mesh.vertex[faces]), faces))
        if candidates[-1][0] == 0:
            break
    _, faces = min(candidates, key=lambda candidate: candidate[0])
    used, faces = np.unique(faces, return_inverse=True)
    return SplitMesh(mesh.vertex[used], mesh.uv[used], faces.reshape(-1, 3).astype(np.int64))


def _proper(faces: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which triangles enclose something: no two corners in one place, no second triangle on its back. [F]

    Where many texture coordinates share a vertex, collapsing leaves a few others; a closed surface stays closed
    without them. faces [F, 3] count vertices, not vertices doubled along seams.
    """
    corners = np.sort(faces, axis=1)
    _, which, count = np.unique(corners, axis=0, return_inverse=True, return_counts=True)
    apart = (corners[:, 0] != corners[:, 1]) & (corners[:, 1] != corners[:, 2])
    return np.asarray(apart & (count[which.ravel()] == 1))


def _pinches(faces: NDArray[np.int64]) -> int:
    """Return how many edges more than two triangles share. faces [F, 3]"""
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    return int((np.unique(edges, axis=0, return_counts=True)[1] > 2).sum())
