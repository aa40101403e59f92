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
    people: int = 1
    """How many people the file has; this is the one that is seen in most frames."""
