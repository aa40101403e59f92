"""Hair that hangs behind the head, such as a ponytail: one more closed surface, which follows the head and the back.

A ponytail is a tube (:mod:`fit_avatar.body.hair_tube`), long hair a sheet behind neck and back
(:mod:`fit_avatar.body.hair_sheet`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from fit_avatar.body.model import Body
from fit_avatar.body.skinning import shaped, weighted_sum
from fit_avatar.errors import BadInputError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

PART = "hair"
"""Name of the part that the vertices of hanging hair belong to."""
STRIP = 0.1
"""Share of the texture's width that the hair gets; what is there before is narrowed by it. Chosen by hand."""
MARGIN = 0.01
"""Of the strip on all sides, in the texture's width. Chosen by hand."""
FALL_M = (0.0, 0.25, 0.45)
"""So far below the joint of the head, a ponytail follows the head alone; the upper back as far as :data:`LOOSE` leaves
it to it; and, of what the head leaves, the middle of the back alone. Chosen by hand, by where shoulders are."""
LOOSE = 0.35
"""Share of the head in how a ponytail moves that hangs down the back. Chosen by hand."""
NEAREST = 64
"""Skin vertices from which a vertex of hair takes how it moves with the shape: so many that it stays smooth. Chosen by
hand."""
JOINTS = ("head", "spine3", "spine2")
"""What it follows: the head, the upper back and the middle of the back."""


@dataclass(frozen=True, eq=False)
class HangingHair:
    """What makes a body with hair that hangs from one without. It is equal to itself alone."""

    vertices: Tensor
    """Of a closed surface in the bind pose. [H, 3]"""
    faces: Tensor
    """Its triangles. int64 [F, 3]"""
    weights: Tensor
    """Its skinning. [H, J]"""
    uvs: Tensor
    """Texture coordinates in [0, 1], of a strip for the hair alone. [U, 2]"""
    uv_faces: Tensor
    """Of the triangles, into these. int64 [F, 3]"""
    betas: tuple[float, ...]
    """The shape of the body behind which it hangs."""

    def to(self, device: torch.device) -> HangingHair:
        """Return the same hair on a device."""
        moved = {name: getattr(self, name).to(device) for name in ("vertices", "faces", "weights", "uvs", "uv_faces")}
        return replace(self, **moved)


def with_hair(body: Body, hair: HangingHair | None) -> Body:
    """Return the body with hair that hangs, the body itself for None or if it has such. Its own vertices stay first."""
    if hair is None or PART in body.part_names:
        return body
    like, count = body.template, len(body.template)
    vertices, added, betas = hair.vertices.to(like), len(hair.vertices), like.new_tensor(hair.betas)
    basis = _basis(body, betas, vertices)
    strip = hair.uvs.to(body.uvs) * body.uvs.new_tensor([STRIP - 2 * MARGIN, 1 - 2 * MARGIN])
    strip = strip + strip.new_tensor([1 - STRIP + MARGIN, MARGIN])
    parts = torch.nn.functional.pad(body.part_weights, (0, added, 0, 1))
    parts[-1, count:] = 1
    wide = (0, added)
    own = torch.arange(count, count + added, device=body.mirror.device)
    covered = None if body.covered is None else torch.nn.functional.pad(body.covered, wide)
    return replace(
        body,
        template=torch.cat([like, vertices - weighted_sum(basis, betas)]),
        shape_basis=torch.cat([body.shape_basis, basis]),
        lbs_weights=torch.cat([body.lbs_weights, hair.weights.to(body.lbs_weights)]),
        faces=torch.cat([body.faces, hair.faces.to(body.faces) + count]),
        uvs=torch.cat([body.uvs * body.uvs.new_tensor([1 - STRIP, 1.0]), strip]),
        uv_faces=torch.cat([body.uv_faces, hair.uv_faces.to(body.uv_faces) + len(body.uvs)]),
        mirror=torch.cat([body.mirror, own.to(body.mirror)]),
        keypoint_regressor=torch.nn.functional.pad(body.keypoint_regressor, wide),
        skin=torch.cat([body.skin, body.skin.new_ones(added)]),
        part_names=(*body.part_names, PART),
        part_weights=parts,
        pose_basis=None
        if body.pose_basis is None
        else torch.nn.functional.pad(body.pose_basis, (0, 0, 0, 0, 0, added)),
        landmark_regressor=None
        if body.landmark_regressor is None
        else torch.nn.functional.pad(body.landmark_regressor, wide),
        covered=covered,
    )


def is_hair(body: Body) -> NDArray[np.bool_]:
    """Return which vertices are those of hair that hangs. [V]"""
    if PART not in body.part_names:
        return np.zeros(len(body.template), bool)
    return body.part(PART).cpu().numpy() > 0.5


def hair_weights(body: Body, betas: Tensor, heights: Tensor) -> Tensor:
    """Return the skinning of a ponytail at some heights in the bind pose. [N] → [N, J]

    Raises:
        BadInputError: the body has no head and back by SMPL's names.
    """
    try:
        head, upper, middle = (body.joint_names.index(name) for name in JOINTS)
    except ValueError:
        raise BadInputError(f"the body {body.name} lacks a joint that hair needs, of {', '.join(JOINTS)}") from None
    level = (body.joint_template[head] + weighted_sum(body.joint_basis, betas)[head])[1]
    below = (level - heights).clamp(FALL_M[0], FALL_M[2])
    follows = 1 - (1 - LOOSE) * ((below - FALL_M[0]) / (FALL_M[1] - FALL_M[0])).clamp(0, 1)
    low = ((below - FALL_M[1]) / (FALL_M[2] - FALL_M[1])).clamp(0, 1)
    weights = body.lbs_weights.new_zeros(len(heights), body.lbs_weights.shape[1])
    weights[:, head], weights[:, upper], weights[:, middle] = follows, (1 - follows) * (1 - low), (1 - follows) * low
    return weights


def _basis(body: Body, betas: Tensor, vertices: Tensor) -> Tensor:
    """Return how the hair's vertices move with the shape: each as the mean of the skin nearest to it. [H, 3, B]"""
    skin = torch.nonzero(body.skin)[:, 0]
    rest = shaped(body, betas)[skin].double().cpu().numpy()
    _, nearest = cKDTree(rest).query(vertices.double().cpu().numpy(), k=min(NEAREST, len(rest)))
    return body.shape_basis[skin[torch.from_numpy(nearest).to(skin.device)]].mean(1)
