"""How likely poses are, learnt from recorded motion: the file that comes with the package."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FILE = Path(__file__).parent / "data" / "pose_prior.npz"


@dataclass(frozen=True)
class PosePrior:
    """A mixture of M Gaussians on the axis-angles of the 21 joints below the root that SMPL's family shares (D = 63).

    Axis-angles are those of a T-posed body, so that one prior holds for all bodies of the family.
    """

    weights: NDArray[np.float64]
    """Of the components; their sum is 1. [M]"""
    means: NDArray[np.float64]
    """In radians. [M, D]"""
    directions: NDArray[np.float64]
    """The R largest principal directions of each covariance, as long as their standard deviations. [M, D, R]"""
    rest: NDArray[np.float64]
    """Variance of each angle that the directions leave, in square radians. [M, D]"""

    def covariances(self) -> NDArray[np.float64]:
        """Return the covariances of the components. [M, D, D]"""
        return np.asarray(
            self.directions @ self.directions.swapaxes(1, 2) + self.rest[:, None] * np.eye(len(self.rest[0]))
        )

    def arrays(self) -> dict[str, NDArray[np.float16]]:
        """Return what the file holds, in half precision."""
        return {name: array.astype(np.float16) for name, array in vars(self).items()}


@cache
def recorded_poses() -> PosePrior:
    """Return the mixture that ``tools/build_pose_prior.py`` learns from recorded walks, runs, jumps and climbs.

    The data used was obtained from mocap.cs.cmu.edu. The database was created with funding from NSF EIA-0196217.
    """
    with np.load(FILE) as arrays:
        found = {name: arrays[name].astype(np.float64) for name in arrays.files}
    return PosePrior(**found | {"weights": found["weights"] / found["weights"].sum()})
