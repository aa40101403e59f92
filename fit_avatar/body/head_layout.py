"""A second layout of the default body's texture, in which the head has a quarter of the square.

The islands are those that the body comes with, cut at the same seams; they are scaled, turned and packed closer.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from fit_avatar.body.model import Body
from fit_avatar.body.operators import connected_components

Place = tuple[float, float, float, float]
"""Of an island: its scale, its turn in degrees, and the shift of u and v after both."""

_OF = "4a394a19b446caa8"
"""Digest of the texture coordinates that the table is for."""
_PLACES: tuple[Place, ...] = (
    (1.16602, 185.0, 1.10762, 1.04582),
    (1.0, 270.0, 0.86192, 0.92643),
    (1.0, 6.71557, 0.3418, -0.02444),
    (1.0, 15.0, 1.07874, -0.23218),
    (1.0, 105.0, 1.02057, -0.30911),
    (1.0, 330.0, 0.56139, 0.2647),
    (1.0, 255.0, 0.29828, 1.23615),
    (1.0, 300.0, 0.16815, 0.60457),
    (1.0, 285.0, 0.11644, 1.1735),
    (4.76056, 270.0, -3.73463, 3.86846),
    (1.0, 255.0, 0.28554, 1.00461),
    (4.7606, 225.0, 0.48343, 6.88335),
    (1.0, 270.0, -0.10466, 1.00655),
    (1.0, 195.0, 0.77882, 1.68441),
)
"""Of each island, by its first triangle. ``tools/pack_islands.py`` finds them."""


def with_larger_head(body: Body) -> Body:
    """Return the default body with the second layout of its texture.

    A body with other texture coordinates than those that the default one comes with is returned as it is.
    """
    if digest_of(body) != _OF:
        return body
    scale, degrees, u, v = np.array(_PLACES)[island_of(body)].T
    uvs, faces = body.uvs.double().cpu().numpy(), body.uv_faces.cpu().numpy()
    cosine, sine = scale * np.cos(np.radians(degrees)), scale * np.sin(np.radians(degrees))
    x, y = uvs[faces].transpose(2, 1, 0)  # [3, F] each
    moved = uvs.copy()
    moved[faces.T] = np.stack([cosine * x - sine * y + u, sine * x + cosine * y + v], axis=-1)
    return replace(body, uvs=torch.from_numpy(moved).to(body.uvs))


def digest_of(body: Body) -> str:
    """Return what tells the texture coordinates of a body from others."""
    return hashlib.sha256(body.uvs.cpu().numpy().tobytes()).hexdigest()[:16]


def island_of(body: Body) -> NDArray[np.int64]:
    """Return the number of each triangle's island, by the first triangle of each. [F]"""
    corner = body.uv_faces.cpu().numpy()
    label = connected_components(corner, len(body.uvs))[corner[:, 0]]
    _, first, number = np.unique(label, return_index=True, return_inverse=True)
    return np.asarray(first.argsort().argsort()[number], dtype=np.int64)


def on_head(body: Body) -> NDArray[np.bool_]:
    """Return which triangles are mostly carried by the head and the joints on it. [F]"""
    head = body.joint_names.index("head")
    carried = [joint for joint in range(len(body.parents)) if _hangs_on(body, joint, head)]
    share = body.lbs_weights[:, carried].sum(1).cpu().numpy()
    return np.asarray(share[body.faces.cpu().numpy()].mean(axis=1) > 0.5)


def _hangs_on(body: Body, joint: int, above: int) -> bool:
    """Return whether a joint is another one, or below it."""
    while joint not in (-1, above):
        joint = body.parents[joint]
    return joint == above
