"""Where a garment meets the body: its upper edge, the skin that it covers, and what closes it inside."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from fit_avatar.body.garment import cloth, is_garment
from fit_avatar.body.hanging_hair import is_hair
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.model import Body
from fit_avatar.body.tube import AROUND, follows, outside

FloatArray = NDArray[np.float64]

BELOW_M = 0.006
"""Covered skin stays so far below the cloth, so that it does not come through where both bend. Chosen by hand."""
SEAL_M = 0.004
"""The first ring is so far below the skin. Chosen by hand."""
SEAL = (1.0, 0.75, 0.5, 0.25)
"""Shares by which the first rings are drawn there. Chosen by hand."""
BAND_M = 0.0025
"""As a waistband the first ring is so far above the skin: what is seen is then its own edge, and not where the cloth
cuts through the skin, which is no even line. Looked at on rendered skirts and dresses."""


def closed(body: Body, offsets: FloatArray) -> FloatArray:
    """Return offsets with those of a garment's lining, and of what closes it, taken from the cloth outside. [V, 3]

    Hardly any outline shows these vertices; left to themselves they would come out in front of the hem or below it.
    """
    own = np.flatnonzero(is_garment(body))
    if not len(own):
        return offsets
    moved, shown = offsets.copy(), outside(len(own))
    hem, lip = own[shown][-AROUND:], own[shown.stop :][:AROUND]
    moved[hem, 1] = (moved[hem, 1] + moved[lip, 1]) / 2  # the lip is what outlines draw up or down
    moved[own] = follows(len(own)) @ moved[own[shown]]
    return moved


def sealed(body: Body, vertices: FloatArray, waistband: bool = False) -> FloatArray:
    """Return the surface in the bind pose with the first rings of the cloth drawn onto the skin, the first below it.

    So the edge of the cloth is not seen from inside, and the surface goes on without a step. [V, 3]

    Args:
        body: the body.
        vertices: the surface. [V, 3] metres
        waistband: the first ring is just above the skin, so that the edge is even. For a last shape: outlines would
            be looked for at the band.
    """
    own = cloth(body)
    skin = np.flatnonzero(body.skin.cpu().numpy() & ~is_garment(body) & ~is_hair(body))
    if not len(own):
        return vertices
    normals, tree = vertex_normals(vertices, body.faces.cpu().numpy()), cKDTree(vertices[skin])
    moved = vertices.copy()
    for ring, share in enumerate(SEAL):
        at = own[ring * AROUND : (ring + 1) * AROUND]
        there = vertices[at]
        for _ in range(2 if waistband else 1):  # then from the vertex that is nearest to where the first one puts it
            nearest = skin[tree.query(there)[1]]
            outwards = ((there - vertices[nearest]) * normals[nearest]).sum(1)
            inwards = outwards - BAND_M if waistband else np.maximum(outwards + SEAL_M, 0.0)
            there = there - inwards[:, None] * normals[nearest]
        moved[at] += share * (there - vertices[at])
    return moved


def tucked(body: Body, vertices: FloatArray) -> FloatArray:
    """Return the surface in the bind pose with covered skin moved inwards until it lies below the cloth. [V, 3]"""
    own = cloth(body)
    if body.covered is None or not len(own):
        return vertices
    normals = vertex_normals(vertices, body.faces.cpu().numpy())[own]
    below = np.flatnonzero(body.covered.cpu().numpy() & ~is_garment(body) & ~is_hair(body))
    _, nearest = cKDTree(vertices[own]).query(vertices[below])
    outwards = ((vertices[below] - vertices[own[nearest]]) * normals[nearest]).sum(1)
    moved = vertices.copy()
    moved[below] -= np.maximum(outwards + BELOW_M, 0.0)[:, None] * normals[nearest]
    return moved
