"""Triangle meshes: normals, areas, and which vertices and triangles are neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Real = TypeVar("Real", bound=np.floating[Any])
_NO_AREA = 1e-20


@overload
def vertex_normals(vertices: Tensor, faces: Tensor) -> Tensor: ...
@overload
def vertex_normals(vertices: NDArray[Real], faces: NDArray[np.int64]) -> NDArray[Real]: ...
def vertex_normals(vertices: Any, faces: Any) -> Any:
    """Return area-weighted unit normals of one mesh or a batch of them; +y at vertices without area.

    Tensors and arrays are both taken, and returned as they came. vertices [..., V, 3], faces [F, 3] → [..., V, 3]
    """
    if isinstance(vertices, np.ndarray):
        return vertex_normals(torch.from_numpy(vertices), torch.from_numpy(faces)).numpy()
    summed = _sum_at_corners(_edge_crosses(vertices, faces), faces, vertices.shape[-2]).movedim(0, -2)
    length = summed.norm(dim=-1, keepdim=True)
    return torch.where(length > _NO_AREA, summed / length.clamp_min(_NO_AREA), summed.new_tensor([0.0, 1.0, 0.0]))


@overload
def vertex_areas(vertices: Tensor, faces: Tensor) -> Tensor: ...
@overload
def vertex_areas(vertices: NDArray[Real], faces: NDArray[np.int64]) -> NDArray[Real]: ...
def vertex_areas(vertices: Any, faces: Any) -> Any:
    """Return a third of the area of the triangles around each vertex; their sum is the area of the surface.

    Tensors and arrays are both taken, and returned as they came. vertices [..., V, 3], faces [F, 3] → [..., V]
    """
    if isinstance(vertices, np.ndarray):
        return vertex_areas(torch.from_numpy(vertices), torch.from_numpy(faces)).numpy()
    thirds = _edge_crosses(vertices, faces).norm(dim=-1) / 6
    return _sum_at_corners(thirds, faces, vertices.shape[-2]).movedim(0, -1)


def _edge_crosses(vertices: Tensor, faces: Tensor) -> Tensor:
    """Return the cross product of two edges of each triangle, twice its area long. [..., V, 3] → [F, ..., 3]"""
    leading = vertices.movedim(-2, 0).contiguous()  # reading and adding whole rows is twice as fast
    a, b, c = (leading[faces[:, corner]] for corner in range(3))
    crosses: Tensor = torch.linalg.cross(b - a, c - a)
    return crosses


def _sum_at_corners(values: Tensor, faces: Tensor, num_vertices: int) -> Tensor:
    """Return for each vertex the sum over the triangles around it. [F, ...] → [V, ...]"""
    total = values.new_zeros(num_vertices, *values.shape[1:])
    for corner in range(3):
        total.index_add_(0, faces[:, corner], values)
    return total


@dataclass(frozen=True)
class Neighbours:
    """The edges of a mesh, and those between two triangles with the corners opposite them."""

    edges: Tensor  # [E, 2] int64
    inner: Tensor  # [I, 2] int64
    opposite: Tensor  # [I, 2] int64, on the triangles that run along and against the edge


@lru_cache(maxsize=4)
def neighbours(faces: Tensor) -> Neighbours:
    """Return which vertices and triangles are neighbours. faces [F, 3]"""
    sides = torch.cat([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    across = torch.cat([faces[:, 2], faces[:, 0], faces[:, 1]])
    edges, inverse = torch.unique(sides.sort(1).values, dim=0, return_inverse=True)
    along = (sides[:, 0] < sides[:, 1]).long()
    opposite = torch.full((len(edges), 2), -1, dtype=torch.long, device=faces.device)
    opposite[inverse, 1 - along] = across
    shared = torch.bincount(inverse, minlength=len(edges)) == 2
    inner = shared & (opposite >= 0).all(1)
    return Neighbours(edges, edges[inner], opposite[inner])
