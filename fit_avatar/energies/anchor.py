"""Terms that hold poses near given ones, each frame as firmly as the term's confidence says."""

from __future__ import annotations

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
