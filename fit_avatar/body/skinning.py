"""Batched linear blend skinning, with the derivative of any skinned point in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fit_avatar.body import rotation
from fit_avatar.body.model import Body
from fit_avatar.body.state import BodyState


@dataclass(frozen=True)
class Posed:
    """A body in T poses."""

    vertices: Tensor  # [T, V, 3]
    joints: Tensor  # [T, J, 3]


@dataclass(frozen=True)
class Skeleton:
    """The joints of T poses, as transforms that take the bind pose to the posed body."""

    rest_joints: Tensor  # [J, 3] in the bind pose, shaped
    joints: Tensor  # [T, J, 3] posed
    global_rotations: Tensor  # [T, J, 3, 3] from the T-pose
    skin_rotations: Tensor  # [T, J, 3, 3] from the bind pose: global · bindᵀ
    """A vertex that follows joint j alone goes to ``skin_rotations[j] (v − rest_joints[j]) + joints[j]``."""


def shaped(body: Body, betas: Tensor, offsets: Tensor | None = None) -> Tensor:
    """Return the vertices in the bind pose. betas [B], offsets [V, 3] → [V, 3]"""
    vertices = body.template + body.shape_basis @ betas
    return vertices if offsets is None else vertices + offsets


def pose_skeleton(body: Body, betas: Tensor, rotations: Tensor, transl: Tensor) -> Skeleton:
    """Run the kinematic chain.

    Args:
        body: the body.
        betas: shape. [B]
        rotations: local rotation of every joint, the root's first. [T, J, 3, 3]
        transl: translation added to the pelvis. [T, 3]
    """
    rest = body.joint_template + body.joint_basis @ betas
    turns: list[Tensor] = []
    skins: list[Tensor] = []
    places: list[Tensor] = []
    for j, parent in enumerate(body.parents):
        turn = rotations[:, j] if parent < 0 else turns[parent] @ rotations[:, j]
        turns.append(turn)
        skins.append(turn @ body.bind_rotations[j].T)
        if parent < 0:
            places.append(rest[j] + transl)
        else:
            places.append(places[parent] + skins[parent] @ (rest[j] - rest[parent]))
    return Skeleton(rest, torch.stack(places, 1), torch.stack(turns, 1), torch.stack(skins, 1))


def skin(skeleton: Skeleton, vertices: Tensor, weights: Tensor) -> Tensor:
    """Blend the joints' transforms. vertices [V, 3], weights [V, J] → [T, V, 3]"""
    linear, shift = blend(skeleton, weights)
    return (linear @ vertices[..., None])[..., 0] + shift


def blend(skeleton: Skeleton, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return each vertex's affine map from bind to posed space: [T, V, 3, 3] and [T, V, 3]."""
    frames, joints = skeleton.joints.shape[:2]
    rest = (skeleton.skin_rotations @ skeleton.rest_joints[..., None])[..., 0]
    affine = torch.cat([skeleton.skin_rotations.reshape(frames, joints, 9), skeleton.joints - rest], -1)
    mixed = weights @ affine
    return mixed[..., :9].reshape(frames, -1, 3, 3), mixed[..., 9:]


def local_rotations(state: BodyState) -> Tensor:
    """Return rotation matrices of all joints, the root first. [T, J, 3, 3]"""
    return rotation.exp(torch.cat([state.global_orient[:, None], state.body_pose], 1))


def pose_body(body: Body, state: BodyState) -> Posed:
    """Return vertices and joints of every pose, in camera coordinates (metres)."""
    skeleton = pose_skeleton(body, state.betas, local_rotations(state), state.transl)
    vertices = skin(skeleton, shaped(body, state.betas, state.offsets), body.lbs_weights)
    return Posed(vertices, skeleton.joints)


@dataclass(frozen=True)
class PointJacobian:
    """Derivative of skinned points, contracted with one direction each: ``gᵀ ∂x``."""

    pose: Tensor  # [T, M, J, 3] to a local rotation R_k ← R_k exp(ω_k)
    transl: Tensor  # [T, M, 3]
    betas: Tensor  # [T, M, B]


def point_jacobian(
    body: Body, skeleton: Skeleton, points: Tensor, weights: Tensor, shape_basis: Tensor, direction: Tensor
) -> PointJacobian:
    """Return ``directionᵀ ∂x`` for skinned points x = Σ_j w_j (S_j (v − J_j) + p_j).

    With R_k ← R_k exp(ω_k), dx = (G_k ω_k) × (s_k − W_k p_k), where s_k sums w_j (…) and W_k sums
    w_j over the joints below k: the derivative is a cross product.

    Args:
        body: gives parents and the joints' shape basis.
        skeleton: of T poses.
        points: points in the bind pose. [T, M, 3] or [M, 3]
        weights: their skinning weights. [T, M, J] or [M, J]
        shape_basis: their shape basis. [T, M, 3, B] or [M, 3, B]
        direction: the vectors g. [T, M, 3]
    """
    below = _subtree(body.parents, points)  # [J, J] 1 where column is in the subtree of row
    frames, count = direction.shape[:2]
    points, weights = points.expand(frames, count, -1), weights.expand(frames, count, -1)
    shape_basis = shape_basis.expand(frames, count, -1, -1)
    rotated = torch.einsum("tjab,tmb->tmja", skeleton.skin_rotations, points)
    anchor = skeleton.joints - (skeleton.skin_rotations @ skeleton.rest_joints[..., None])[..., 0]
    placed = weights[..., None] * (rotated + anchor[:, None])  # [T, M, J, 3]
    total = torch.einsum("kj,tmja->tmka", below, placed)
    mass = (weights @ below.T)[..., None]  # [T, M, J, 1]
    arm = total - mass * skeleton.joints[:, None]
    torque = torch.linalg.cross(arm, direction[:, :, None].expand_as(arm))
    pose = torch.einsum("tkab,tmka->tmkb", skeleton.global_rotations, torque)

    # dx/dβ = Σ_j w_j S_j (∂v − ∂J_j) + w_j ∂p_j, and ∂p_j follows the chain.
    moved = _joint_shape_jacobian(body, skeleton)  # [T, J, 3, B] of p_j − S_j J_j
    turns = (weights @ skeleton.skin_rotations.flatten(2)).reshape(frames, count, 3, 3)
    pulled = (direction[:, :, None] @ turns)[:, :, 0]
    carried = (weights @ moved.flatten(2)).reshape(frames, count, *moved.shape[2:])
    betas = torch.einsum("tma,tmac->tmc", pulled, shape_basis) + torch.einsum("tmac,tma->tmc", carried, direction)
    return PointJacobian(pose, direction, betas)


def _subtree(parents: tuple[int, ...], like: Tensor) -> Tensor:
    below = torch.eye(len(parents), dtype=like.dtype, device=like.device)
    for j in range(len(parents) - 1, 0, -1):
        below[parents[j]] += below[j]
    return below


def _joint_shape_jacobian(body: Body, skeleton: Skeleton) -> Tensor:
    """Return the derivative of ``p_j − S_j J_j`` to the betas. [T, J, 3, B]"""
    basis = body.joint_basis
    places: list[Tensor] = []
    for j, parent in enumerate(body.parents):
        if parent < 0:
            places.append(basis[j].expand(len(skeleton.joints), -1, -1))
        else:
            places.append(places[parent] + skeleton.skin_rotations[:, parent] @ (basis[j] - basis[parent]))
    return torch.stack(places, 1) - skeleton.skin_rotations @ basis
