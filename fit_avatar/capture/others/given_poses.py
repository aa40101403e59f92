"""What all these files are turned into."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class GivenPoses:
    """The poses of one person in N frames, by SMPL's skeleton."""

    frame_indices: NDArray[np.int64]
    """Index in the clip of each frame, from 0 and ascending. [N]"""
    rotations: NDArray[np.float32]
    """Local rotations of SMPL's 24 joints; the root's takes the body to the camera's axes (y down). [N, 24, 3, 3]"""
    program: str
    """Which programs write such files, for the user."""
    person: str = ""
    """The name of the person in the file, if it has several."""
    joints: NDArray[np.float32] | None = None
    """Joints of the posed skeleton in the camera's axes, NaN for those that the file lacks, in any unit. [N, 24, 3]"""
    places: NDArray[np.float32] | None = None
    """Where the person is: right, down, and away from a camera that is theirs, so that each axis is right up to a
    factor and a shift. [N, 3]"""
    betas: NDArray[np.float32] | None = None
    """Shape by the neutral model, the mean over frames. [B]"""
    fps: float | None = None
    """Frames a second, where the file says so."""
