"""Levels of detail: the same surface with fewer triangles, whose vertices are vertices of the full mesh."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fit_avatar.export.mesh import SplitMesh
from fit_avatar.io.optional import import_optional, install


@dataclass(frozen=True)
class LodConfig:
    """Settings of the simplification. All values are chosen by hand."""

    levels: tuple[float, ...] = (0.5, 0.25, 0.1)
    """Fractions of the full mesh's triangles."""
    slack: tuple[float, ...] = tuple(1 + 0.01 * step for step in range(11))
    """Multiples of the number of triangles that are tried in turn, until no edge has more than two triangles."""
    max_error: float = 1.0
    """Largest error, as a fraction of the mesh's size; so large that only the number of triangles decides."""


LOD = LodConfig()


def import_meshoptimizer() -> Any:
    """Return the optional package meshoptimizer.

    Raises:
        MissingDependencyError: it is not installed.
    """
    return import_optional(
        "meshoptimizer",
        "levels of detail need the package meshoptimizer",
        f"install it, with a C++ compiler at hand, with {install('meshoptimizer==0.2.30a0')}",
    )


def simplified(mesh: SplitMesh, vertices: NDArray[np.float64], fraction: float, config: LodConfig = LOD) -> SplitMesh:
    """Return a mesh simplified by edge collapse to about a fraction of its triangles.

    No vertex moves, so texture coordinates and skinning weights do not change; the two sides of a texture seam
    collapse together, so a closed surface stays closed. Where a collapse would pinch the surface, for example the two
    rims of an eyelid into one edge, a few more triangles are kept.

    Args:
        mesh: N vertices, duplicated along texture seams.
        vertices: positions of the body's vertices. [V, 3]
        fraction: of the triangles to keep, in (0, 1].
        config: settings.

    Returns:
        The remaining triangles with their vertices.

    Raises:
        MissingDependencyError: meshoptimizer is not installed.

    Source: Garland and Heckbert 1997 (quadric error metrics), as implemented in meshoptimizer.
    """
    if fraction >= 1:
        return mesh
    simplify = import_meshoptimizer().simplify
    # The package does not check its arguments: the arrays must be contiguous and of these types.
    positions = np.ascontiguousarray(vertices[mesh.vertex], np.float32)
    indices = np.ascontiguousarray(mesh.faces.ravel(), np.uint32)
    candidates = []
    for slack in config.slack:
        kept, wanted = np.zeros_like(indices), 3 * int(len(mesh.faces) * min(fraction * slack, 1.0))
        count = simplify(kept, indices, positions, target_index_count=wanted, target_error=config.max_error)
        faces: NDArray[np.uint32] = kept[:count].reshape(-1, 3)
        faces = faces[_proper(mesh.vertex[faces])]
        candidates.append((_pinches(mesh.vertex[faces]), faces))
        if candidates[-1][0] == 0:
            break
    _, faces = min(candidates, key=lambda candidate: candidate[0])
    used, corners = np.unique(faces, return_inverse=True)
    return SplitMesh(mesh.vertex[used], mesh.uv[used], corners.reshape(-1, 3).astype(np.int64))


def _proper(faces: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which triangles have three different vertices and do not coincide with another triangle. [F]

    Edge collapse leaves a few others where many texture coordinates share a vertex; a closed surface stays closed
    without them. faces [F, 3] are indices of the body's vertices.
    """
    corners = np.sort(faces, axis=1)
    _, which, count = np.unique(corners, axis=0, return_inverse=True, return_counts=True)
    apart = (corners[:, 0] != corners[:, 1]) & (corners[:, 1] != corners[:, 2])
    return np.asarray(apart & (count[which.ravel()] == 1))


def _pinches(faces: NDArray[np.int64]) -> int:
    """Return the number of edges with more than two triangles. faces [F, 3]"""
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    return int((np.unique(edges, axis=0, return_counts=True)[1] > 2).sum())
