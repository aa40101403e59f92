"""A skirt, dress or coat: a body with one more closed surface around both legs, carried by the same skeleton.

The tube starts inside the hips and ends at the hem. Its rings lie on the convex hull of what they go around, so that it
is closed between the legs; at the hem it turns in and goes up again as a lining, which closes above the crotch. Shape
and skinning come from the hips and legs nearby, spread out over the tube: the cloth between the legs follows both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.sparse import csr_matrix
from scipy.spatial import cKDTree
from torch import Tensor

from fit_avatar.body.hanging_hair import PART as HAIR
from fit_avatar.body.hanging_hair import is_hair
from fit_avatar.body.model import Body
from fit_avatar.body.skinning import shaped, weighted_sum
from fit_avatar.body.tube import AROUND, RING_M, Tube, follows, laid_around, outside, seen
from fit_avatar.errors import BadInputError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

ABOVE_HIPS_M = 0.05
"""The tube starts so far above the hip joints, where the body is one piece. Chosen by hand."""
NEAR_M = 0.03
"""Cloth takes shape and skinning from the skin within about this distance of the nearest. Chosen by hand."""
NEAREST = 96
"""Skin vertices that are looked at for it. Chosen by hand."""
SPREAD = ((0.0, 2.0), (0.15, 4.0), (0.5, 5.0), (0.9, 12.0))
"""So far below the first ring, in metres, shape and skinning are averaged around a ring over so many vertices (standard
deviation): 10° on the hips, so that it stays there; 20° at the crotch, where a thigh that swings must stay inside; more
below, where legs part farther and cloth between them would stretch. Chosen on recorded steps of a fitted skirt, and on
skirts to the knee, the shank and the ankle around the default body."""
OVERLAP_M = (0.02, 0.005)
"""Skin is covered from so far below the first ring, to so far above the hem. Chosen by hand."""
STRIP = 0.2
"""Share of the texture's width that the garment gets; the body's own layout is narrowed by it. Chosen by hand."""
INFLUENCES = 4
"""Joints that a vertex of a garment follows at most, as in the files of most formats."""
FADE_M = 0.06
"""Over this distance from where the cover begins, skin goes from its own skinning to that of the cloth. By hand."""
PART = "garment"
"""Name of the part that the garment's vertices belong to."""
_LEGS = ("pelvis", "hip", "knee", "spine1")
_ARMS = ("collar", "shoulder", "elbow", "wrist", "hand")


@dataclass(frozen=True)
class Garment:
    """What makes a dressed body from a body: everything else follows."""

    hem: float
    """Where it ends: 0 at the hip joints, 1 at the knees, 2 at the ankles."""
    betas: tuple[float, ...]
    """The shape around which it was laid."""
    slope: float = 0.0
    """Of the hem in the bind pose, up to the front: so that it is level in the pose in which the person stands."""


def dressed(body: Body, garment: Garment | None) -> Body:
    """Return the body with a garment, the body itself for None or if it has one. Its own vertices stay the first ones.

    Skin below the garment, and what closes the garment inside, is marked as covered: no outline is looked for there.
    Where it is covered for good, skin moves as the cloth above it does, so that it does not come through in a step.

    Raises:
        BadInputError: the body has no legs by SMPL's names, or the garment would end above its top.
    """
    if garment is None or PART in body.part_names:
        return body
    betas = body.template.new_tensor(garment.betas)
    skin = shaped(body, betas).double().cpu().numpy()
    joints = (body.joint_template + weighted_sum(body.joint_basis, betas)).double().cpu().numpy()
    top, hem = top_height(body, joints), hem_height(body, joints, garment.hem)
    if hem > top - 4 * RING_M:
        raise BadInputError(f"the garment ends at {garment.hem:.2f} of the legs, above where it starts")
    on_legs = body.skin.cpu().numpy() & ~_moved_by(body, _ARMS)
    tube = laid_around(skin[on_legs], top, hem, garment.slope)
    taken = _taken(skin, on_legs & _moved_by(body, _LEGS), tube)
    height, middle = skin[:, 1], tube.vertices[-1, 2]
    above = height - hem - garment.slope * (skin[:, 2] - middle)
    within = np.where(on_legs, np.minimum(top - height - OVERLAP_M[0], above - OVERLAP_M[1]), -1.0)
    worn = _joined(body, betas, tube, taken, torch.from_numpy(within > 0).to(body.skin.device))
    return _moved_by_cloth(worn, skin, tube, np.clip(within / FADE_M, 0, 1))


