"""A closed tube of triangles around hair, of rings from the head down."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fit_avatar.body.hanging_hair import HangingHair, hair_weights
from fit_avatar.body.model import Body

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def tube_of(body: Body, rings: Tensor, betas: Tensor) -> HangingHair:
    """Return hair whose surface runs through rings, and is closed half a step beyond the first and the last.

    Args:
        body: that it follows.
        rings: closed loops from the head down in the bind pose, against the clock as the head sees them. [R, N, 3]
        betas: the shape of the body. [B]

    Raises:
        BadInputError: the body has no head and back by SMPL's names.
    """
    faces, uvs, uv_faces = _connected(*rings.shape[:2])
    ends = _end(rings[0], rings[1]), _end(rings[-1], rings[-2])
    vertices = torch.cat([ends[0][None], rings.flatten(0, 1), ends[1][None]])
    return HangingHair(
        vertices=vertices,
        faces=torch.from_numpy(faces).to(rings.device),
        weights=hair_weights(body, betas, vertices[:, 1].to(betas)),
        uvs=torch.from_numpy(uvs).to(rings),
        uv_faces=torch.from_numpy(uv_faces).to(rings.device),
        betas=tuple(betas.tolist()),
    )


def _end(last: Tensor, before: Tensor) -> Tensor:
    """Return the vertex that closes a tube: half a step beyond its last ring. [N, 3] each → [3]"""
    centre = last.mean(0)
    return centre + (centre - before.mean(0)) / 2


def _connected(rows: int, around: int) -> tuple[IntArray, FloatArray, IntArray]:
    """Return the triangles of rings that two vertices close, their texture coordinates, and those of the triangles.

    The rings run along the strip, from its top down; the last column of texture coordinates is that of the first ring
    vertices again.
    """
    last = rows * around + 1
    grid = 1 + np.arange(rows * around).reshape(rows, around)
    seam = around + np.arange(rows * (around + 1)).reshape(rows, around + 1)  # after the first end's, one a triangle
    closed = grid[:, np.r_[np.arange(around), 0]]

    def quads(table: IntArray) -> IntArray:
        a, b, c, d = table[:-1, :-1], table[:-1, 1:], table[1:, :-1], table[1:, 1:]
        return np.concatenate([np.stack([a, c, b], -1).reshape(-1, 3), np.stack([b, c, d], -1).reshape(-1, 3)])

    def caps(table: IntArray, above: IntArray, below: IntArray) -> IntArray:
        first, end = table[0], table[-1]
        return np.concatenate([np.stack([above, first[:-1], first[1:]], -1), np.stack([below, end[1:], end[:-1]], -1)])

    faces = np.concatenate([quads(closed), caps(closed, np.full(around, 0), np.full(around, last))])
    after = around + rows * (around + 1)
    uv_faces = np.concatenate([quads(seam), caps(seam, np.arange(around), after + np.arange(around))])
    down = 1 - np.repeat((1 + np.arange(rows)) / (rows + 1), around + 1)
    across = np.tile(np.arange(around + 1) / around, rows)
    between = (np.arange(around) + 0.5) / around
    uvs = np.concatenate(
        [np.stack([between, 0 * between + 1], 1), np.stack([across, down], 1), np.stack([between, 0 * between], 1)]
    )
    return faces, uvs, uv_faces
