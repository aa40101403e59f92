"""The up axis and the unit of files whose format leaves them open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

Up = Literal["y", "z"]
Unit = Literal["m", "cm"]

Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
"""From y up, facing +z, to z up, facing −y: the rotation that Blender applies when it imports glTF."""


@dataclass(frozen=True)
class Axes:
    """The coordinate frame of a file. The package's own is y up, facing +z, left side at +x, in metres."""

    up: Up = "y"
    unit: Unit = "m"

    @property
    def rotation(self) -> FloatArray:
        """Return the rotation from the package's frame to the file's. [3, 3]"""
        return Z_UP if self.up == "z" else np.eye(3)

    @property
    def metres(self) -> float:
        """Return the length of a unit in metres."""
        return 0.01 if self.unit == "cm" else 1.0

    @property
    def about(self) -> str:
        """Return the frame in words."""
        return f"{'centimetres' if self.unit == 'cm' else 'metres'}, " + (
            "z up, facing -y" if self.up == "z" else "y up, facing +z"
        )

    def points(self, points: FloatArray) -> FloatArray:
        """Return points or translations in the file's frame. [..., 3]"""
        return self.vectors(points) / self.metres

    def vectors(self, vectors: FloatArray) -> FloatArray:
        """Return directions in the file's frame. [..., 3]"""
        return vectors @ self.rotation.T

    def rotations(self, rotations: FloatArray) -> FloatArray:
        """Return rotations in the file's frame. [..., 3, 3]"""
        return self.rotation @ rotations @ self.rotation.T