def top_height(body: Body, joints: FloatArray) -> float:
    """Return the height at which garments start, in the bind pose. joints [J, 3]"""
    return float(joints[_pair(body, "hip"), 1].mean()) + ABOVE_HIPS_M


def hem_height(body: Body, joints: FloatArray, hem: float) -> float:
    """Return the height of a hem in the bind pose: 0 at the hip joints, 1 at the knees, 2 at the ankles."""
    marks = [float(joints[_pair(body, name), 1].mean()) for name in ("hip", "knee", "ankle")]
    return float(np.interp(hem, (0.0, 1.0, 2.0), marks))


def is_garment(body: Body) -> NDArray[np.bool_]:
    """Return which vertices are a garment's. [V]"""
    if PART not in body.part_names:
        return np.zeros(len(body.template), bool)
    return body.part(PART).cpu().numpy() > 0.5


def own_vertices(body: Body) -> int:
    """Return how many vertices the body has without its garment and hair that hangs, which are the first ones."""
    return len(body.template) - int((is_garment(body) | is_hair(body)).sum())


def undressed(body: Body) -> Body:
    """Return the body without its garment and hair that hangs; skin that was below the cloth still moves as it did."""
    count = own_vertices(body)
    if count == len(body.template):
        return body
    faces = (body.faces < count).all(1)
    parts = [k for k, name in enumerate(body.part_names) if name not in (PART, HAIR)]
    return replace(
        body,
        template=body.template[:count],
        shape_basis=body.shape_basis[:count],
        lbs_weights=body.lbs_weights[:count],
        faces=body.faces[faces],
        uv_faces=body.uv_faces[faces],
        mirror=body.mirror[:count],
        keypoint_regressor=body.keypoint_regressor[:, :count],
        skin=body.skin[:count],
        part_names=tuple(body.part_names[k] for k in parts),
        part_weights=body.part_weights[parts, :count],
        pose_basis=None if body.pose_basis is None else body.pose_basis[:count],
        landmark_regressor=None if body.landmark_regressor is None else body.landmark_regressor[:, :count],
        covered=None,
    )


def cloth(body: Body) -> IntArray:
    """Return the vertices of a garment from its first ring to the hem, without what closes it inside. [R · AROUND]"""
    own = np.flatnonzero(is_garment(body))
    return own[outside(len(own))]


def _pair(body: Body, name: str) -> list[int]:
    try:
        return [body.joint_names.index(f"{side}_{name}") for side in ("left", "right")]
    except ValueError:
        raise BadInputError(f"the body {body.name} has no joint left_{name}, which a garment needs") from None


def _moved_by(body: Body, joints: tuple[str, ...]) -> NDArray[np.bool_]:
    """Return which vertices follow some joints for the most part. [V]"""
    names = [name.removeprefix("left_").removeprefix("right_") for name in body.joint_names]
    columns = [i for i, name in enumerate(names) if name.startswith(joints)]
    return np.asarray((body.lbs_weights[:, columns].sum(1) > 0.5).cpu().numpy())


def _taken(skin: FloatArray, legs: NDArray[np.bool_], tube: Tube) -> csr_matrix:
    """Return what the outside of the tube takes of each skin vertex's shape and skinning; rows sum to one. [O, V]"""
    index, outer = np.flatnonzero(legs), tube.vertices[outside(len(tube.vertices))]
    distance, nearest = cKDTree(skin[index]).query(outer, k=min(NEAREST, len(index)))
    share = np.exp(-(distance**2 - distance[:, :1] ** 2) / (2 * NEAR_M**2))
    share /= share.sum(1, keepdims=True)
    count, each = share.shape
    rows = np.repeat(np.arange(count), each)
    return csr_matrix((share.ravel(), (rows, index[nearest].ravel())), shape=(count, len(skin)))


