"""Of the people in a file, the one who is meant, with frames in their order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fit_avatar.body import rotation
from fit_avatar.capture.others.given_poses import GivenPoses
from fit_avatar.errors import BadInputError

JOINTS = 24
Track = tuple[NDArray[np.int64], NDArray[np.float32]]
"""Frames [N] and local rotations [N, 24, 3, 3] of one person."""


def chosen(path: Path, program: str, people: Mapping[Any, Track]) -> GivenPoses:
    """Return the person who is seen in most frames."""
    name, (frames, turns) = max(people.items(), key=lambda item: len(np.unique(item[1][0])))
    frames, first = np.unique(frames, return_index=True)
    turns = turns[first]
    identity = np.eye(3, dtype=np.float32)
    skewed = np.abs(turns @ turns.swapaxes(-1, -2) - identity).max(initial=0)
    if not len(frames) or not np.isfinite(turns).all() or skewed > 0.05 or (np.linalg.det(turns) < 0).any():
        raise BadInputError(f"{path} has rotations that are none, so that it is damaged: write the file again")
    return GivenPoses(frames.astype(np.int64), turns, program, str(name), len(people))


def from_axis_angles(values: Any) -> NDArray[np.float32]:
    """Return SMPL's 24 rotations from axis-angles of at least its first 22 joints. [N, ≥ 66] → [N, 24, 3, 3]"""
    flat: NDArray[np.float64] = np.asarray(values, np.float64).reshape(len(values), -1)
    if flat.shape[1] < 66:
        raise ValueError(f"{flat.shape[1]} numbers for a pose")
    if flat.shape[1] != 72:  # SMPL-H and SMPL-X: fingers, jaw and eyes follow the wrists
        flat = np.concatenate([flat[:, :66], np.zeros((len(flat), 6))], 1)
    return np.asarray(rotation.exp(torch.from_numpy(flat.reshape(-1, JOINTS, 3))).float().numpy(), np.float32)


def from_matrices(values: Any) -> NDArray[np.float32]:
    """Return SMPL's 24 rotations. [N, 24, 3, 3]"""
    return np.asarray(np.asarray(values, np.float32).reshape(-1, JOINTS, 3, 3))


def gathered(parts: Iterable[tuple[Any, int, NDArray[np.float32]]]) -> dict[Any, Track]:
    """Return tracks from single poses (person, frame, rotations [24, 3, 3])."""
    people: dict[Any, list[tuple[int, NDArray[np.float32]]]] = {}
    for person, frame, turns in parts:
        people.setdefault(person, []).append((frame, turns))
    return {
        person: (np.array([f for f, _ in each], np.int64), np.stack([r for _, r in each]))
        for person, each in people.items()
    }
