"""The people in a file, with frames in their order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fit_avatar.body import rotation
from fit_avatar.body.model import SMPL_JOINTS
from fit_avatar.capture.others.given_poses import GivenPoses
from fit_avatar.errors import BadInputError

JOINTS = 24
OPENPOSE_LIMBS = {
    f"{side}_{part}": first + number
    for side, arm, leg in (("right", 2, 9), ("left", 5, 12))
    for parts, first in ((("shoulder", "elbow", "wrist"), arm), (("hip", "knee", "ankle"), leg))
    for number, part in enumerate(parts)
}
"""Joint of SMPL → its place among 25 points in OpenPose's order, which many programs write SMPL's own joints in."""
MAX_FRAMES = 300_000
"""Of a person: almost three hours at 30 a second, and 0.5 GB of rotations while they are read. Chosen by hand."""


@dataclass(frozen=True)
class Track:
    """One person in N frames, as :class:`GivenPoses` has it."""

    frames: NDArray[np.int64]
    turns: NDArray[np.float32]
    joints: NDArray[np.float32] | None = None
    places: NDArray[np.float32] | None = None
    betas: NDArray[np.float32] | None = None
    fps: float | None = None


@dataclass(frozen=True)
class Pose:
    """One person in one frame."""

    person: Any
    frame: int
    turns: NDArray[np.float32]
    joints: NDArray[np.float32] | None = None
    place: NDArray[np.float32] | None = None
    betas: NDArray[np.float32] | None = None


def people_of(path: Path, program: str, tracks: Mapping[Any, Track]) -> tuple[GivenPoses, ...]:
    """Return the people, those who are seen in most frames first.

    Raises:
        BadInputError: there is nobody, or their rotations are none.
    """
    people = tuple(_checked(path, program, str(name), track) for name, track in tracks.items() if len(track.frames))
    if not people:
        raise BadInputError(f"{path} holds poses of nobody: give a result in which the person was found")
    return tuple(sorted(people, key=lambda person: -len(person.frame_indices)))


def _checked(path: Path, program: str, name: str, track: Track) -> GivenPoses:
    frames, first = np.unique(track.frames, return_index=True)
    turns = track.turns[first]
    skewed = np.abs(turns @ turns.swapaxes(-1, -2) - np.eye(3, dtype=np.float32)).max(initial=0)
    if not np.isfinite(turns).all() or skewed > 0.05 or (np.linalg.det(turns) < 0).any() or frames[0] < 0:
        raise BadInputError(f"{path} has rotations that are none, so that it is damaged: write the file again")
    joints, places, betas = track.joints, _numbers(track.places), _numbers(track.betas)
    return GivenPoses(
        frames.astype(np.int64),
        turns,
        program,
        name,
        joints=None if joints is None else joints[first],
        places=None if places is None else places[first],
        betas=None if betas is None else betas,
        fps=track.fps,
    )


def _numbers(values: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
    return values if values is not None and np.isfinite(values).all() else None


def from_axis_angles(values: Any) -> NDArray[np.float32]:
    """Return SMPL's 24 rotations from axis-angles of at least its first 22 joints. [N, ≥ 66] → [N, 24, 3, 3]"""
    if len(values) > MAX_FRAMES:
        raise ValueError(f"{len(values)} frames of one person")
    flat: NDArray[np.float64] = np.array(values, np.float64).reshape(len(values), -1)
    if flat.shape[1] < 66:
        raise ValueError(f"{flat.shape[1]} numbers for a pose")
    if flat.shape[1] != 72:  # SMPL-H and SMPL-X: fingers, jaw and eyes follow the wrists
        flat = np.concatenate([flat[:, :66], np.zeros((len(flat), 6))], 1)
    return np.asarray(rotation.exp(torch.from_numpy(flat.reshape(-1, JOINTS, 3))).float().numpy(), np.float32)


def from_matrices(values: Any) -> NDArray[np.float32]:
    """Return SMPL's 24 rotations. [N, 24, 3, 3]"""
    return np.asarray(np.asarray(values, np.float32).reshape(-1, JOINTS, 3, 3))


def rows(values: Any, count: int, width: int) -> NDArray[np.float32] | None:
    """Return numbers of each of some frames [count, width]; None if there are none, or others than these."""
    if values is None:
        return None
    given = np.asarray(values, np.float32)
    return given.reshape(count, width) if given.size == count * width else None


def shape_of(values: Any) -> NDArray[np.float32] | None:
    """Return the mean of shapes [B]; None if there are none."""
    given = np.asarray([] if values is None else values, np.float32)
    if not given.size:
        return None
    return np.asarray(given.reshape(-1, given.shape[-1]).mean(0))


def openpose_joints(values: Any, count: int) -> NDArray[np.float32] | None:
    """Return SMPL's joints from points that begin with OpenPose's 25. [count, ≥ 25, 3] → [count, 24, 3]"""
    return _joints(values, count, OPENPOSE_LIMBS)


def smpl_joints(values: Any, count: int) -> NDArray[np.float32] | None:
    """Return SMPL's joints from points that begin with them. [count, ≥ 24, 3] → [count, 24, 3]"""
    return _joints(values, count, {name: k for k, name in enumerate(SMPL_JOINTS)})


def _joints(values: Any, count: int, places: Mapping[str, int]) -> NDArray[np.float32] | None:
    if values is None:
        return None
    given = np.asarray(values, np.float32).reshape(count, -1, 3)
    joints = np.full((count, JOINTS, 3), np.nan, np.float32)
    if given.shape[1] <= max(places.values()):
        return None
    for name, place in places.items():
        joints[:, SMPL_JOINTS.index(name)] = given[:, place]
    return joints


def gathered(poses: Iterable[Pose]) -> dict[Any, Track]:
    """Return tracks from single poses."""
    people: dict[Any, list[Pose]] = {}
    for pose in poses:
        people.setdefault(pose.person, []).append(pose)

    def stacked(each: list[Pose], name: str) -> NDArray[np.float32] | None:
        values = [getattr(pose, name) for pose in each]
        return None if any(value is None for value in values) else np.stack(values)

    return {
        person: Track(
            np.array([pose.frame for pose in each], np.int64),
            np.stack([pose.turns for pose in each]),
            stacked(each, "joints"),
            stacked(each, "place"),
            shape_of(stacked(each, "betas")),
        )
        for person, each in people.items()
    }
