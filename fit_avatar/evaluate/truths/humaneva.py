"""HumanEva-I: poses that the data set's own MATLAB toolkit has computed from its markers.

Sigal et al., "HumanEva", IJCV 2010. The data set ships markers (``Mocap_Data/*.c3d``, ``*.mat``) and MATLAB classes
that turn them into joints; those cannot be run here. What is read is their output as VideoPose3D's
``ConvertHumanEva.m`` saves it: ``poses_3d``, [N, 15, 3] millimetres in the room's coordinates, not a number where the
markers were lost.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from fit_avatar.errors import BadInputError
from fit_avatar.evaluate.joint_sets import HUMANEVA_15
from fit_avatar.evaluate.truths.parts import numbers
from fit_avatar.evaluate.truths.truth import Truth

FPS = 60.0
METRES = 1e-3


def read(variables: dict[str, Any], path: Path) -> Truth | None:
    """Return the poses in a file of the conversion; None for another layout.

    Raises:
        BadInputError: it has another number of joints, or no frame is whole.
    """
    if "poses_3d" not in variables:
        return None
    poses = np.asarray(variables["poses_3d"])
    if poses.dtype.kind not in "iuf" or poses.ndim != 3 or poses.shape[1:] != (15, 3):
        raise BadInputError(f"{path}: poses_3d has the shape {list(poses.shape)} where [frames, 15, 3] is expected")
    whole = np.isfinite(poses).all((1, 2))
    if not whole.any():
        raise BadInputError(f"{path} has no frame with all 15 joints: take another sequence")
    lost = int((~whole).sum())
    notes: tuple[str, ...] = ("the joints are in the room's coordinates, so the clip is aligned as a whole",)
    notes += (f"{lost} frames without markers are left out",) if lost else ()
    return Truth(
        layout="HumanEva-I",
        frames=np.flatnonzero(whole),
        joint_names=HUMANEVA_15.joints,
        joints=numbers(poses[whole], "poses_3d", path, (None, 15, 3)) * METRES,
        in_camera=False,
        fps=FPS,
        protocol="humaneva",
        notes=notes,
    )
