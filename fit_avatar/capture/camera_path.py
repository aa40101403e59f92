"""Where the camera looked in every frame of a clip."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

FloatArray = NDArray[np.float64]
Mode = Literal["static", "handheld", "pan", "orbit"]


@dataclass(frozen=True)
class CameraMotion:
    """Where the camera looked in F frames."""

    mode: Mode
    """static: it stood still; handheld: it shook a little; pan: it turned on the spot; orbit: it went around."""
    frame_indices: NDArray[np.int64]
    """Index in the video of each frame, ascending. [F]"""
    world_from_camera: NDArray[np.float64]
    """Rotation from each frame's camera axes to the world's, which are the first frame's (x right, y down, z forward).
    [F, 3, 3]"""
    confidence: float
    """Fraction of neighbouring frames whose motion is known, times the median fraction of corners that agree; 0..1."""
    told: bool = True
    """Whether the scene, or the user, tells how the camera moved."""
    gaps: int = 0
    """Pairs of neighbouring frames between which it is not known."""

    @property
    def moves(self) -> bool:
        """Return whether the camera does not stand still."""
        return self.mode != "static"

    def standing(self) -> CameraMotion:
        """Return the same for a camera that is taken to stand still."""
        still = np.broadcast_to(np.eye(3), self.world_from_camera.shape).copy()
        return replace(self, mode="static", world_from_camera=still)

    @property
    def extent_deg(self) -> float:
        """Return the largest angle from the mean direction, in degrees."""
        return extent_deg(self.world_from_camera)

    def rotations_at(self, frame_indices: NDArray[np.int64]) -> FloatArray:
        """Return the rotations of some frames, between known ones interpolated. [N, 3, 3]"""
        if len(self.frame_indices) < 2:
            return np.broadcast_to(self.world_from_camera[0], (len(frame_indices), 3, 3)).copy()
        inside = np.clip(frame_indices, self.frame_indices[0], self.frame_indices[-1])
        turns = Slerp(self.frame_indices.astype(np.float64), Rotation.from_matrix(self.world_from_camera))
        return np.asarray(turns(inside.astype(np.float64)).as_matrix())

    @property
    def notes(self) -> tuple[str, ...]:
        """Say what was found, if the camera moved, or if nothing could be found."""
        if not self.told:
            seen = "The scene around the person has too little structure to tell how the camera moved"
            if self.moves:
                return (f"{seen}: the exported motion may hold what the camera did.",)
            return (f"{seen}: it is taken to stand still; if it did not, pass --camera-motion handheld or orbit.",)
        told = {
            "handheld": f"The camera shook by up to {self.extent_deg:.1f}°; the motion is told without that.",
            "pan": f"The camera turned by up to {self.extent_deg:.0f}° from its mean direction; the motion is told "
            "without that.",
            "orbit": "The camera went around the person, who is taken to stand in place; if the person turned instead, "
            "pass --camera-motion static.",
        }  # fmt: skip
        if not self.moves:
            return ()
        lost = (
            f"How the camera turned is not known between {self.gaps} pairs of frames, across which the exported motion "
            "may jump: a clip with more frames a second helps.",
        )  # fmt: skip
        return (told[self.mode], *(lost if self.gaps else ()))


def mean_turn(turns: FloatArray) -> FloatArray:
    """Return the mean of rotations. [F, 3, 3] → [3, 3]"""
    return np.asarray(Rotation.from_matrix(turns).mean().as_matrix())


def extent_deg(turns: FloatArray) -> float:
    """Return the largest angle of rotations [F, 3, 3] from their mean, in degrees."""
    mean = mean_turn(turns)
    return max(angle_deg(mean.T @ turn) for turn in turns)


def angle_deg(turn: FloatArray) -> float:
    """Return the angle of a rotation [3, 3] in degrees."""
    return math.degrees(float(np.linalg.norm(Rotation.from_matrix(turn).as_rotvec())))
