"""MPI-INF-3DHP: ``S*/Seq*/annot.mat`` of the training part, ``TS*/annot_data.mat`` of the test part.

Mehta et al., "Monocular 3D Human Pose Estimation In The Wild Using Improved CNN Supervision", 3DV 2017. Both are in
the coordinates of each camera, in millimetres.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from fit_avatar.errors import BadInputError
from fit_avatar.evaluate.joint_sets import MPI_INF_17
from fit_avatar.evaluate.truths.parts import hdf5_array, numbers, open_hdf5
from fit_avatar.evaluate.truths.truth import Choice, Truth

CHOSEN = (7, 5, 14, 15, 16, 9, 10, 11, 23, 24, 25, 18, 19, 20, 4, 3, 6)
"""The joints of MPI_INF_17 among the 28 of the training part (the data set's mpii_get_joints.m)."""
METRES = 1e-3


def read_training(variables: dict[str, Any], path: Path, choice: Choice) -> Truth | None:
    """Return the person in one of the cameras of ``annot.mat``; None for another layout.

    Raises:
        BadInputError: the camera is not said or not there, or its annotation has another shape.
    """
    name = "univ_annot3" if choice.universal else "annot3"
    if name not in variables or getattr(variables[name], "dtype", np.dtype(float)).kind != "O":
        return None
    cells = variables[name].ravel()
    if choice.camera is None:
        raise BadInputError(f"{path} has {len(cells)} cameras: say which with --camera 0 to {len(cells) - 1}")
    if not 0 <= choice.camera < len(cells):
        raise BadInputError(f"{path} has no camera {choice.camera}, only 0 to {len(cells) - 1}: give one of them")
    joints = numbers(cells[choice.camera], name, path, (None, 84)).reshape(-1, 28, 3)[:, CHOSEN]
    return _truth(joints, np.arange(len(joints)), choice, f", camera {choice.camera}", ())


def read_test(path: Path, choice: Choice) -> Truth:
    """Read ``annot_data.mat``, which is in HDF5; frames that are not valid are left out.

    Raises:
        BadInputError: it holds something else, or no frame is valid.
        MissingDependencyError: h5py is not installed.
    """
    name = "univ_annot3" if choice.universal else "annot3"
    with open_hdf5(path) as file:
        if name not in file or "valid_frame" not in file:
            held = ", ".join(sorted(file)) or "nothing"
            raise BadInputError(f"{path} has no {name} with valid_frame but {held}: give MPI-INF-3DHP's annot_data.mat")
        joints = hdf5_array(file, name, path)
        valid = hdf5_array(file, "valid_frame", path).ravel() > 0
    joints = numbers(joints, name, path, (None, 1, 17, 3))[:, 0]
    if len(valid) != len(joints) or not valid.any():
        raise BadInputError(f"{path} has {int(valid.sum())} valid frames among {len(joints)}: get the file again")
    lost = int((~valid).sum())
    notes = (f"{lost} frames that are not valid are left out",) if lost else ()
    return _truth(joints[valid], np.flatnonzero(valid), choice, "", notes)


def _truth(joints: Any, frames: Any, choice: Choice, camera: str, notes: tuple[str, ...]) -> Truth:
    return Truth(
        layout=f"MPI-INF-3DHP{camera}",
        frames=frames,
        joint_names=MPI_INF_17.joints,
        joints=joints * METRES,
        protocol="mpi-inf-3dhp-universal" if choice.universal else "mpi-inf-3dhp",
        notes=notes,
    )
