"""Batched linear blend skinning, with the derivative of any skinned point in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from fit_avatar.body import rotation
from fit_avatar.body.constants import places
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
    levels, order = _levels(body.parents, rotations.device)
    turn, place = rotations[..., :1, :, :], rest[..., :1, :] + transl[..., None, :]
    turns, joints = [turn], [place]
    skinned = turn @ body.bind_rotations[0].T
    skins = [skinned]
    for level in levels[1:]:
        bones = rest[..., level.joints, :] - rest[..., level.parents, :]
        place = place[..., level.above, :] + (skinned[..., level.above, :, :] @ bones[..., None])[..., 0]
        turn = turn[..., level.above, :, :] @ rotations[..., level.joints, :, :]
        skinned = turn @ body.bind_rotations[level.joints].transpose(-1, -2)
        turns.append(turn)
        joints.append(place)
        skins.append(skinned)
    return Skeleton(
        rest_joints=rest,
        joints=torch.cat(joints, -2)[..., order, :],
        rotations=rotations,
        global_rotations=torch.cat(turns, -3)[..., order, :, :],
        skin_rotations=torch.cat(skins, -3)[..., order, :, :],
    )


@dataclass(frozen=True)
class _Level:
    """The joints of a tree at one distance from its root, as int64 on one device."""

    joints: Tensor
    parents: Tensor
    above: Tensor  # the parents' places in the level above


@cache
def _levels(parents: tuple[int, ...], device: torch.device) -> tuple[tuple[_Level, ...], Tensor]:
    """Group the joints of a tree by their distance from the root; and return where each joint is among the groups."""

    def there(index: list[int]) -> Tensor:
        return torch.tensor(index, dtype=torch.long, device=device)

    groups, levels = [[0]], [_Level(there([0]), there([]), there([]))]
    while sum(map(len, groups)) < len(parents):
        before = groups[-1]
        joints = [j for j, parent in enumerate(parents) if parent in before]
        above = [parents[j] for j in joints]
        groups.append(joints)
        levels.append(_Level(there(joints), there(above), there([before.index(parent) for parent in above])))
    order = [j for group in groups for j in group]
    return tuple(levels), there(sorted(range(len(parents)), key=order.__getitem__))


def pose_offsets(pose_basis: Tensor, rotations: Tensor) -> Tensor:
    """Return pose-dependent blend shapes, added in the bind pose.

    pose_basis [N, 3, 9 (J−1)], or [..., T, N, 3, 9 (J−1)] for points that differ from frame to frame; local rotations
    [..., T, J, 3, 3] → [..., T, N, 3]

    Source: Loper et al. 2015 (SMPL), section 3.
    """
    identity = torch.eye(3, dtype=rotations.dtype, device=rotations.device)
    feature = (rotations[..., 1:, :, :] - identity).flatten(-3)
    moved: Tensor
    if pose_basis.dim() == 3:
        moved = (feature @ pose_basis.flatten(0, 1).T).unflatten(-1, (-1, 3))
    else:
        moved = torch.einsum("...nap,...p->...na", pose_basis, feature)
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
    """Derivative of M skinned points of T frames, contracted with C directions each: ``gᵀ ∂x``."""

    pose: Tensor  # [..., T, M, C, J, 3] to a local rotation R_k ← R_k exp(ω_k)
    transl: Tensor  # [..., T, M, C, 3]
    betas: Tensor  # [..., T, M, C, B]
    rest: Tensor  # [..., T, M, C, 3] to the point in the bind pose


def point_jacobian(
    body: Body,
    skeleton: Skeleton,
    points: Tensor,
    weights: Tensor,
    shape_basis: Tensor,
    direction: Tensor,
    pose_basis: Tensor | None = None,
) -> PointJacobian:
    """Return ``directionᵀ ∂x`` for skinned points x = Σ_j w_j (S_j v + a_j).

    With R_k ← R_k exp(ω_k), everything below joint k turns about its place p_k by G_k ω_k, G_k its global rotation:
    dx = (G_k ω_k) × r_k with the arm r_k = Σ_j below k w_j (S_j v + a_j − p_k). So gᵀ dx = ω_kᵀ (G_kᵀ r_k × G_kᵀ g),
    and G_kᵀ r_k is linear in w_j v and w_j: one matrix for each frame gives the arms of all points at once.

    Args:
        body: gives parents and the joints' shape basis.
        skeleton: of T poses.
        points: points in the bind pose, pose-dependent blend shapes added. [..., T, M, 3] or [M, 3]
        weights: their skinning weights. [..., T, M, J] or [M, J]
        shape_basis: their shape basis. [..., T, M, 3, B] or [M, 3, B]
        direction: C vectors g for each point; arms and sums over joints are computed once for all C. [..., T, M, C, 3]
        pose_basis: their pose-dependent blend shapes, where the body has such. [(..., T,) M, 3, 9 (J−1)]
    """
    back = skeleton.global_rotations.movedim(-1, -3)  # G_kᵀ as [..., T, 3, J, 3]
    arms = _arms(body, skeleton, back, points.expand(*direction.shape[:-2], 3), weights)
    turned = direction.flatten(-3, -2) @ back.flatten(-3, -2).transpose(-1, -2)
    turned = turned.unflatten(-2, direction.shape[-3:-1]).unflatten(-1, (3, -1))  # [..., T, M, C, 3, J]
    pose = _cross(arms[..., None, :, :], turned).transpose(-1, -2)
    linear = (weights @ skeleton.skin_rotations.flatten(-2)).unflatten(-1, (3, 3))
    rest = _contracted(direction, linear)
    # dx/dβ = Σ_j w_j S_j ∂v + w_j ∂a_j, where the first summand goes through the point in the bind pose.
    carried = (weights @ _anchor_shape_jacobian(body, skeleton).flatten(-2)).unflatten(-1, (3, -1))
    betas = _contracted(rest, shape_basis) + _contracted(direction, carried)
    if pose_basis is not None:
        pose = pose + _corrective_jacobian(pose_basis, rest, skeleton.rotations)
    return PointJacobian(pose, direction, betas, rest)


def _arms(body: Body, skeleton: Skeleton, back: Tensor, points: Tensor, weights: Tensor) -> Tensor:
    """Return each point's arm about every joint, in the joint's axes: G_kᵀ r_k. [..., T, M, 3, J]"""
    root = skeleton.joints[..., :1, :]  # places are taken from here, so that single precision keeps its digits
    affine = torch.cat([skeleton.skin_rotations, (skeleton.anchors - root)[..., None]], -1)  # [..., T, J, 3, 4]
    maps = back.flatten(-3, -2) @ affine.movedim(-3, -2).flatten(-2)
    maps = maps.unflatten(-1, (-1, 4)).unflatten(-3, (3, -1))  # [..., T, 3, k, j, 4]
    own = torch.einsum("...akb,...kb->...ak", back, skeleton.joints - root)
    maps[..., 3] -= own[..., None]
    matrix = (maps * _subtree(body.parents, points.dtype, points.device)[..., None]).flatten(-2).flatten(-3, -2)
    homogeneous = torch.cat([points, torch.ones_like(points[..., :1])], -1)
    weighted = (weights[..., None] * homogeneous[..., None, :]).flatten(-2)  # [..., T, M, 4 j]
    arms: Tensor = (weighted @ matrix.transpose(-1, -2)).unflatten(-1, (3, -1))
    return arms


def _contracted(direction: Tensor, slope: Tensor) -> Tensor:
    """Return gᵀ A; sums of three products are faster than many small matrix products. [..., C, 3], [..., 3, n]"""
    total: Tensor = direction[..., 0:1] * slope[..., None, 0, :]
    for axis in (1, 2):
        total = torch.addcmul(total, direction[..., axis : axis + 1], slope[..., None, axis, :])
    return total


def _cross(first: Tensor, second: Tensor) -> Tensor:
    """Return cross products along the last but one dimension; along the last they are several times slower."""
    a, b = first.unbind(-2), second.unbind(-2)
    return torch.stack([(a[i - 2] * b[i - 1]).addcmul_(a[i - 1], b[i - 2], value=-1) for i in range(3)], -2)


def _corrective_jacobian(pose_basis: Tensor, pulled: Tensor, rotations: Tensor) -> Tensor:
    """Return the part of the pose's derivative that pose-dependent blend shapes add. [..., T, M, C, J, 3]"""
    slope = _contracted(pulled, pose_basis).unflatten(-1, (-1, 3, 3))
    turned = rotations[..., None, None, 1:, :, :].transpose(-1, -2) @ slope  # d(R exp(ω)) = R [ω]×
    axial = torch.stack(
        [
            turned[..., 2, 1] - turned[..., 1, 2],
            turned[..., 0, 2] - turned[..., 2, 0],
            turned[..., 1, 0] - turned[..., 0, 1],
        ],
        -1,
    )
    return torch.nn.functional.pad(axial, (0, 0, 1, 0))


@cache
def _subtree(parents: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return 1 where the column's joint is the row's or below it. [J, J]"""
    below = torch.eye(len(parents))
    for j in range(len(parents) - 1, 0, -1):
        below[parents[j]] += below[j]
    return below.to(device, dtype)


def _anchor_shape_jacobian(body: Body, skeleton: Skeleton) -> Tensor:
    """Return the derivative of the anchors ``p_j − S_j J_j`` to the betas. [..., T, J, 3, B]"""
    basis = body.joint_basis
    parents = places(body.parents[1:], basis)
    bones = skeleton.skin_rotations[..., parents, :, :] @ (basis[1:] - basis[parents])
    steps = torch.cat([basis[:1].expand(*bones.shape[:-3], -1, -1, -1), bones], -3)
    chain = _subtree(body.parents, basis.dtype, basis.device).T  # a joint's place is the sum of the bones above it
    moved: Tensor = (chain @ steps.flatten(-2)).unflatten(-1, basis.shape[-2:]) - skeleton.skin_rotations @ basis
    return moved
