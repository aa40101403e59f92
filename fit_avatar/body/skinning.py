"""Batched linear blend skinning, with the derivative of any skinned point in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from fit_avatar.body import rotation
from fit_avatar.body.model import Body
from fit_avatar.body.points import Points
from fit_avatar.body.state import BodyState


@dataclass(frozen=True)
class Posed:
    """A body in T poses."""

    vertices: Tensor  # [..., T, V, 3]
    joints: Tensor  # [..., T, J, 3]


@dataclass(frozen=True)
class Skeleton:
    """The joints of T poses, as transforms that take the bind pose to the posed body."""

    rest_joints: Tensor  # [J, 3] or [..., T or 1, J, 3] in the bind pose, shaped
    joints: Tensor  # [..., T, J, 3] posed
    rotations: Tensor  # [..., T, J, 3, 3] local
    global_rotations: Tensor  # [..., T, J, 3, 3] from the T-pose
    skin_rotations: Tensor  # [..., T, J, 3, 3] from the bind pose: global · bindᵀ
    """A vertex that follows joint j alone goes to ``skin_rotations[j] (v − rest_joints[j]) + joints[j]``."""

    @property
    def anchors(self) -> Tensor:
        """Return where each joint's transform takes the origin. [..., T, J, 3]"""
        return self.joints - (self.skin_rotations @ self.rest_joints[..., None])[..., 0]


def shaped(body: Body, betas: Tensor, offsets: Tensor | None = None) -> Tensor:
    """Return the vertices in the bind pose. betas [..., B], offsets [..., V, 3] → [..., V, 3]

    Betas may be followed by the expression's coefficients.
    """
    vertices = body.template + weighted_sum(body.shape_basis, betas)
    return vertices if offsets is None else vertices + offsets


def weighted_sum(basis: Tensor, coefficients: Tensor) -> Tensor:
    """Return Σ_b c_b basis_b for the leading columns of a basis. [N, 3, B], [..., ≤ B] → [..., N, 3]"""
    basis = basis[..., : coefficients.shape[-1]]
    if coefficients.dim() == 1:
        return basis @ coefficients
    return torch.einsum("nab,...b->...na", basis, coefficients)


def pose_skeleton(body: Body, betas: Tensor, rotations: Tensor, transl: Tensor) -> Skeleton:
    """Run the kinematic chain, one level of the tree after the other.

    Args:
        body: the body.
        betas: shape (and expression), for all frames or for each. [B] or [..., T or 1, B]
        rotations: local rotation of every joint, the root's first. [..., T, J, 3, 3]
        transl: translation added to the pelvis. [..., T, 3]
    """
    rest = body.joint_template + weighted_sum(body.joint_basis, betas)
    levels = _levels(body.parents)
    turn, place = rotations[..., :1, :, :], rest[..., :1, :] + transl[..., None, :]
    turns, places = [turn], [place]
    skinned = turn @ body.bind_rotations[0].T
    skins = [skinned]
    for level in levels[1:]:
        bones = rest[..., level.joints, :] - rest[..., level.parents, :]
        place = place[..., level.above, :] + (skinned[..., level.above, :, :] @ bones[..., None])[..., 0]
        turn = turn[..., level.above, :, :] @ rotations[..., level.joints, :, :]
        skinned = turn @ body.bind_rotations[list(level.joints)].transpose(-1, -2)
        turns.append(turn)
        places.append(place)
        skins.append(skinned)
    order = sorted(range(len(body.parents)), key=[j for level in levels for j in level.joints].__getitem__)
    return Skeleton(
        rest_joints=rest,
        joints=torch.cat(places, -2)[..., order, :],
        rotations=rotations,
        global_rotations=torch.cat(turns, -3)[..., order, :, :],
        skin_rotations=torch.cat(skins, -3)[..., order, :, :],
    )


@dataclass(frozen=True)
class _Level:
    joints: tuple[int, ...]
    parents: tuple[int, ...]
    above: tuple[int, ...]  # the parents' places in the level above


@cache
def _levels(parents: tuple[int, ...]) -> tuple[_Level, ...]:
    """Group the joints of a tree by their distance from the root."""
    levels = [_Level((0,), (), ())]
    while sum(len(level.joints) for level in levels) < len(parents):
        before = levels[-1].joints
        joints = tuple(j for j, parent in enumerate(parents) if parent in before)
        above = tuple(parents[j] for j in joints)
        levels.append(_Level(joints, above, tuple(before.index(parent) for parent in above)))
    return tuple(levels)


