"""The surface of a head whose ears are below hair: the skin around them, carried on smoothly over where they are."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from scipy.sparse import csr_matrix, identity
from torch import Tensor

from fit_avatar.body.model import Body
from fit_avatar.body.operators import adjacency, average, dilated, harmonic
from fit_avatar.body.skinning import shaped

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

PART = "ears"
"""Name of the part that is flattened."""
EAR = 0.5
"""Vertices that belong to it by more than this are. Chosen by hand."""
RIM = 4
"""The head's curvature is taken from so many rings of vertices around it. Chosen by hand."""
CELL_M = 0.006
"""What hair adds over ears is looked at once in a square of this side: an ear has one every millimetre. By hand."""
STIFF = 1e-4
"""Smoothing of the thin plate through that. Chosen by hand: what one vertex in an ear does beside others is noise."""


def flat_ear_offsets(body: Body, betas: Tensor) -> Tensor:
    """Return the offsets from a body to the same body without ears, in the bind pose; zero elsewhere.

    A body without the part ``ears`` has none.

    Args:
        body: whose ears are covered.
        betas: its shape. [B]

    Returns:
        [V, 3] metres
    """
    return _flat_ear_offsets(body, tuple(betas.detach().tolist())).to(body.template)


@lru_cache(maxsize=4)
def _flat_ear_offsets(body: Body, betas: tuple[float, ...]) -> Tensor:
    offsets = torch.zeros_like(body.template, dtype=torch.float64, device="cpu")
    if PART not in body.part_names:
        return offsets
    rest = shaped(body, body.template.new_tensor(betas)).double().cpu().numpy()
    chosen = ((body.part(PART) > EAR) & body.skin).cpu().numpy()
    inner = np.flatnonzero(chosen)
    if not len(inner):
        return offsets
    neighbours = adjacency(body.faces.cpu().numpy(), len(rest))
    uneven = csr_matrix(identity(len(rest)) - average(neighbours))[inner]
    flat = harmonic(rest, uneven, inner)  # a soap film over the rim, which is bulged as the head is
    for side in (-1, 1):
        own, rim = (
            np.flatnonzero(some & (side * rest[:, 0] > 0))
            for some in (chosen, dilated(chosen, neighbours, RIM) & ~chosen)
        )
        if not len(own) or not len(rim):
            continue
        middle = rest[rim].mean(0)
        curve, *_ = np.linalg.lstsq(_quadratic(rest[rim] - middle), rest[rim, 0], rcond=None)
        bulge = _quadratic(flat - middle) @ curve
        flat[own, 0] = (bulge + harmonic(rest[:, 0] - bulge, uneven, inner))[own]
    offsets[torch.from_numpy(inner)] = torch.from_numpy(flat[inner] - rest[inner])
    return offsets


def even_over_ears(body: Body, betas: Tensor, offsets: FloatArray) -> FloatArray:
    """Return offsets that are even over ears below hair: what hair adds to flat ears is a thin plate. [V, 3]

    The many small triangles of an ear stay smooth then. Other vertices keep their offsets.

    Args:
        body: whose ears are covered.
        betas: its shape. [B]
        offsets: [V, 3] metres
    """
    flat = flat_ear_offsets(body, betas).double().cpu().numpy()
    film = shaped(body, betas).double().cpu().numpy() + flat
    ear, around = ears_and_rim(body), ears_and_rim(body, RIM)
    even = offsets.copy()
    for side in (-1, 1):
        own, there = (np.flatnonzero(some & (side * film[:, 0] > 0)) for some in (ear, around))
        if not len(own) or len(there) == len(own):
            continue
        _, cell = np.unique(np.floor(film[there, 1:] / CELL_M), axis=0, return_inverse=True)
        mean = _means(np.hstack([film[there, 1:], (offsets - flat)[there]]), cell.ravel())
        plate = RBFInterpolator(mean[:, :2], mean[:, 2:], kernel="thin_plate_spline", smoothing=STIFF)
        even[own] = flat[own] + plate(film[own, 1:])
    return even


def ears_and_rim(body: Body, rings: int = 0) -> BoolArray:
    """Return which vertices of the skin are those of ears, or at most so many edges away. [V]"""
    skin = body.skin.cpu().numpy()
    if PART not in body.part_names:
        return np.zeros_like(skin)
    ears = (body.part(PART) > EAR).cpu().numpy() & skin
    return np.asarray(dilated(ears, adjacency(body.faces.cpu().numpy(), len(skin)), rings) & skin)


def _means(values: FloatArray, group: NDArray[np.int64]) -> FloatArray:
    """Return the means of the rows of each group. [N, K], [N] → [G, K]"""
    count = np.bincount(group)
    return np.stack([np.bincount(group, column) / count for column in values.T], 1)


def _quadratic(points: FloatArray) -> FloatArray:
    """Return the terms of a surface x(y, z) of second degree. [N, 3] → [N, 6]"""
    y, z = points[:, 1], points[:, 2]
    return np.stack([np.ones_like(y), y, z, y * y, y * z, z * z], 1)