def _moved_by_cloth(worn: Body, skin: FloatArray, tube: Tube, share: FloatArray) -> Body:
    """Return the body whose skin takes a share of its skinning from the nearest cloth. skin [V, 3], share [V]

    The keypoints keep the skinning that they have.
    """
    own, count = np.flatnonzero(share > 0), len(skin)
    outer = np.arange(len(tube.vertices))[outside(len(tube.vertices))]
    _, nearest = cKDTree(tube.vertices[outer]).query(skin[own])
    weights = worn.lbs_weights.clone()
    part = torch.from_numpy(share[own]).to(weights)[:, None]
    weights[own] = _strongest((1 - part) * weights[own] + part * weights[count + outer[nearest]])
    points = worn.keypoint_points.weights if worn.keypoint_weights is None else worn.keypoint_weights
    return replace(worn, lbs_weights=weights, keypoint_weights=points)


def _strongest(weights: Tensor) -> Tensor:
    """Return skinning weights without the smallest: files of avatars hold no more joints for a vertex. [N, J]"""
    kept = weights.topk(min(INFLUENCES, weights.shape[1]), dim=1)
    limited = torch.zeros_like(weights).scatter(1, kept.indices, kept.values)
    return limited / limited.sum(1, keepdim=True)


def _spread(values: FloatArray) -> FloatArray:
    """Return values of the outside averaged around its rings, and a little from ring to ring. [R · AROUND, C]"""
    rings = values.reshape(-1, AROUND, values.shape[1])
    falls, widths = np.array(SPREAD).T
    widths = np.interp(np.arange(len(rings)) * RING_M, falls, widths)
    rings = np.stack([gaussian_filter1d(r, w, axis=0, mode="wrap") for r, w in zip(rings, widths, strict=True)])
    rings = gaussian_filter1d(rings, 2.0, axis=0, mode="nearest")
    return np.asarray(rings.reshape(values.shape))


def _joined(body: Body, betas: Tensor, tube: Tube, taken: csr_matrix, covered: Tensor) -> Body:
    """Return the body with the tube."""
    like, count = body.template, len(body.template)
    lining = follows(len(tube.vertices))

    def carried(values: Tensor) -> Tensor:
        found = taken @ values.flatten(1).double().cpu().numpy()
        spread = lining @ _spread(found)
        shape = (len(spread), *values.shape[1:])
        return torch.from_numpy(spread).to(values).reshape(shape)

    added = len(tube.vertices)
    basis = carried(body.shape_basis)
    vertices = torch.from_numpy(tube.vertices).to(like)
    hidden = torch.ones(added, dtype=torch.bool, device=like.device)
    hidden[seen(added)] = False
    strip = torch.from_numpy(tube.uvs).to(body.uvs)
    strip = strip * strip.new_tensor([STRIP - 0.02, 0.98]) + strip.new_tensor([1 - STRIP + 0.01, 0.01])
    parts = torch.nn.functional.pad(body.part_weights, (0, added, 0, 1))
    parts[-1, count:] = 1
    index = torch.from_numpy(tube.faces).to(body.faces), torch.from_numpy(tube.uv_faces).to(body.uv_faces)
    wide = (0, added)
    return replace(
        body,
        template=torch.cat([like, vertices - weighted_sum(basis, betas)]),
        shape_basis=torch.cat([body.shape_basis, basis]),
        lbs_weights=torch.cat([body.lbs_weights, _strongest(carried(body.lbs_weights))]),
        faces=torch.cat([body.faces, index[0] + count]),
        uvs=torch.cat([body.uvs * body.uvs.new_tensor([1 - STRIP, 1.0]), strip]),
        uv_faces=torch.cat([body.uv_faces, index[1] + len(body.uvs)]),
        mirror=torch.cat([body.mirror, torch.from_numpy(tube.mirror).to(body.mirror) + count]),
        keypoint_regressor=torch.nn.functional.pad(body.keypoint_regressor, wide),
        skin=torch.cat([body.skin, torch.ones_like(hidden)]),
        part_names=(*body.part_names, PART),
        part_weights=parts,
        pose_basis=None if body.pose_basis is None else torch.cat([body.pose_basis, carried(body.pose_basis)]),
        landmark_regressor=None
        if body.landmark_regressor is None
        else torch.nn.functional.pad(body.landmark_regressor, wide),
        covered=torch.cat([covered, hidden]),
    )
