"""The bind pose of a file: the one in which the body was modelled, a T-pose or an A-pose."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from fit_avatar.body import rotation
from fit_avatar.body.model import Body
from fit_avatar.body.skinning import blend, pose_skeleton, shaped
from fit_avatar.body.state import BodyState

Bind = Literal["model", "a", "t"]

ARMS_DOWN_RAD = math.radians(45)
"""Rotation of the shoulders from the T-pose to the A-pose. Chosen by hand, as is usual for rigs."""
ALREADY_DOWN_RAD = math.radians(20)
"""A bind pose whose shoulders are rotated further is an A-pose already. Chosen by hand."""


def in_bind_pose(body: Body, state: BodyState, bind: str) -> tuple[Body, BodyState]:
    """Return the person as a body that is modelled in another bind pose, and the poses, which do not change.

    The vertices are un-posed: skinning takes them from the new bind pose to where they were in the old one. So the
    surface stays the same in poses near the old bind pose, in which the person was fitted.

    Args:
        body: the body.
        state: shape and T poses.
        bind: "model" (nothing changes), "t" (pose zero) or "a" (arms lowered; a body modelled so stays as it is).

    Returns:
        A body without shape coefficients, expression and pose-dependent blend shapes, which the files do not have,
        and a state with no betas and zero offsets.
    """
    target = _bind_rotations(body, bind)
    return (body, state) if target is None else bound_at(body, state, target)


def bound_at(body: Body, state: BodyState, target: Tensor) -> tuple[Body, BodyState]:
    """Return the person as :func:`in_bind_pose`, in any bind pose.

    Args:
        body: the body.
        state: shape and T poses.
        target: each joint's rotation from the T-pose to the new bind pose. [J, 3, 3]
    """
    at_origin = body.template.new_zeros(1, 3)
    vertices = shaped(body, state.betas, state.offsets)
    joints = pose_skeleton(body, state.betas, _local(body, target)[None], at_origin).joints[0]
    there = replace(
        body,
        template=vertices,
        shape_basis=vertices.new_zeros(*vertices.shape, 0),
        joint_template=joints,
        joint_basis=joints.new_zeros(*joints.shape, 0),
        bind_rotations=target,
        num_expression=0,
        pose_basis=None,
    )
    no_betas = state.betas.new_zeros(0)
    back = pose_skeleton(there, no_betas, _local(body, body.bind_rotations)[None], at_origin)
    linear, shift = (part[0] for part in blend(back, body.lbs_weights))
    unposed = torch.linalg.solve(linear, (vertices - shift)[..., None])[..., 0]
    return (
        replace(there, template=unposed),
        replace(state, betas=no_betas, offsets=torch.zeros_like(vertices), expression=None),
    )


def _bind_rotations(body: Body, bind: str) -> Tensor | None:
    """Return each joint's rotation from the T-pose to the bind pose [J, 3, 3]; None if it is the body's own."""
    own = body.bind_rotations
    identity = torch.eye(3, dtype=own.dtype, device=own.device).expand_as(own)
    if bind == "t":
        return None if torch.allclose(own, identity, atol=1e-6) else identity.clone()
    shoulders = [body.joint_names.index(name) for name in ("left_shoulder", "right_shoulder")]
    if bind == "model" or rotation.log(own[shoulders]).norm(dim=-1).min() > ALREADY_DOWN_RAD:
        return None
    lowered = own.clone()
    for shoulder, sign in zip(shoulders, (-1.0, 1.0), strict=True):
        arm = [j for j in range(len(body.parents)) if shoulder in _chain(body, j)]
        lowered[arm] = rotation.exp(own.new_tensor([0.0, 0.0, sign * ARMS_DOWN_RAD])) @ own[arm]
    return lowered


def _chain(body: Body, joint: int) -> list[int]:
    """Return a joint and all its ancestors."""
    return [joint, *_chain(body, body.parents[joint])] if joint >= 0 else []


def _local(body: Body, rotations: Tensor) -> Tensor:
    """Return local rotations from global ones. [J, 3, 3]"""
    parents = torch.tensor(body.parents[1:], device=rotations.device)
    return torch.cat([rotations[:1], rotations[parents].transpose(1, 2) @ rotations[1:]])
