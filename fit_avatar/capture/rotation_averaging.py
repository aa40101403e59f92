"""Directions of many cameras from rotations between pairs of them.

Govindu, "Combining Two-view Constraints For Motion Estimation", CVPR 2001, with weights that take force from pairs that
contradict the others, as in Hartley, Aftab and Trumpf, "L1 Rotation Averaging", CVPR 2011.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import spsolve
from scipy.spatial.transform import Rotation

FloatArray = NDArray[np.float64]

ROUNDS = 8
"""Gauss–Newton steps. Chosen by hand."""
KERNEL_RAD = np.radians(0.2)
"""Beyond about this a contradiction counts by its size rather than by its square. Chosen by hand."""


@dataclass(frozen=True)
class Edge:
    """A measured rotation between two cameras."""

    first: int
    second: int
    rotation: FloatArray
    """Takes directions in the first camera's axes to the second's. [3, 3]"""
    weight: float


def average_rotations(start: FloatArray, edges: Sequence[Edge]) -> FloatArray:
    """Return the rotations from each camera's axes to the first one's that agree best with measured ones.

    Args:
        start: a guess, the first of it fixed. [F, 3, 3]
        edges: measured between pairs.
    """
    if len(start) < 2 or not edges:
        return start
    turns = Rotation.from_matrix(start)
    first, second = (np.array([getattr(edge, name) for edge in edges]) for name in ("first", "second"))
    measured = Rotation.from_matrix(np.stack([edge.rotation for edge in edges]))
    given = np.array([edge.weight for edge in edges])
    for _ in range(ROUNDS):
        # error in the first frame's axes; zero where first = second ∘ measured
        error = (turns[first] * (turns[second] * measured).inv()).as_rotvec()
        weight = given / np.sqrt(1.0 + (error**2).sum(1) / KERNEL_RAD**2)
        step = _solve(len(start), first, second, weight, error)
        turns = Rotation.from_rotvec(step) * turns
    return np.asarray(turns.as_matrix())


def _solve(
    count: int, first: NDArray[np.int64], second: NDArray[np.int64], weight: FloatArray, error: FloatArray
) -> FloatArray:
    """Return the steps [F, 3] that take out errors, first + step_first − step_second = 0, with the first step zero."""
    rows, columns = np.concatenate([first, second, first, second]), np.concatenate([first, second, second, first])
    values = np.concatenate([weight, weight, -weight, -weight])
    free = np.full(count, 1e-9)
    free[0] = 1e6 * max(float(weight.sum()), 1.0)
    diagonal = np.arange(count)
    normal = coo_matrix(
        (np.concatenate([values, free]), (np.concatenate([rows, diagonal]), np.concatenate([columns, diagonal])))
    ).tocsc()
    right = np.zeros((count, 3))
    np.add.at(right, first, -weight[:, None] * error)
    np.add.at(right, second, weight[:, None] * error)
    return np.asarray(spsolve(normal, right)).reshape(count, 3)
