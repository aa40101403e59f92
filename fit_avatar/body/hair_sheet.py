"""A closed sheet of triangles behind head, neck and back: a patch of the body's own mesh, outside and inside.

It moves as the skin below it, so that neither comes through the other.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from fit_avatar.body.hanging_hair import HangingHair
from fit_avatar.body.model import Body
from fit_avatar.body.operators import adjacency, connected_components, dilated, rim_edges

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

CLOSE = 2
"""Holes and bays of the patch so many edges wide are closed. Chosen by hand."""
INSIDE, EDGE = 0.15, 0.05
"""Shares of the strip's width that the inside and the edge get, which nobody sees. Chosen by hand."""
GAP = 0.02
"""Of the strip's width, between them. Chosen by hand."""
FEWEST = 60
"""Triangles of a sheet, at least. Chosen by hand."""


def sheet_of(
    body: Body, chosen: BoolArray, outer: FloatArray, inner: FloatArray, betas: tuple[float, ...]
) -> HangingHair | None:
    """Return hair between two surfaces with the body's triangles; None if hardly any are chosen.

    Args:
        body: gives triangles and texture coordinates.
        chosen: vertices over which hair lies; the largest piece counts. [V]
        outer: where its outside is, at every vertex, in the bind pose. [V, 3]
        inner: where its inside is; at the rim the outside is half-way there, from the body's skin on. [V, 3]
        betas: the shape of the body.
    """
    faces = body.faces.cpu().numpy()
    own = _patch(faces, chosen)
    if len(own) < FEWEST:
        return None
    used, local = np.unique(faces[own], return_inverse=True)
    corners, uv_local = np.unique(body.uv_faces.cpu().numpy()[own], return_inverse=True)
    local, uv_local = local.reshape(-1, 3), uv_local.reshape(-1, 3)
    rim = rim_edges(local)
    (start, end), below = rim.T, rim.T + len(used)
    sides = np.stack([end, start, below[0]], 1), np.stack([end, below[0], below[1]], 1)
    seen = body.uvs.double().cpu().numpy()[corners]
    seen = (seen - seen.min(0)) / np.maximum(np.ptp(seen, 0), 1e-9)
    edge_uvs, edge_faces = _edge(len(rim))
    uvs = seen * [1 - INSIDE - EDGE - 2 * GAP, 1], seen * [-INSIDE, 1] + [1 - EDGE - GAP, 0], edge_uvs
    uv_faces = uv_local, uv_local[:, ::-1] + len(seen), edge_faces + 2 * len(seen)
    device = body.template.device
    return HangingHair(
        vertices=torch.from_numpy(np.concatenate([outer[used], inner[used]])).to(body.template),
        faces=torch.from_numpy(np.concatenate([local, local[:, ::-1] + len(used), *sides])).to(device),
        weights=body.lbs_weights[torch.from_numpy(used).to(device)].repeat(2, 1),
        uvs=torch.from_numpy(np.concatenate(uvs)).to(body.uvs),
        uv_faces=torch.from_numpy(np.concatenate(uv_faces)).to(device),
        betas=betas,
    )


def rim_of(body: Body, chosen: BoolArray) -> BoolArray:
    """Return the vertices of the rim of the sheet over some vertices. [V] → [V]"""
    faces = body.faces.cpu().numpy()
    on_rim = np.zeros(len(chosen), bool)
    on_rim[rim_edges(faces[_patch(faces, chosen)])] = True
    return on_rim


def _patch(faces: IntArray, chosen: BoolArray) -> IntArray:
    """Return the triangles of the largest piece over some vertices, without small holes and bays. [N]"""
    neighbours = adjacency(faces, len(chosen))
    whole = ~dilated(~dilated(chosen, neighbours, CLOSE), neighbours, CLOSE)
    own = np.flatnonzero(whole[faces].all(1))
    if not len(own):
        return own
    piece = connected_components(faces[own], len(chosen))[faces[own, 0]]
    return np.asarray(own[piece == np.bincount(piece).argmax()])


def _edge(count: int) -> tuple[FloatArray, IntArray]:
    """Return texture coordinates of the edge's squares, one above the other, and those of its triangles."""
    low, high = np.arange(count) / count, (np.arange(count) + 1) / count
    left, right = np.full(count, 1 - EDGE), np.ones(count)
    corners = np.stack([np.stack(c, 1) for c in ((left, high), (left, low), (right, low), (right, high))], 1)
    first = 4 * np.arange(count)[:, None]
    return corners.reshape(-1, 2), np.concatenate([first + [0, 1, 2], first + [0, 2, 3]])
