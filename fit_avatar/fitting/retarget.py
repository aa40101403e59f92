"""Rotations of SMPL's skeleton become those of another skeleton with the same joints and another rest pose.

Both skeletons have a T-pose whose joints' axes are the world's, so that global rotations mean nearly the same. They
differ in where a limb points in the T-pose: a constant of each limb, which is found from the user's own data.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import normalize

from fit_avatar.body import rotation
from fit_avatar.body.model import SMPL_JOINTS, SMPL_PARENTS, Body

LIMBS = {
    f"{side}_{start}": f"{side}_{end}"
    for side in ("left", "right")
    for start, end in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"))
}
"""Bones whose ends mean the same in all skeletons. Where hips, collars and the spine's joints are is a matter of taste,
so that the trunk, which is upright in every T-pose, keeps its rotations."""
MOST_SPREAD_RAD = 0.05
"""A limb points the same way in its own axes in all frames, up to this, if joints and rotations are of one body."""
MOST_APART_RAD = 0.5
"""No limb of one T-pose is farther from that of another than this. Both chosen by hand."""


def rest_limbs(rotations: Tensor, joints: Tensor | None) -> dict[str, Tensor]:
    """Return where limbs point in the T-pose of the skeleton that was posed, from rotations and joints of its poses.

    Args:
        rotations: local ones of SMPL's 24 joints. [N, 24, 3, 3]
        joints: of the same poses, NaN where they are not known. [N, 24, 3]

    Returns:
        First joint of a limb → unit vector [3]; without limbs that joints and rotations do not agree on.
    """
    if joints is None:
        return {}
    turned, found = _global(rotations), {}
    for start, end in LIMBS.items():
        a, b = SMPL_JOINTS.index(start), SMPL_JOINTS.index(end)
        own = normalize(((joints[:, b] - joints[:, a])[:, None] @ turned[:, a])[:, 0], dim=-1)
        own = own[own.isfinite().all(-1)]
        if not len(own):
            continue
        middle = normalize(own.mean(0), dim=0)
        spread = torch.arccos((own @ middle).clamp(-1, 1)).quantile(0.9)
        if float(spread) < MOST_SPREAD_RAD:
            found[start] = middle
    return found


def own_limbs(body: Body, betas: Tensor) -> dict[str, Tensor]:
    """Return where a body's limbs point in its T-pose: first joint of a limb → unit vector [3]."""
    rest = body.joint_template + body.joint_basis[..., : len(betas)] @ betas
    found = {}
    for start, end in LIMBS.items():
        if start in body.joint_names and end in body.joint_names:
            a, b = body.joint_names.index(start), body.joint_names.index(end)
            found[start] = normalize((rest[b] - rest[a]) @ body.bind_rotations[a], dim=0)
    return found


def retarget(
    body: Body, betas: Tensor, rotations: Tensor, rest: Mapping[str, Tensor] | None = None
) -> dict[int, Tensor]:
    """Return the local rotations with which a body's limbs point where SMPL's limbs do.

    Args:
        body: with SMPL's joints by name, and perhaps others.
        betas: its shape. [B]
        rotations: local ones of SMPL's 24 joints. [N, 24, 3, 3]
        rest: where SMPL's limbs point in its T-pose, as :func:`rest_limbs` returns it; those that are not there point
            where the body's do.

    Returns:
        Joint of the body → its local rotations [N, 3, 3], for all joints that SMPL has.
    """
    places = {name: body.joint_names.index(name) for name in SMPL_JOINTS if name in body.joint_names}
    turned, own = _global(rotations), own_limbs(body, betas)
    ours: dict[int, Tensor] = {}
    for k, name in enumerate(SMPL_JOINTS):
        if name not in places:
            continue
        ours[places[name]] = turned[:, k]
        theirs = None if rest is None else rest.get(name)
        if theirs is not None and name in own and float(own[name] @ theirs) > 1 - MOST_APART_RAD**2 / 2:
            ours[places[name]] = turned[:, k] @ rotation.between(own[name], theirs)
    return {j: turn if j == 0 else ours[body.parents[j]].mT @ turn for j, turn in ours.items()}


def onto(rotations: Tensor, changed: Mapping[int, Tensor]) -> Tensor:
    """Return rotations [N, J, 3, 3] of which those of some joints are others, as :func:`retarget` returns them."""
    rotations = rotations.clone()
    for joint, turns in changed.items():
        rotations[:, joint] = turns
    return rotations


def _global(rotations: Tensor) -> Tensor:
    turned = [rotations[:, 0]]
    for k, parent in enumerate(SMPL_PARENTS[1:], 1):
        turned.append(turned[parent] @ rotations[:, k])
    return torch.stack(turned, 1)