def pose_offsets(pose_basis: Tensor, rotations: Tensor) -> Tensor:
    """Return pose-dependent blend shapes, added in the bind pose.

    pose_basis [N, 3, 9 (J−1)], local rotations [..., T, J, 3, 3] → [..., T, N, 3]

    Source: Loper et al. 2015 (SMPL), section 3.
    """
    identity = torch.eye(3, dtype=rotations.dtype, device=rotations.device)
    feature = (rotations[..., 1:, :, :] - identity).flatten(-3)
    moved: Tensor = (feature @ pose_basis.flatten(0, 1).T).unflatten(-1, (-1, 3))
    return moved


def skin(skeleton: Skeleton, vertices: Tensor, weights: Tensor) -> Tensor:
    """Blend the joints' transforms. vertices [..., M, 3], weights [..., M, J] → [..., T, M, 3]"""
    linear, shift = blend(skeleton, weights)
    return (linear @ vertices[..., None])[..., 0] + shift


def blend(skeleton: Skeleton, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return each point's affine map from bind to posed space: [..., T, M, 3, 3] and [..., T, M, 3].

    weights [M, J], or [..., T, M, J] for points that differ from frame to frame
    """
    affine = torch.cat([skeleton.skin_rotations.flatten(-2), skeleton.anchors], -1)
    mixed = weights @ affine
    return mixed[..., :9].unflatten(-1, (3, 3)), mixed[..., 9:]


def surface_shifted(body: Body, shift: Tensor) -> Tensor:
    """Return how vertices move when the surface around each joint moves against it as if it were rigid.

    shift [..., J, 6]: metres, and a small turn about the joint in radians, both in the bind pose → [..., V, 3] metres
    """
    along, turn = shift[..., :3], shift[..., 3:]
    joints = body.joint_template.expand_as(turn)
    moved = body.lbs_weights @ (along - torch.linalg.cross(turn, joints))
    turned = body.lbs_weights @ turn
    shifted: Tensor = moved + torch.linalg.cross(turned, body.template.expand_as(turned))
    return shifted


def local_rotations(state: BodyState) -> Tensor:
    """Return rotation matrices of all joints, the root first. [T, J, 3, 3]"""
    return rotation.exp(torch.cat([state.global_orient[..., None, :], state.body_pose], -2))


def coefficients(state: BodyState) -> Tensor:
    """Return betas, followed by each frame's expression where there is one. [B] or [T, B + E]"""
    if state.expression is None:
        return state.betas
    betas = state.betas.expand(*state.expression.shape[:-1], -1)
    return torch.cat([betas, state.expression], -1)


def pose_body(body: Body, state: BodyState) -> Posed:
    """Return vertices and joints of every pose, in camera coordinates (metres)."""
    betas = coefficients(state)
    skeleton = pose_skeleton(body, betas, local_rotations(state), state.transl)
    rest = shaped(body, betas, state.offsets)
    if body.pose_basis is not None:
        rest = rest + pose_offsets(body.pose_basis, skeleton.rotations)
    return Posed(skin(skeleton, rest, body.lbs_weights), skeleton.joints)


def pose_points(body: Body, state: BodyState, points: Points) -> Tensor:
    """Return points such as the body's keypoints in every pose, in camera coordinates. [..., T, N, 3] metres"""
    betas = coefficients(state)
    skeleton = pose_skeleton(body, betas, local_rotations(state), state.transl)
    rest = points.template + weighted_sum(points.basis, betas)
    if points.pose_basis is not None:
        rest = rest + pose_offsets(points.pose_basis, skeleton.rotations)
    return skin(skeleton, rest, points.weights)


@dataclass(frozen=True)
class PointJacobian:
    """Derivative of skinned points, contracted with one direction each: ``gᵀ ∂x``."""

    pose: Tensor  # [..., T, M, J, 3] to a local rotation R_k ← R_k exp(ω_k)
    transl: Tensor  # [..., T, M, 3]
    betas: Tensor  # [..., T, M, B]


def point_jacobian(
    body: Body,
    skeleton: Skeleton,
    points: Tensor,
    weights: Tensor,
    shape_basis: Tensor,
    direction: Tensor,
    pose_basis: Tensor | None = None,
) -> PointJacobian:
    """Return ``directionᵀ ∂x`` for skinned points x = Σ_j w_j (S_j (v − J_j) + p_j).

    With R_k ← R_k exp(ω_k), dx = (G_k ω_k) × (s_k − W_k p_k), where s_k sums w_j (…) and W_k sums
    w_j over the joints below k: the derivative is a cross product.

    Args:
        body: gives parents and the joints' shape basis.
        skeleton: of T poses.
        points: points in the bind pose, pose-dependent blend shapes added. [..., T, M, 3] or [M, 3]
        weights: their skinning weights. [..., T, M, J] or [M, J]
        shape_basis: their shape basis. [..., T, M, 3, B] or [M, 3, B]
        direction: the vectors g. [..., T, M, 3]
        pose_basis: their pose-dependent blend shapes, where the body has such. [(..., T,) M, 3, 9 (J−1)]
    """
    below = _subtree(body.parents, points)  # [J, J] 1 where column is in the subtree of row
    leading = direction.shape[:-1]
    points, weights = points.expand(*leading, 3), weights.expand(*leading, -1)
    rotated = torch.einsum("...jab,...mb->...mja", skeleton.skin_rotations, points)
    placed = weights[..., None] * (rotated + skeleton.anchors[..., None, :, :])  # [..., T, M, J, 3]
    total = torch.einsum("kj,...mja->...mka", below, placed)
    mass = (weights @ below.T)[..., None]  # [..., T, M, J, 1]
    arm = total - mass * skeleton.joints[..., None, :, :]
    torque = torch.linalg.cross(arm, direction[..., None, :].expand_as(arm))
    pose = torch.einsum("...kab,...mka->...mkb", skeleton.global_rotations, torque)

    # dx/dβ = Σ_j w_j S_j (∂v − ∂J_j) + w_j ∂p_j, and ∂p_j follows the chain.
    moved = _joint_shape_jacobian(body, skeleton)  # [..., T, J, 3, B] of p_j − S_j J_j
    turns = (weights @ skeleton.skin_rotations.flatten(-2)).unflatten(-1, (3, 3))
    pulled = (direction[..., None, :] @ turns)[..., 0, :]
    carried = (weights @ moved.flatten(-2)).unflatten(-1, moved.shape[-2:])
    betas = torch.einsum("...a,...ac->...c", pulled, shape_basis.expand(*leading, -1, -1))
    betas = betas + torch.einsum("...ac,...a->...c", carried, direction)
    if pose_basis is not None:
        pose = pose + _corrective_jacobian(pose_basis.expand(*leading, -1, -1), pulled, skeleton.rotations)
    return PointJacobian(pose, direction, betas)


def _corrective_jacobian(pose_basis: Tensor, pulled: Tensor, rotations: Tensor) -> Tensor:
    """Return the part of the pose's derivative that pose-dependent blend shapes add. [..., T, M, J, 3]"""
    slope = torch.einsum("...a,...ap->...p", pulled, pose_basis).unflatten(-1, (-1, 3, 3))
    turned = rotations[..., None, 1:, :, :].transpose(-1, -2) @ slope  # d(R exp(ω)) = R [ω]×
    axial = torch.stack(
        [
            turned[..., 2, 1] - turned[..., 1, 2],
            turned[..., 0, 2] - turned[..., 2, 0],
            turned[..., 1, 0] - turned[..., 0, 1],
        ],
        -1,
    )
    return torch.nn.functional.pad(axial, (0, 0, 1, 0))


def _subtree(parents: tuple[int, ...], like: Tensor) -> Tensor:
    below = torch.eye(len(parents), dtype=like.dtype, device=like.device)
    for j in range(len(parents) - 1, 0, -1):
        below[parents[j]] += below[j]
    return below


def _joint_shape_jacobian(body: Body, skeleton: Skeleton) -> Tensor:
    """Return the derivative of ``p_j − S_j J_j`` to the betas. [..., T, J, 3, B]"""
    basis = body.joint_basis
    places: list[Tensor] = []
    for j, parent in enumerate(body.parents):
        if parent < 0:
            places.append(basis[j].expand(*skeleton.joints.shape[:-2], -1, -1))
        else:
            places.append(places[parent] + skeleton.skin_rotations[..., parent, :, :] @ (basis[j] - basis[parent]))
    return torch.stack(places, -3) - skeleton.skin_rotations @ basis
