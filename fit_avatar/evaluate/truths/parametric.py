"""Truths that are parameters of SMPL alone: AMASS, People-Snapshot and UP-3D. Their model file must be given."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from fit_avatar.errors import BadInputError
from fit_avatar.evaluate.truths.parts import FloatArray, hdf5_array, numbers, open_hdf5, same_length
from fit_avatar.evaluate.truths.smpl_motion import smpl_motion
from fit_avatar.evaluate.truths.truth import Choice, Truth

SNAPSHOT = ("pose", "trans", "betas")
"""The data sets of People-Snapshot's reconstructed_poses.hdf5."""
UP_3D = ("pose", "betas", "t", "rt", "f")
"""Some of the names in UP-3D's body.pkl."""


def read_amass(arrays: Mapping[str, Any], path: Path, choice: Choice) -> Truth:
    """Return a motion of AMASS (Mahmood et al. 2019), in its world: z up.

    Raises:
        BadInputError: arrays are missing or do not fit together, or the model file was not given.
    """
    for name in ("poses", "trans", "betas"):
        if name not in arrays:
            raise BadInputError(f"{path} has no {name}: give a motion of AMASS, with poses, trans and betas")
    poses = numbers(arrays["poses"], "poses", path, (None, None))
    trans = numbers(arrays["trans"], "trans", path, (None, 3))
    rate = next((arrays[name] for name in ("mocap_framerate", "mocap_frame_rate") if name in arrays), None)
    fps = None if rate is None else float(numbers(np.ravel(rate), "mocap_framerate", path, (1,))[0])
    betas = numbers(np.ravel(arrays["betas"]), "betas", path, (None,))
    gender = str(arrays["gender"]) if "gender" in arrays else "neutral"
    gender = gender.removeprefix("b'").rstrip("'").lower()  # bytes, as Python 2 has written it
    gender = gender if gender in ("male", "female") else "neutral"
    notes = ("the motion is in AMASS's world, so the clip is aligned as a whole",)
    return _posed("AMASS", path, choice, poses, trans, betas, gender, None, False, fps, notes)


def read_people_snapshot(path: Path, choice: Choice) -> Truth:
    """Return the poses in ``reconstructed_poses.hdf5`` (Alldieck et al. 2018), which are themselves reconstructed.

    Raises:
        BadInputError: data sets are missing or do not fit together, or the model file was not given.
        MissingDependencyError: h5py is not installed.
    """
    with open_hdf5(path) as file:
        poses, trans, betas = (hdf5_array(file, name, path) for name in SNAPSHOT)
    poses = numbers(poses, "pose", path, (None, 72))
    trans = numbers(trans, "trans", path, (None, 3))
    shape = numbers(np.ravel(betas), "betas", path, (None,))
    notes = ("these poses are a reconstruction of Alldieck et al. 2018, not measured",)
    return _posed("People-Snapshot", path, choice, poses, trans, shape, "neutral", None, True, None, notes)


def recognised_up_3d(data: Any) -> bool:
    """Return whether the content of a pickle is a body of UP-3D."""
    return isinstance(data, dict) and set(UP_3D) <= set(data)


def read_up_3d(data: dict[str, Any], path: Path, choice: Choice) -> Truth:
    """Return the body of one photograph of UP-3D (Lassner et al. 2017): ``*_body.pkl``; a fit that people have checked.

    ``rt`` and ``t`` are the camera's rotation vector and translation.

    Raises:
        BadInputError: arrays do not fit together, or the model file was not given.
    """
    poses = numbers(np.ravel(data["pose"])[None], "pose", path, (1, 72))
    trans = numbers(np.ravel(data.get("trans", np.zeros(3)))[None], "trans", path, (1, 3))
    shape = numbers(np.ravel(data["betas"]), "betas", path, (None,))
    camera = np.eye(4)[None]
    camera[0, :3, :3] = Rotation.from_rotvec(numbers(np.ravel(data["rt"]), "rt", path, (3,))).as_matrix()
    camera[0, :3, 3] = numbers(np.ravel(data["t"]), "t", path, (3,))
    notes = ("this body is a fit that people have checked, not measured",)
    return _posed("UP-3D", path, choice, poses, trans, shape, "neutral", camera, True, None, notes)


def _posed(
    layout: str,
    path: Path,
    choice: Choice,
    poses: FloatArray,
    trans: FloatArray,
    betas: FloatArray,
    gender: str,
    placement: FloatArray | None,
    in_camera: bool,
    fps: float | None,
    notes: tuple[str, ...],
) -> Truth:
    count = same_length(path, poses=poses, trans=trans)
    if choice.body is None:
        raise BadInputError(
            f"{path} holds parameters of a {gender} SMPL body ({layout}): give that model file with --truth-body"
        )
    motion = smpl_motion(choice.body, gender, poses, trans, betas, path, placement)
    return Truth(
        layout=layout,
        frames=np.arange(count),
        joint_names=motion.body.joint_names,
        joints=motion.joints,
        in_camera=in_camera,
        motion=motion,
        fps=fps,
        notes=notes,
    )
