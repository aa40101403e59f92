"""Terms that hold poses near given ones, each frame as firmly as the term's confidence says."""

from __future__ import annotations

import torch
from torch import Tensor

from fit_avatar.body import rotation
from fit_avatar.energies.blocks import Blocks, block_diagonal, identity_block
from fit_avatar.energies.pose import between
from fit_avatar.energies.posed_body import PosedBody
from fit_avatar.energies.term import energy


def _pose_jacobian(x: PosedBody, rotations: Tensor) -> Blocks:
    whole = block_diagonal(rotation.right_jacobian_inverse(between(rotations, x.rotations)))
    return Blocks({"global_orient": whole[..., :3], "body_pose": whole[..., 3:]})


@energy(jacobian=_pose_jacobian, rotations="T J 3 3")
def pose_anchor(x: PosedBody, rotations: Tensor) -> Tensor:
    """How far the joints are turned from given local rotations, the root's first. [..., T, J, 3] radians

    rotations: of each frame. [..., T, J, 3, 3]
    """
    return between(rotations, x.rotations)


def _place_jacobian(x: PosedBody, places: Tensor) -> Blocks:
    return Blocks({"transl": identity_block(x.transl)})


@energy(jacobian=_place_jacobian, places="T 3")
def place_anchor(x: PosedBody, places: Tensor) -> Tensor:
    """How far the root is from given translations. [..., T, 3] metres

    places: of each frame. [..., T, 3]
    """
    return x.transl - places


# -- changes against given poses ----------------------------------------------------------------------------------


def _pose_change_jacobian(x: PosedBody, rotations: Tensor) -> Blocks:
    whole = block_diagonal(rotation.right_jacobian_inverse(between(rotations, x.rotations)))
    pair = torch.stack([-whole[..., :-1, :, :], whole[..., 1:, :, :]], -3)
    return Blocks({"global_orient": pair[..., :3], "body_pose": pair[..., 3:]})


@energy(jacobian=_pose_change_jacobian, rotations="T J 3 3")
def pose_change(x: PosedBody, rotations: Tensor) -> Tensor:
    """How much the turn away from given local rotations changes between frames. [..., T−1, J, 3] radians

    rotations: of each frame, the root's first. [..., T, J, 3, 3]
    """
    turned = between(rotations, x.rotations)
    return turned[..., 1:, :, :] - turned[..., :-1, :, :]


def _place_change_jacobian(x: PosedBody, places: Tensor) -> Blocks:
    one = identity_block(x.transl[..., 1:, :])
    return Blocks({"transl": torch.stack([-one, one], -3)})


@energy(jacobian=_place_change_jacobian, places="T 3")
def place_change(x: PosedBody, places: Tensor) -> Tensor:
    """How much the way from given translations changes between frames. [..., T−1, 3] metres

    places: of each frame. [..., T, 3]
    """
    away = x.transl - places
    return away[..., 1:, :] - away[..., :-1, :]


# -- as a camera saw it -------------------------------------------------------------------------------------------


@energy(vector=True, reads=PosedBody.read_keypoints, places="T K 3")
def view_anchor(points: Tensor, places: Tensor, depth_looseness: float = 10.0) -> Tensor:
    """How far the body's keypoints are from given places, less along the view than across it. [..., T, K, 3] metres

    What a fit to one camera's pictures knows: across the view much, along it little.

    Args:
        points: the body's keypoints. [..., T, K, 3]
        places: where they were, in camera coordinates. [..., T, K, 3]
        depth_looseness: so many times less a distance along the view counts.
    """
    view = torch.nn.functional.normalize(places, dim=-1)
    away = points - places
    along = (away * view).sum(-1, keepdim=True) * view
    return away - along + along / depth_looseness
