"""Rotations of SMPL's skeleton become those of another skeleton with the same joints and another rest pose."""

from __future__ import annotations

import torch
from torch import Tensor

from fit_avatar.body import rotation
from fit_avatar.body.model import SMPL_JOINTS, SMPL_PARENTS, Body

_LEFT = {
    "hip": (0.07, -0.09, 0.00), "knee": (0.10, -0.47, -0.01), "ankle": (0.09, -0.87, -0.05),
    "foot": (0.12, -0.92, 0.07), "collar": (0.08, 0.42, -0.04), "shoulder": (0.17, 0.45, -0.05),
    "elbow": (0.43, 0.44, -0.07), "wrist": (0.68, 0.44, -0.07), "hand": (0.77, 0.44, -0.09),
}  # fmt: skip
_MIDDLE = {
    "pelvis": (0.0, 0.0, 0.0), "spine1": (0.0, 0.12, -0.03), "spine2": (0.0, 0.25, -0.03),
    "spine3": (0.0, 0.31, 0.0), "neck": (0.0, 0.52, -0.04), "head": (0.0, 0.58, 0.01),
}  # fmt: skip
SMPL_REST_M: tuple[tuple[float, float, float], ...] = tuple(
    _MIDDLE[name]
    if name in _MIDDLE
    else ((1 if name.startswith("left") else -1) * _LEFT[name.split("_")[1]][0], *_LEFT[name.split("_")[1]][1:])
    for name in SMPL_JOINTS
)
"""Roughly where SMPL's joints are in its T-pose, from the pelvis, in metres: an average adult, symmetric, set by hand
to a centimetre. Only the directions of limbs are used."""

LIMBS = {
    f"{side}_{start}": f"{side}_{end}"
    for side in ("left", "right")
    for start, end in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"))
}
"""Bones whose ends mean the same in all skeletons. Where hips, collars and the spine's joints are is a matter of taste,
so that the trunk, which is upright in every T-pose, keeps its rotations."""


def retarget(body: Body, betas: Tensor, rotations: Tensor, rest: Tensor | None = None) -> dict[int, Tensor]:
    """Return the local rotations with which a body's limbs point where SMPL's limbs do.

    Args:
        body: with SMPL's joints by name, and perhaps others.
        betas: its shape. [B]
        rotations: local ones of SMPL's 24 joints. [N, 24, 3, 3]
        rest: SMPL's joints in its T-pose, by default :data:`SMPL_REST_M`. [24, 3]

    Returns:
        Joint of the body → its local rotations [N, 3, 3], for all joints that SMPL has.
    """
    if rest is None:
        rest = rotations.new_tensor(SMPL_REST_M)
    places = {name: body.joint_names.index(name) for name in SMPL_JOINTS if name in body.joint_names}
    own_rest = body.joint_template + body.joint_basis[..., : len(betas)] @ betas
    turned = _global(rotations)
    ours: dict[int, Tensor] = {}
    for k, name in enumerate(SMPL_JOINTS):
        if name in places:
            ours[places[name]] = turned[:, k] @ _correction(body, own_rest, rest, k, places)
    return {j: turn if j == 0 else ours[body.parents[j]].mT @ turn for j, turn in ours.items()}


def _global(rotations: Tensor) -> Tensor:
    turned = [rotations[:, 0]]
    for k, parent in enumerate(SMPL_PARENTS[1:], 1):
        turned.append(turned[parent] @ rotations[:, k])
    return torch.stack(turned, 1)


def _correction(body: Body, own_rest: Tensor, rest: Tensor, k: int, places: dict[str, int]) -> Tensor:
    """Return the smallest rotation that takes a limb of the body in its T-pose to SMPL's; none elsewhere. [3, 3]"""
    end = LIMBS.get(SMPL_JOINTS[k])
    if end not in places:
        return torch.eye(3, dtype=rest.dtype, device=rest.device)
    joint = places[SMPL_JOINTS[k]]
    own = (own_rest[places[end]] - own_rest[joint]) @ body.bind_rotations[joint]  # from the bind pose to the T-pose
    theirs = rest[SMPL_JOINTS.index(end)] - rest[k]
    return _smallest(*(torch.nn.functional.normalize(bone, dim=-1) for bone in (own, theirs)))


def _smallest(start: Tensor, end: Tensor) -> Tensor:
    """Return the smallest rotation from one unit vector to another, which is not opposite. [3, 3]"""
    cross = rotation.skew(torch.linalg.cross(start, end))
    eye = torch.eye(3, dtype=start.dtype, device=start.device)
    return eye + cross + cross @ cross / (1 + start @ end).clamp_min(1e-3)
