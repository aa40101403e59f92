"""Poses and coefficients as formats for bodies of the SMPL family have them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fit_avatar.body.model import Body
from fit_avatar.body.state import BodyState
from fit_avatar.errors import BadInputError

Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class Needs:
    """The bodies that a format is for."""

    bodies: tuple[str, ...]
    """Their names in :class:`~fit_avatar.body.model.Body`."""
    most_betas: int
    """Coefficients of shape for which it has room."""


NEEDS = {
    "instantavatar": Needs(("smpl",), 10),
    "gaussianavatar": Needs(("smpl", "smplx"), 10),
    "exavatar": Needs(("smplx",), 100),
}
"""What the loaders of these projects and their calls of the package smplx say. Other formats take every body."""
_TITLES = {"smpl": "SMPL", "smplh": "SMPL-H", "smplx": "SMPL-X"}
_EXAMPLES = {"smpl": "SMPL_NEUTRAL.pkl", "smplx": "SMPLX_NEUTRAL.npz"}


def check_body(exports: Iterable[str], body: Body) -> None:
    """Check that the outputs are for the body, before anything is computed.

    Raises:
        BadInputError: one is for another body, or has no room for so many coefficients.
    """
    for name in exports:
        if name not in NEEDS:
            continue
        bodies, most = NEEDS[name].bodies, NEEDS[name].most_betas
        if body.name not in bodies:
            titles = " or ".join(_TITLES[kind] for kind in bodies)
            files = " or ".join(_EXAMPLES[kind] for kind in bodies)
            raise BadInputError(
                f"--export {name} holds poses of {titles}, but this run fits {_TITLES.get(body.name, body.name)}: give "
                f"your own {titles} file with --body ({files}), or leave the export out"
            )
        if body.num_betas > most:
            raise BadInputError(
                f"--export {name} has room for {most} coefficients of shape, but this run fits {body.num_betas}: give "
                f"--num-betas {most} or less"
            )


def joint_poses(body: Body, state: BodyState, joint_names: Sequence[str]) -> Float32:
    """Return the axis-angles of named joints; those that the body lacks are zero. [T, N, 3]"""
    joints = np.concatenate([as_array(state.global_orient)[:, None], as_array(state.body_pose)], axis=1)
    poses = np.zeros((len(joints), len(joint_names), 3), np.float32)
    for column, name in enumerate(joint_names):
        if name in body.joint_names:
            poses[:, column] = joints[:, body.joint_names.index(name)]
    return poses


def first_betas(state: BodyState, count: int) -> Float32:
    """Return the first coefficients of shape, padded with zeros. [count]"""
    betas = as_array(state.betas)[:count]
    return np.concatenate([betas, np.zeros(count - len(betas), np.float32)])


def as_array(tensor: object) -> Float32:
    """Return a tensor as an array."""
    return np.asarray(tensor.detach().cpu().numpy(), np.float32)  # type: ignore[attr-defined]
