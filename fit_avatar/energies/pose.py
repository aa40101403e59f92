"""Terms on the pose that the frames of a clip share. Residuals in radians."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from torch import Tensor

from fit_avatar.body import rotation
from fit_avatar.body.constants import numbers
from fit_avatar.body.model import Body
from fit_avatar.body.poses import a_pose
from fit_avatar.energies.blocks import Blocks, block_diagonal
from fit_avatar.energies.posed_body import PosedBody
from fit_avatar.energies.term import energy
from fit_avatar.errors import BadInputError

LOOSE = {
    "shoulder": 1.5, "elbow": 1.5, "collar": 0.7, "head": 1.5, "neck": 1.0, "hip": 1.0, "knee": 1.0,
    "wrist": 1.0, "hand": 0.7, "foot": 0.3, "ankle": 0.7, "spine1": 0.5, "spine2": 0.5, "spine3": 0.5, "jaw": 0.3,
}  # fmt: skip
"""How freely a joint moves against the others."""
LOOSE_ELSEWHERE = 0.5
"""The same, for fingers and eyes."""
LOOSE_ROOT = 2.0
LEAST_LOOSE = 0.3
"""Where smoothness is concerned, no joint is held more firmly. Chosen by hand."""


@cache
def _looseness(names: tuple[str, ...]) -> tuple[float, ...]:
    bases = [name.removeprefix("left_").removeprefix("right_") for name in names]
    return tuple(LOOSE.get(base, LOOSE_ELSEWHERE) for base in bases)


def looseness(x: PosedBody) -> Tensor:
    """Return how freely each joint but the root moves against the others. [J−1, 1]"""
    return joint_looseness(x.body).to(x.rotations)


def joint_looseness(body: Body) -> Tensor:
    """Return the same for a body. [J−1, 1]"""
    return numbers(_looseness(body.joint_names[1:]), body.template)[:, None]


def joint_factors(x: PosedBody, factors: Mapping[str, float]) -> Tensor:
    """Return a factor for each joint but the root, 1 for those that are not named. [J−1, 1]

    factors: by the joints' names, such as "head", or by those of both sides, such as "elbow"; any that the body lacks
        are left out.
    """
    names = x.body.joint_names[1:]
    found = (factors.get(name, factors.get(_without_side(name), 1.0)) for name in names)
    return numbers(tuple(map(float, found)), x.rotations)[:, None]


def _without_side(joint: str) -> str:
    return joint.removeprefix("left_").removeprefix("right_")


# -- one pose for the clip ------------------------------------------------------------------------------------


def _deviation_jacobian(x: PosedBody, looser: Mapping[str, float] | None = None) -> Blocks:
    residual = between(x.mean_pose, x.rotations[..., 1:, :, :])
    scale = _loosened(x, looser)[..., None]
    own = rotation.right_jacobian_inverse(residual) / scale
    mean = -rotation.right_jacobian_inverse(-residual) / scale
    return Blocks({"body_pose": block_diagonal(own)}, {"mean_pose": block_diagonal(mean)})


@energy(jacobian=_deviation_jacobian)
def pose_deviation(x: PosedBody, looser: Mapping[str, float] | None = None) -> Tensor:
    """How far each frame's joints are from the clip's mean pose, against their looseness. [..., T, J−1, 3] radians

    The mean pose is an unknown that all frames share. Without it limbs are free along the viewing ray, and
    agreement in 2D says nothing about 3D. ``looser`` names joints, of one or of both sides, that move so many times as
    freely as usual.
    """
    return between(x.mean_pose, x.rotations[..., 1:, :, :]) / _loosened(x, looser)


def _mean_pose_jacobian(x: PosedBody, pose: Tensor | None = None) -> Blocks:
    residual = between(a_pose(x.body) if pose is None else pose, x.mean_pose)
    turned = rotation.right_jacobian_inverse(residual) / looseness(x)[..., None]
    return Blocks(shared={"mean_pose": block_diagonal(turned)})


@energy(jacobian=_mean_pose_jacobian, pose="J-1 3 3")
def mean_pose_prior(x: PosedBody, pose: Tensor | None = None) -> Tensor:
    """How far the clip's mean pose is from a usual one, against the joints' looseness. [..., 1, J−1, 3] radians

    pose: local rotations, by default a relaxed A-pose. [J−1, 3, 3]
    """
    return between(a_pose(x.body) if pose is None else pose, x.mean_pose) / looseness(x)


# -- helpers --------------------------------------------------------------------------------------------------


def _loosened(x: PosedBody, looser: Mapping[str, float] | None) -> Tensor:
    """Return how freely each joint but the root moves, some of them more freely than usual. [J−1, 1]

    Raises:
        BadInputError: the body has no such joint.
    """
    if not looser:
        return looseness(x)
    known = {*x.body.joint_names[1:], *map(_without_side, x.body.joint_names[1:])}
    for name in looser:
        if name not in known:
            raise BadInputError(
                f"pose_deviation is to hold {name!r} less, but the body {x.body.name} has no such joint"
            )
    return looseness(x) * joint_factors(x, looser)


def between(first: Tensor, second: Tensor) -> Tensor:
    """Return the rotation from one to the other, as axis-angle. [..., 3, 3] twice → [..., 3]"""
    return rotation.log(first.transpose(-1, -2) @ second)
