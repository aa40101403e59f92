"""The shape of a foot in a shoe: toes in one cap, a flat sole, a little thicker all around.

It is computed from the body's own mesh, skinning weights and parts, so that it is there for any body that has feet.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, identity
from scipy.spatial import ConvexHull, QhullError, cKDTree
from torch import Tensor

from fit_avatar.body.even_disc import spread_evenly
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.model import Body
from fit_avatar.body.operators import adjacency, average, connected_components, dilated, harmonic, smoothed
from fit_avatar.body.skinning import shaped

FloatArray = NDArray[np.float64]

TOES = 0.3
"""Vertices that follow the toes' joint by more than this are in the shoe's cap. Chosen by hand."""
RINGS = 3
"""The cap goes over into the foot within so many rings of vertices. Chosen by hand."""
ROUNDS = 80
"""Times that the cap's vertices are spread evenly and pushed out onto the hull of the toes. Chosen by hand."""
EVENLY = 0.5
"""How far a vertex of the cap goes towards the middle of its neighbours in a round. Chosen by hand."""
DOWNWARDS = 0.5
"""What faces downwards by more than this is the sole. Chosen by hand."""
SIDES_M = 0.03
"""The sides of a sole are so high. Chosen by hand."""
THICK_M = 0.006
"""Thickness of a shoe: of a thin one, as outlines show what is more. Chosen by hand."""
TOE_ROOM_M, BLUNT_ROOM_M = 0.008, 0.003
"""A shoe is so much longer than the foot in it, besides its thickness: without a toe box, and with one, which is blunt.
Betas are fitted to outlines of shoes and have much of their length already. Chosen by hand."""
TOE_BOX_M = 0.045
"""The toes' room is so high inside, where it is highest. Chosen by hand: 2 cm behind their tips, true shoes of four
rendered people are 46 to 57 mm high with their soles, and toes alone 26, which made a wedge of a shoe."""
SMOOTH_ROUNDS = 4
"""Averagings with the neighbours, which round the rim of the sole. Chosen by hand."""


@dataclass(frozen=True)
class _Mesh:
    """What the steps share of a body's mesh."""

    faces: NDArray[np.int64]  # [F, 3]
    neighbours: csr_matrix  # [V, V]
    average: csr_matrix  # [V, V] mean over the neighbours

    @classmethod
    def of(cls, body: Body) -> _Mesh:
        faces = body.faces.cpu().numpy()
        neighbours = adjacency(faces, len(body.template))
        return cls(faces, neighbours, average(neighbours))

    def normals(self, vertices: FloatArray) -> FloatArray:
        """Return unit normals. [V, 3]"""
        return vertex_normals(torch.from_numpy(vertices), torch.from_numpy(self.faces)).numpy()


def shoe_offsets(body: Body, betas: Tensor, toe_box: bool = False) -> Tensor:
    """Return the offsets from a naked body to the same body in thin shoes, in the bind pose; zero above the ankles.

    A body without the joints of feet has none.

    Args:
        body: to put shoes on.
        betas: its shape. [B]
        toe_box: whether the tip is as high as that of a true shoe, and not as the toes in it.

    Returns:
        [V, 3] metres
    """
    return _shoe_offsets(body, tuple(betas.detach().tolist()), toe_box).to(body.template)


@lru_cache(maxsize=4)
def _shoe_offsets(body: Body, betas: tuple[float, ...], toe_box: bool) -> Tensor:
    rest = shaped(body, body.template.new_tensor(betas)).double().cpu().numpy()
    weights, skin = body.lbs_weights.double().cpu().numpy(), body.skin.cpu().numpy()
    mesh, shod = _Mesh.of(body), rest.copy()
    for side in ("left", "right"):
        if not {f"{side}_ankle", f"{side}_foot"} <= set(body.joint_names):
            continue
        joints = [body.joint_names.index(f"{side}_{name}") for name in ("ankle", "foot")]
        foot, toes = weights[:, joints].sum(1) * skin, weights[:, joints[1]] * skin
        shod, outwards = _capped(mesh, shod, foot, toes, toe_box)
        shod = _soled(mesh, shod, outwards, foot)
        shod = shod + THICK_M * _smoothstep(foot, (0.5, 1.0))[:, None] * outwards
    return torch.from_numpy(shod - rest)


def evenly_capped(body: Body, vertices: FloatArray) -> FloatArray:
    """Return a shod body with the vertices of its toes slid apart on the surface of the shoes, whose tips they share.

    Args:
        body: whose vertices they are.
        vertices: of the body in shoes, in the bind pose. [V, 3] metres

    Returns:
        [V, 3]
    """
    mesh, weights = _Mesh.of(body), body.lbs_weights.double().cpu().numpy()
    for side in ("left", "right"):
        if f"{side}_foot" in body.joint_names:
            toes = weights[:, body.joint_names.index(f"{side}_foot")] * body.skin.cpu().numpy() > TOES
            toes &= _beside_others(mesh, toes)
            vertices = spread_evenly(vertices, mesh.faces[toes[mesh.faces].any(1)], mesh.neighbours)
    return vertices


