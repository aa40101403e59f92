"""The brim of a hat as part of a head's surface: one ring of vertices around it, drawn out to the brim's edge.

The rings above and below stay at the head, close together, so that the triangles between are the upper and the lower
side. No vertex is added, so that a head with a brim is the same body with other offsets.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fit_avatar.body.ears import flat_ear_offsets
from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.body.model import Body
from fit_avatar.body.skinning import shaped
from fit_avatar.body.state import BodyState

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

EYES = [BODY_25.index(name) for name in ("left_eye", "right_eye")]
OF_HEAD = 0.5
"""Least share of the head in how a vertex of it moves. Chosen by hand."""
THICKNESS_M = 0.004
"""Of a brim at the head; it ends in an edge. Chosen by hand."""
ABOVE_EYES_M = 0.02
"""In front a brim begins so far above the middle of the eyes, at least, so that it takes no lids along. Chosen by
hand."""
FACE_DEG, SLOPE_M = 60.0, 0.003
"""Up to which angle from the front that holds, and by how much less for each degree beyond. Chosen by hand."""
BEYOND_M = 0.002
"""The edge is so far outside the head, at least, where there is no brim, as behind a visor. Chosen by hand."""


@dataclass(frozen=True)
class BrimEdge:
    """The edge of a brim in the bind pose, from the joint of the head: N points, once around the head."""

    points: FloatArray
    """In the order of their angle about the vertical. [N, 3] metres"""

    def at(self, angles: FloatArray, middle: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return distance from a vertical axis, and height, at some angles from the front to the left. [M] each

        Args:
            angles: [M] radians in [−π, π].
            middle: where the axis is, x and z. [2]
        """
        away = self.points[:, [0, 2]] - middle
        own, radius = np.arctan2(*away.T), np.linalg.norm(away, axis=1)
        found = [np.interp(angles, own, v, period=2 * np.pi) for v in (radius, self.points[:, 1])]
        return found[0], found[1]


def head_skin(body: Body) -> BoolArray:
    """Return which vertices are skin of the head. [V]"""
    share = body.lbs_weights[:, body.joint_names.index("head")] > OF_HEAD
    return np.asarray((share & body.skin).cpu().numpy())


@lru_cache(maxsize=4)
def may_be_below_hat(body: Body) -> Tensor:
    """Return which vertices a hat covers: the head's that are well above the eyes; none without a head. bool [V]"""
    if "head" not in body.joint_names:
        return torch.zeros(len(body.template), dtype=torch.bool, device=body.template.device)
    eyes = body.keypoint_points.template[EYES, 1].mean().item()
    high = (body.template[:, 1] > eyes + ABOVE_EYES_M).cpu().numpy()
    return torch.from_numpy(head_skin(body) & high).to(body.template.device)


def grown_brim(body: Body, state: BodyState, edge: BrimEdge) -> FloatArray:
    """Return by how much vertices move in the bind pose so that a head has a brim. [V, 3] metres

    Ears are flat from the brim upwards, where a hat covers them.

    Args:
        body: has a joint ``head``.
        state: its shape.
        edge: of the brim.
    """
    rest = shaped(body, state.betas, state.offsets).double().cpu().numpy()
    own, joint = head_skin(body), _head_joint(body, state)
    places = rest - joint
    flat = places + flat_ear_offsets(body, state.betas).double().cpu().numpy()
    level = edge.points[:, 1].mean()
    near = own & (np.abs(flat[:, 1] - level) < 0.02)
    if not near.any():
        return np.zeros_like(rest)
    middle = np.array([0.0, (flat[near, 2].min() + flat[near, 2].max()) / 2])
    around, radius = _around(flat, middle)
    out, height = edge.at(around, middle)
    out = np.maximum(out, radius + BEYOND_M)
    root = level + (height - level) * radius / out  # of a flat brim
    root = np.maximum(root, _above_eyes(body, state, joint, around))
    above = flat[:, 1] > root
    triangles = body.faces.cpu().numpy()
    triangles = triangles[own[triangles].all(1)]
    ring = _nearest_of_crossing_edges(triangles, above, np.abs(flat[:, 1] - root))
    beside = np.zeros_like(ring)
    beside[triangles[ring[triangles].any(1)]] = True
    beside &= ~ring
    moved = places.copy()
    hidden = own & above
    moved[hidden] = flat[hidden]
    moved[beside] = flat[beside]
    moved[beside, 1] = (root + np.where(above, 0.5, -0.5) * THICKNESS_M)[beside]
    x, z = middle[0] + out * np.sin(around), middle[1] + out * np.cos(around)
    moved[ring] = np.stack([x, height, z], 1)[ring]
    return np.asarray(moved - places)


def _head_joint(body: Body, state: BodyState) -> FloatArray:
    """Return where the joint of the head is in the bind pose. [3]"""
    index = body.joint_names.index("head")
    moved = body.joint_basis[index] @ state.betas.to(body.joint_basis)
    return np.asarray((body.joint_template[index] + moved).double().cpu().numpy())


def _around(places: FloatArray, middle: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return angles from the front to the left, and distances from the axis. [V, 3] → [V] each"""
    x, z = (places[:, [0, 2]] - middle).T
    return np.arctan2(x, z), np.hypot(x, z)


def _above_eyes(body: Body, state: BodyState, joint: FloatArray, around: FloatArray) -> FloatArray:
    """Return the least height at which a brim begins, at some angles. [V] → [V]"""
    points = body.keypoint_points
    eyes = points.template[EYES] + points.basis[EYES] @ state.betas.to(points.basis)
    height = eyes[:, 1].mean().item() - joint[1]
    beyond = np.maximum(np.degrees(np.abs(around)) - FACE_DEG, 0.0)
    return np.asarray(height + ABOVE_EYES_M - SLOPE_M * beyond)


def _nearest_of_crossing_edges(triangles: NDArray[np.int64], above: BoolArray, distance: FloatArray) -> BoolArray:
    """Return the nearer end of every edge whose ends are on both sides of a line: a closed path around it. [V]

    Neighbouring edges along the line share a triangle, and so do the chosen ends, unless they are one vertex.
    """
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    edges = edges[above[edges].sum(1) == 1]
    chosen = np.zeros(len(above), bool)
    chosen[np.where(distance[edges[:, 0]] < distance[edges[:, 1]], edges[:, 0], edges[:, 1])] = True
    return chosen
