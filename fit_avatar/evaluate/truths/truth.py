"""What a data set knows of one person in one clip, in metres, whatever file it came from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fit_avatar.evaluate.truths.smpl_motion import SmplMotion

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Choice:
    """Which of the truths in a file is meant, and what is needed to read it."""

    person: int | None = None
    """Number of the person, from 0, where a file has several."""
    camera: int | None = None
    """Number of the camera, from 0, where a file has the joints in several (MPI-INF-3DHP's training sequences)."""
    body: Path | None = None
    """Model file of SMPL, SMPL-H or SMPL-X, or a folder with one for each gender."""
    universal: bool = False
    """MPI-INF-3DHP: the skeleton of universal size."""


NO_CHOICE = Choice()


@dataclass(frozen=True)
class Truth:
    """The true motion of one person."""

    layout: str
    """Name of the data set."""
    frames: IntArray
    """Number of each frame in the data set's clip, from 0, ascending. [N]"""
    joint_names: tuple[str, ...] = ()
    joints: FloatArray | None = None
    """[N, J, 3] metres; None where the file has only the parameters of a body that was not given."""
    in_camera: bool = True
    """Whether positions are in the camera's coordinates (x right, y down, z forward) rather than a world's."""
    motion: SmplMotion | None = None
    """The same as a body's surface, where its model file was given."""
    fps: float | None = None
    protocol: str = "smpl-24"
    """Name of the protocol that fits this file."""
    notes: tuple[str, ...] = ()
    """What one should know of it: one sentence each."""
    camera: str = ""
    """Name of the camera, if positions are in its coordinates and it has one."""

    def rows(self, chosen: IntArray) -> Truth:
        """Return some of the frames, by their places in :attr:`frames`."""
        return replace(
            self,
            frames=self.frames[chosen],
            joints=None if self.joints is None else self.joints[chosen],
            motion=None if self.motion is None else self.motion.rows(chosen),
        )
