"""Parameters of a body of the SMPL family, as data sets hold them, become joints and vertices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from fit_avatar.body.model import Body
from fit_avatar.body.skinning import pose_body
from fit_avatar.body.smpl import gender_of, read_smpl
from fit_avatar.body.smpl_file import KINDS
from fit_avatar.body.state import BodyState
from fit_avatar.errors import BadInputError
from fit_avatar.io.files import require_path

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

CHUNK = 64
"""Frames that are posed at once, so that a long motion does not fill the memory. Chosen by hand."""
SUFFIXES = (".npz", ".pkl")
MAX_BETAS = 300


@dataclass(frozen=True)
class SmplMotion:
    """A body and its poses, placed by a rigid motion for each frame."""

    body: Body
    betas: FloatArray
    """[B]"""
    poses: FloatArray
    """Axis-angle of every joint of the body, the root's first. [N, J, 3]"""
    trans: FloatArray
    """[N, 3] metres"""
    placement: FloatArray
    """From the file's world to the camera, or nothing. [N, 4, 4]"""

    def rows(self, chosen: IntArray) -> SmplMotion:
        """Return some of the frames."""
        return replace(self, poses=self.poses[chosen], trans=self.trans[chosen], placement=self.placement[chosen])

    @property
    def joints(self) -> FloatArray:
        """Return the posed joints. [N, J, 3] metres"""
        return np.concatenate([joints for _, joints in self.chunks()])

    def chunks(self) -> Iterator[tuple[FloatArray, FloatArray]]:
        """Yield vertices [n, V, 3] and joints [n, J, 3] of successive frames."""
        for start in range(0, len(self.poses), CHUNK):
            part = slice(start, start + CHUNK)
            state = BodyState(
                betas=_tensor(self.betas),
                offsets=torch.zeros_like(self.body.template),
                global_orient=_tensor(self.poses[part, 0]),
                body_pose=_tensor(self.poses[part, 1:]),
                transl=_tensor(self.trans[part]),
            )
            vertices, joints = posed(self.body, state)
            yield placed(vertices, self.placement[part]), placed(joints, self.placement[part])


def posed(body: Body, state: BodyState) -> tuple[FloatArray, FloatArray]:
    """Return the vertices [N, V, 3] and joints [N, J, 3] of a state, in metres."""
    with torch.no_grad():
        found = pose_body(body, state)
    return found.vertices.double().cpu().numpy(), found.joints.double().cpu().numpy()


def smpl_motion(
    model: Path,
    gender: str,
    poses: FloatArray,
    trans: FloatArray,
    betas: FloatArray,
    path: Path,
    placement: FloatArray | None = None,
) -> SmplMotion:
    """Return the motion of a body.

    Joints are matched by their names: those that the body lacks are left out, and those that the file lacks rest.

    Args:
        model: model file, or a folder with one for each gender.
        gender: neutral, male or female.
        poses: axis-angle of SMPL's 24, SMPL-H's 52 or SMPL-X's 55 joints. [N, 72, 156 or 165]
        trans: [N, 3] metres.
        betas: [B].
        path: of the file that they are from, for messages.
        placement: rigid motions to apply. [N, 4, 4]

    Raises:
        BadInputError: the model cannot be read or has another number of shape coefficients.
    """
    count = poses.shape[1] // 3
    if count not in KINDS or poses.shape[1] != 3 * count:
        raise BadInputError(f"{path} has poses of {poses.shape[1]} numbers: 72, 156 or 165 are expected")
    file = _model_file(model, gender)
    body = _read(file, len(betas))
    used = betas[: body.num_betas]
    if np.abs(betas[body.num_betas :]).max(initial=0) > 0:
        raise BadInputError(
            f"{path} has {len(betas)} shape coefficients, but {file} only {body.num_betas}: give a model file "
            "with as many"
        )
    given = poses.reshape(len(poses), count, 3)
    names = KINDS[count][1]
    full = np.zeros((len(poses), len(body.joint_names), 3))
    for column, name in enumerate(body.joint_names):
        if name in names:
            full[:, column] = given[:, names.index(name)]
    whole = np.broadcast_to(np.eye(4), (len(poses), 4, 4)) if placement is None else placement
    return SmplMotion(body, used, full, trans, whole)


def placed(points: NDArray[np.floating], placement: FloatArray) -> FloatArray:
    """Return points after each frame's rigid motion. [N, P, 3], [N, 4, 4] → [N, P, 3]"""
    moved = np.asarray(points, np.float64) @ placement[:, :3, :3].transpose(0, 2, 1) + placement[:, None, :3, 3]
    return np.asarray(moved, np.float64)


def _read(file: Path, wanted: int) -> Body:
    """Read a body with as many shape coefficients as it has, up to those that are wanted."""
    for count in (min(wanted, MAX_BETAS), 10):
        try:
            return read_smpl(file, count)
        except BadInputError:
            if count <= 10:
                raise
    raise AssertionError("the loop returns or raises")


def _model_file(model: Path, gender: str) -> Path:
    require_path(model, "body", "give SMPL's model file, or the folder with its files for each gender")
    if model.is_file():
        told = gender_of(model)
        if gender != "neutral" and told not in ("neutral", gender):
            raise BadInputError(f"the truth is of a {gender} body, but {model} is {told}: give SMPL's {gender} file")
        return model
    files = sorted(file for file in model.rglob("*") if file.suffix in SUFFIXES)
    found = [file for file in files if gender_of(file) == gender]
    if not found:
        raise BadInputError(f"the folder {model} has no model file for a {gender} body: put it there, or give the file")
    return found[0]


def _tensor(array: FloatArray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, np.float32))
