"""The surface as a mesh of triangles: normals, areas, neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor


def vertex_normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """Return unit normals, area-weighted. vertices [V, 3], faces [F, 3] → [V, 3]"""
    a, b, c = vertices[faces].unbind(1)
    face_normals = torch.linalg.cross(b - a, c - a)
    normals = torch.zeros_like(vertices)
    for corner in range(3):
        normals.index_add_(0, faces[:, corner], face_normals)
    return torch.nn.functional.normalize(normals, dim=-1)


def vertex_areas(vertices: Tensor, faces: Tensor) -> Tensor:
    """Return a third of the area of the triangles around each vertex. [V]"""
    a, b, c = vertices[faces].unbind(1)
    area = torch.linalg.cross(b - a, c - a).norm(dim=-1) / 6
    return torch.zeros_like(vertices[:, 0]).index_add(0, faces.flatten(), area.repeat_interleave(3))


@dataclass(frozen=True)
class Neighbours:
    """The edges of a mesh, and those between two faces with the corners opposite them."""

    edges: Tensor  # [E, 2] int64
    inner: Tensor  # [I, 2] int64
    opposite: Tensor  # [I, 2] int64, on the faces that run along and against the edge


@lru_cache(maxsize=4)
def neighbours(faces: Tensor) -> Neighbours:
    """Return which vertices and faces are neighbours. faces [F, 3]"""
    sides = torch.cat([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    across = torch.cat([faces[:, 2], faces[:, 0], faces[:, 1]])
    edges, inverse = torch.unique(sides.sort(1).values, dim=0, return_inverse=True)
    along = (sides[:, 0] < sides[:, 1]).long()
    opposite = torch.full((len(edges), 2), -1, dtype=torch.long, device=faces.device)
    opposite[inverse, 1 - along] = across
    once = torch.bincount(inverse, minlength=len(edges)) == 2
    inner = once & (opposite >= 0).all(1)
    return Neighbours(edges, edges[inner], opposite[inner])
