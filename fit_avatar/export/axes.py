"""Which way is up and what the unit is, in files that leave it to their writer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

Up = Literal["y", "z"]
Unit = Literal["m", "cm"]

Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
"""From y up, facing +z, to z up, facing −y: the turn that Blender makes when it reads a glTF file."""


@dataclass(frozen=True)
class Axes:
    """The frame of a file. Ours is y up, facing +z, left side at +x, in metres."""

    up: Up = "y"
    unit: Unit = "m"

    @property
    def turn(self) -> FloatArray:
        """Return the rotation from our frame to the file's. [3, 3]"""
        return Z_UP if self.up == "z" else np.eye(3)

    @property
    def metres(self) -> float:
        """Return how many metres one unit is."""
        return 0.01 if self.unit == "cm" else 1.0

    @property
    def about(self) -> str:
        """Return the frame in words."""
        return f"{'centimetres' if self.unit == 'cm' else 'metres'}, " + (
            "z up, facing -y" if self.up == "z" else "y up, facing +z"
        )

    def points(self, points: FloatArray) -> FloatArray:
        """Take points or translations to the file's frame. [..., 3]"""
        return self.vectors(points) / self.metres

    def vectors(self, vectors: FloatArray) -> FloatArray:
        """Take directions to the file's frame. [..., 3]"""
        return vectors @ self.turn.T

    def rotations(self, rotations: FloatArray) -> FloatArray:
        """Take rotations to the file's frame. [..., 3, 3]"""
        return self.turn @ rotations @ self.turn.T