def _capped(
    mesh: _Mesh, vertices: FloatArray, foot: FloatArray, toes: FloatArray, toe_box: bool
) -> tuple[FloatArray, FloatArray]:
    """Return the vertices with the toes spread over their convex hull, in one cap, and where outwards is. [V, 3] each

    First they are laid into a disc over their rim, as Tutte embeds a graph, so that none is over another; then they
    are pushed out from a point behind it, and spread evenly on the hull.
    """
    inner = toes > TOES
    inner &= _beside_others(mesh, inner)
    wide = dilated(inner, mesh.neighbours, RINGS)
    rim = wide & ~inner
    if inner.sum() < 4 or rim.sum() < 4:
        return vertices, mesh.normals(vertices)
    middle = vertices[rim].mean(0)
    ahead = vertices[inner].mean(0) - middle
    along = (vertices - middle) @ ahead / (ahead @ ahead)
    forefoot = (foot > 0.5) & (along > -1.0)
    try:
        hull = ConvexHull(_boxed(vertices, forefoot, inner) if toe_box else vertices[forefoot]).equations
    except QhullError:  # too few points, or all in one plane
        return vertices, mesh.normals(vertices)
    behind = middle - 0.5 * ahead
    if (hull[:, :3] @ behind + hull[:, 3]).max() >= 0:
        return vertices, mesh.normals(vertices)
    moved = np.flatnonzero(wide)
    cap = np.mean([dilated(inner, mesh.neighbours, ring) for ring in range(RINGS + 1)], axis=0)
    share = cap[moved, None]
    vertices, average = _laid_flat(mesh, vertices, np.flatnonzero(inner)), mesh.average[moved]
    for _ in range(ROUNDS):
        points = vertices[moved] + share * EVENLY * (average @ vertices - vertices[moved])
        rays = points - behind
        reach = -(hull[:, :3] @ behind + hull[:, 3]) / np.maximum(rays @ hull[:, :3].T, 1e-9)
        vertices[moved] = points + share * (np.maximum(reach.min(1), 1.0)[:, None] - 1) * rays
    outwards = smoothed(mesh.normals(vertices), mesh.neighbours, SMOOTH_ROUNDS).astype(np.float64)
    nearest = (vertices[moved] @ hull[:, :3].T + hull[:, 3]).argmax(1)  # triangles in the cap may have no area
    outwards[moved] += share * (hull[nearest, :3] - outwards[moved])
    length = np.linalg.norm(ahead)
    further = (vertices[moved] - middle) @ ahead / length  # from the rim, in metres
    room = (BLUNT_ROOM_M if toe_box else TOE_ROOM_M) * (further / further.max()).clip(0, 1)
    vertices[moved] += room[:, None] * ahead / length
    return vertices, smoothed(outwards, mesh.neighbours, 1).astype(np.float64)


def _boxed(vertices: FloatArray, forefoot: NDArray[np.bool_], toes: NDArray[np.bool_]) -> FloatArray:
    """Return the points of a forefoot, and its toes once more, as high as their room in a shoe. [N, 3]"""
    floor = vertices[forefoot, 1].min()
    raised = vertices[toes].copy()
    heights = raised[:, 1] - floor
    raised[:, 1] = floor + heights * max(TOE_BOX_M / heights.max(), 1.0)
    return np.concatenate([vertices[forefoot], raised])


def _beside_others(mesh: _Mesh, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the vertices whose connected component has others than those chosen. [V]"""
    labels = connected_components(mesh.faces, len(chosen))
    return np.isin(labels, labels[~chosen])


def _laid_flat(mesh: _Mesh, vertices: FloatArray, inner: NDArray[np.int64]) -> FloatArray:
    """Return the vertices with some of them in the middle of their neighbours. [V, 3]"""
    return harmonic(vertices, (identity(len(vertices), format="csr") - mesh.average).tocsr()[inner], inner)


def _soled(mesh: _Mesh, vertices: FloatArray, outwards: FloatArray, foot: FloatArray) -> FloatArray:
    """Return the vertices with a flat sole below a foot: what is low goes down as the sole below it does. [V, 3]"""
    chosen = foot > 0.5
    under = chosen & (outwards[:, 1] < -DOWNWARDS)
    if under.sum() < 4:
        return vertices
    lowest = vertices[chosen, 1].min()
    _, nearest = cKDTree(vertices[under][:, [0, 2]]).query(vertices[:, [0, 2]], k=4)
    sole = vertices[under, 1][nearest].mean(1)
    low = 1 - _smoothstep(vertices[:, 1] - sole, (0.0, SIDES_M))
    moved = np.zeros_like(vertices)
    moved[:, 1] = _smoothstep(foot, (0.5, 1.0)) * low * (lowest - sole)
    moved[under, 1] = (lowest - vertices[under, 1]) * _smoothstep(foot[under], (0.5, 1.0))
    return np.asarray(vertices + smoothed(moved, mesh.neighbours, SMOOTH_ROUNDS))


def _smoothstep(values: FloatArray, between: tuple[float, float]) -> FloatArray:
    part = ((values - between[0]) / (between[1] - between[0])).clip(0, 1)
    return np.asarray(part**2 * (3 - 2 * part))
