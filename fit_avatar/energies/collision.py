"""A term against limbs inside limbs: capsules around the body's bones do not overlap. Residuals in metres."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Any

import torch
from torch import Tensor

from fit_avatar.body.joints import is_finger
from fit_avatar.body.mesh import vertex_areas
from fit_avatar.body.model import Body
from fit_avatar.body.points import Points
from fit_avatar.energies.points import PosedPoints
from fit_avatar.energies.posed_body import PosedBody
from fit_avatar.energies.term import energy

MARGIN_M = 0.005
"""Capsules nearer than this in the bind pose are never compared: they touch in every pose."""
FEWEST_VERTICES = 8
"""A joint that moves fewer vertices gets no capsule."""

_INTO = {"hand": "wrist", "foot": "ankle", "jaw": "head", "eye_smplhf": "head"}
"""Joints whose vertices belong to the capsule of another one."""


@dataclass(frozen=True)
class Capsules:
    """Segments with a radius, each moved by one joint, and which of them may not overlap."""

    ends: Points  # 2N points: all first ends, then all second ends
    radii: Tensor  # [N] metres
    pairs: Tensor  # [P, 2] int64
    joints: tuple[int, ...]  # N joints

    def __len__(self) -> int:
        return len(self.radii)

    @property
    def pair_ends(self) -> Tensor:
        """Return where the two ends of the first, then of the second capsule of each pair are in ``ends``. [P, 4]"""
        a, b = self.pairs.unbind(-1)
        return torch.stack([a, a + len(self), b, b + len(self)], -1)

    @property
    def reach(self) -> Tensor:
        """Return the distance of the axes of each pair at which the capsules touch. [P] metres"""
        return self.radii[self.pairs].sum(-1)


def _fitted(x: PosedBody) -> Mapping[str, Any]:
    return {"capsules": fit_capsules(x.body)}


def _read_ends(x: PosedBody, capsules: Capsules) -> PosedPoints:
    return x.read_points(capsules.ends.take(capsules.pair_ends.flatten()))


@energy(reads=_read_ends, prepare=_fitted, makes=("capsules",))
def self_penetration(points: Tensor, capsules: Capsules) -> Tensor:
    """How deep capsules are inside each other, zero where they are apart. [..., T, P] metres

    P counts the pairs of capsules that do not touch anyway: see :func:`fit_capsules`, which the preparation calls. The
    radii are those of the mean shape.

    points: the ends of the axes of each pair, of the first capsule, then of the second. [..., T, 4 P, 3]

    Source: the idea is that of Bogo et al. 2016 (SMPLify), section 3.2, with distances of capsules instead of
    overlaps of spheres.
    """
    ends = points.unflatten(-2, (-1, 4))
    between = (end_weights(ends)[..., None] * ends).sum(-2)
    depth: Tensor = capsules.reach - between.square().sum(-1).clamp_min(1e-12).sqrt()
    return depth.clamp_min(0)


@lru_cache(maxsize=4)
def fit_capsules(body: Body) -> Capsules:
    """Fit one capsule to the skin that follows each joint of limbs, trunk and head.

    Its axis is the skin's longest: along the bone in a limb, from side to side in the trunk, which is wider than deep.
    Its radius is the median distance of the skin from the axis. Ends move with the betas as the skin around them does.
    Pairs are left out whose joints are neighbours, or which touch in the bind pose.
    """
    owner, areas = _owners(body), vertex_areas(body.template, body.faces)
    joints, ends, bases, radii = [], [], [], []
    for joint, members in _members(body, owner).items():
        vertices, weight = body.template[members], areas[members] / areas[members].sum()
        centre = weight @ vertices
        spread = vertices - centre
        axis = torch.linalg.eigh((spread * weight[:, None]).T @ spread).eigenvectors[:, -1]
        along = spread @ axis
        radius = _quantile((spread - along[:, None] * axis).norm(dim=-1), weight, 0.5)
        # The round ends reach to the ends of the skin.
        low, high = _quantile(along, weight, 0.03) + radius, _quantile(along, weight, 0.97) - radius
        if low > high:
            low = high = (low + high) / 2
        joints.append(joint)
        radii.append(radius)
        for end, sign in ((low, -1.0), (high, 1.0)):
            near = weight * (sign * along > 0)
            ends.append(centre + end * axis)
            bases.append(torch.einsum("v,vcb->cb", near / near.sum(), body.shape_basis[members]))
    order = [2 * i for i in range(len(joints))] + [2 * i + 1 for i in range(len(joints))]
    one_hot = torch.nn.functional.one_hot(torch.tensor(joints * 2), len(body.parents)).to(body.lbs_weights)
    points = Points(torch.stack([ends[i] for i in order]), torch.stack([bases[i] for i in order]), one_hot)
    pairs = _apart(body, owner, joints, points.template, torch.stack(radii))
    return Capsules(points, torch.stack(radii), pairs, tuple(joints))


def capsule_radii(body: Body, surface: Tensor, betas: Tensor, fraction: float = 0.5) -> Tensor:
    """Return radii of the same capsules for a person: a quantile of the distance of their surface from the axes.

    Args:
        body: the body.
        surface: the person's, with clothes, in the bind pose. [V, 3] metres
        betas: their shape, which moves the axes. [B]
        fraction: of the surface that is inside.

    Returns:
        [C] metres
    """
    capsules, areas = fit_capsules(body), vertex_areas(surface, body.faces)
    ends = capsules.ends.template + capsules.ends.basis[..., : len(betas)] @ betas
    members, radii = _members(body, _owners(body)), []
    for place, joint in enumerate(capsules.joints):
        points, (start, end) = surface[members[joint]], ends[[place, place + len(capsules)]]
        four = torch.stack([points, points, start.expand_as(points), end.expand_as(points)], -2)
        distance = (end_weights(four)[..., None] * four).sum(-2).norm(dim=-1)
        radii.append(_quantile(distance, areas[members[joint]] / areas[members[joint]].sum(), fraction))
    return torch.stack(radii)


def _members(body: Body, owner: Tensor) -> dict[int, Tensor]:
    """Return the skin that each joint with a capsule carries. Joint → int64 [M]"""
    follows = owner[body.lbs_weights.argmax(1)]
    every = {j: torch.nonzero((follows == j) & body.skin)[:, 0] for j in range(len(body.parents))}
    return {joint: members for joint, members in every.items() if len(members) >= FEWEST_VERTICES}


def _owners(body: Body) -> Tensor:
    """Return the joint that carries the capsule of each joint's skin. [J]"""
    owners = []
    for j, name in enumerate(body.joint_names):
        side = next((s for s in ("left_", "right_") if name.startswith(s)), "")
        base = "hand" if is_finger(name) else name.removeprefix(side)
        into = _INTO.get(base)
        target = None if into is None else into if into in body.joint_names else side + into
        owners.append(body.joint_names.index(target) if target in body.joint_names else j)
    return torch.tensor(owners, device=body.template.device)


