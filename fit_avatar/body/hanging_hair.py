"""Hair that hangs behind the head, such as a ponytail: one more closed surface, which follows the head and the back.

It is a tube of horizontal rings from the top down, which begins inside the head and whose ends are closed. All that it
takes of the body is how it moves: at the head with that, farther down more and more with the back.
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
"""So far below the joint of the head, hair follows the head alone; the upper back as far as :data:`LOOSE` leaves it to
it; and, of what the head leaves, the middle of the back alone. Chosen by hand, by where shoulders and blades are."""
LOOSE = 0.35
"""Share of the head in how hair moves that hangs down the back. Chosen by hand."""
JOINTS = ("head", "spine3", "spine2")
"""What hair follows: the head, the upper back and the middle of the back."""


@dataclass(frozen=True, eq=False)
class HangingHair:
    """What makes a body with hair that hangs from one without. It is equal to itself alone."""

    rings: Tensor
    """Closed loops from the top down in the bind pose, seen from above against the clock. [R, N, 3]"""
    betas: tuple[float, ...]
    """The shape of the body behind which it hangs."""

    def to(self, device: torch.device) -> HangingHair:
        """Return the same hair on a device."""
        return replace(self, rings=self.rings.to(device))


def with_hair(body: Body, hair: HangingHair | None) -> Body:
    """Return the body with hair that hangs, the body itself for None or if it has such. Its own vertices stay first.

    Raises:
        BadInputError: the body has no head and back by SMPL's names.
    """
    if hair is None or PART in body.part_names:
        return body
    like, count = body.template, len(body.template)
    rings = hair.rings.to(like)
    rows, around = rings.shape[:2]
    ends = [_end(rings[0], rings[1]), _end(rings[-1], rings[-2])]
    vertices = torch.cat([ends[0][None], rings.flatten(0, 1), ends[1][None]])
    added, betas = len(vertices), like.new_tensor(hair.betas)
    basis = _basis(body, betas, vertices, rows)
    weights = hair_weights(body, betas, vertices[:, 1])
    faces, uvs, uv_faces = _connected(rows, around)
    strip = torch.from_numpy(uvs).to(body.uvs) * body.uvs.new_tensor([STRIP - 2 * MARGIN, 1 - 2 * MARGIN])
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
        lbs_weights=torch.cat([body.lbs_weights, weights]),
        faces=torch.cat([body.faces, torch.from_numpy(faces).to(body.faces) + count]),
        uvs=torch.cat([body.uvs * body.uvs.new_tensor([1 - STRIP, 1.0]), strip]),
        uv_faces=torch.cat([body.uv_faces, torch.from_numpy(uv_faces).to(body.uv_faces) + len(body.uvs)]),
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
    """Return the skinning of hair at some heights in the bind pose. [N] → [N, J]

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


def _end(last: Tensor, before: Tensor) -> Tensor:
    """Return the vertex that closes a tube: half a step beyond its last ring. [N, 3] each → [3]"""
    centre = last.mean(0)
    step = (centre - before.mean(0))[1] / 2
    return torch.stack([centre[0], centre[1] + step, centre[2]])


def _basis(body: Body, betas: Tensor, vertices: Tensor, rows: int) -> Tensor:
    """Return how the hair's vertices move with the shape: each ring as the skin nearest to it does. [G, 3, B]"""
    skin = torch.nonzero(body.skin)[:, 0]
    rest = shaped(body, betas)[skin].double().cpu().numpy()
    _, nearest = cKDTree(rest).query(vertices.double().cpu().numpy())
    basis = body.shape_basis[skin[torch.from_numpy(nearest).to(skin.device)]]
    mean = basis[1:-1].unflatten(0, (rows, -1)).mean(1, keepdim=True)
    each = mean.expand(-1, (len(vertices) - 2) // rows, -1, -1).flatten(0, 1)
    return torch.cat([mean[0], each, mean[-1]])


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
