"""A folder in People-Snapshot's layout: keypoints.hdf5, masks.hdf5 and camera.pkl."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fit_avatar.capture.camera import load_camera
from fit_avatar.capture.keypoints import load_keypoints
from fit_avatar.capture.masks import GivenMasks
from fit_avatar.capture.points import People
from fit_avatar.capture.snapshot_files import SnapshotMasks
from fit_avatar.capture.types import Camera
from fit_avatar.errors import BadInputError


@dataclass(frozen=True)
class PeopleSnapshot:
    """The content of such a folder for a clip of ``frame_count`` frames."""

    camera: Camera
    """At the masks' size."""
    keypoints: dict[int, People]
    """Frame index → one person. [1, 137, 3]"""
    masks: GivenMasks
    """Read on demand, one frame at a time."""
    frame_count: int
    warnings: tuple[str, ...] = ()


def load_people_snapshot(folder: Path) -> PeopleSnapshot:
    """Read a folder in People-Snapshot's layout.

    The files can also be given one by one, as ``keypoints``, ``masks`` and (through :func:`load_camera`) ``camera``
    of :func:`observe`.

    Args:
        folder: holds ``keypoints.hdf5`` (N × 54, COCO-18), ``masks.hdf5`` (N × H × W) and ``camera.pkl``.

    Raises:
        BadInputError: a file is missing or broken, or they do not belong together.
        MissingDependencyError: h5py is not installed.
    """
    if not folder.is_dir():
        raise BadInputError(f"there is no folder {folder}: check the path")
    path = folder / "masks.hdf5"
    shape = SnapshotMasks(path)
    camera, warnings = load_camera(folder / "camera.pkl", shape.width, shape.height)
    keypoints = load_keypoints(folder / "keypoints.hdf5", None, (shape.width, shape.height))
    if len(keypoints) != shape.count:
        raise BadInputError(
            f"{folder} has keypoints for {len(keypoints)} frames but masks for {shape.count}: "
            "they seem to belong to different clips"
        )
    masks = GivenMasks(path, shape.width, shape.height, shape.count)
    notes = (*warnings, *keypoints.warnings, *masks.warnings)
    return PeopleSnapshot(camera, keypoints, masks, shape.count, notes)