def _apart(body: Body, owner: Tensor, joints: list[int], ends: Tensor, radii: Tensor) -> Tensor:
    """Return the pairs of capsules that are not neighbours and do not touch in the bind pose. [P, 2]"""
    above = {j: body.parents[j] for j in joints}
    pairs = []
    for a, b in combinations(range(len(joints)), 2):
        first, second = joints[a], joints[b]
        if above[first] != second and above[second] != first:
            pairs.append((a, b))
    found = torch.tensor(pairs, dtype=torch.long, device=ends.device).reshape(-1, 2)
    one, other = found.unbind(-1)
    start, end = ends.chunk(2)
    four = torch.stack([start[one], end[one], start[other], end[other]], -2)
    distance = (end_weights(four)[..., None] * four).sum(-2).norm(dim=-1)
    return found[distance - radii[one] - radii[other] > MARGIN_M]


def end_weights(ends: Tensor) -> Tensor:
    """Return weights of the ends of two segments whose sum is the vector between their nearest points.

    At the nearest points the distance does not change with where on the segments they are, so the weights are held
    fixed when it is differentiated. ends [..., 4, 3] → [..., 4]
    """
    with torch.no_grad():
        p, q, r, s = ends.unbind(-2)
        u, v, w = q - p, s - r, p - r
        uu, vv, uv = (u * u).sum(-1).clamp_min(1e-12), (v * v).sum(-1).clamp_min(1e-12), (u * v).sum(-1)
        uw, vw = (u * w).sum(-1), (v * w).sum(-1)
        room = uu * vv - uv * uv
        i = torch.where(room > 1e-9 * uu * vv, (uv * vw - vv * uw) / room.clamp_min(1e-20), torch.zeros_like(uu))
        j = ((uv * i.clamp(0, 1) + vw) / vv).clamp(0, 1)
        i = ((uv * j - uw) / uu).clamp(0, 1)  # again, because j may have been clamped
        j = ((uv * i + vw) / vv).clamp(0, 1)
        return torch.stack([1 - i, i, j - 1, -j], -1)


def _quantile(values: Tensor, weight: Tensor, fraction: float) -> Tensor:
    """Return the value below which this fraction of the weight lies."""
    order = values.argsort()
    place = torch.searchsorted(weight[order].cumsum(0), fraction * float(weight.sum()))
    return values[order[place.clamp_max(len(order) - 1)]]
