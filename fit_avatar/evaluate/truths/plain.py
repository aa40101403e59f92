"""Joints in an .npz of one's own: ``joints`` or ``joints_smpl24``, [N, 24, 3] metres in camera coordinates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fit_avatar.body.model import SMPL_JOINTS
from fit_avatar.errors import BadInputError
from fit_avatar.evaluate.truths.parts import numbers
from fit_avatar.evaluate.truths.truth import Truth

NAMES = ("joints_smpl24", "joints")

LARGEST_M = 10.0
"""No person is larger; but one in millimetres is. Chosen by hand."""


def recognised(arrays: Mapping[str, Any]) -> bool:
    """Return whether arrays are joints of this layout."""
    return any(name in arrays for name in NAMES)


def read(arrays: Mapping[str, Any], path: Path) -> Truth:
    """Return joints in SMPL's order, one row for each frame of the clip, or of ``frame_indices`` where that is there.

    Raises:
        BadInputError: they have another shape.
    """
    name = next(name for name in NAMES if name in arrays)
    joints = numbers(arrays[name], name, path, (None, len(SMPL_JOINTS), 3))
    if len(joints) and np.ptp(joints, axis=1).max() > LARGEST_M:
        raise BadInputError(f"{path}: {name} spans more than {LARGEST_M:g} m in a frame: give it in metres")
    frames: NDArray[np.int64] = np.arange(len(joints))
    if "frame_indices" in arrays:
        frames = numbers(arrays["frame_indices"], "frame_indices", path, (len(joints),)).astype(np.int64)
    return Truth("joints in an .npz", frames, SMPL_JOINTS, joints)
