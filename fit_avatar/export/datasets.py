"""The folders that other projects train on: pictures, masks, camera and poses of the fitted frames."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from fit_avatar.body.model import Body
from fit_avatar.body.state import BodyState
from fit_avatar.capture.types import Capture
from fit_avatar.export.exavatar import write_exavatar
from fit_avatar.export.gaussianavatar import write_gaussianavatar
from fit_avatar.export.instantavatar import write_instantavatar
from fit_avatar.export.people_snapshot import write_people_snapshot
from fit_avatar.export.pictures import Pictures, Step


class WriteDataset(Protocol):
    """Writes a folder from what was fitted to the T frames of a capture, and returns its files."""

    def __call__(
        self,
        folder: Path,
        body: Body,
        state: BodyState,
        capture: Capture,
        pictures: Pictures,
        on_step: Step | None = None,
    ) -> list[Path]:
        """Write it."""


WRITERS: dict[str, WriteDataset] = {
    "people-snapshot": write_people_snapshot,
    "instantavatar": write_instantavatar,
    "gaussianavatar": write_gaussianavatar,
    "exavatar": write_exavatar,
}
"""By their names in ``--export``."""
FOLDERS = {name: name.replace("-", "_") for name in WRITERS}
"""Where :func:`write_dataset` writes, in the folder of results."""


def write_dataset(
    name: str,
    folder: Path,
    body: Body,
    state: BodyState,
    capture: Capture,
    pictures: Pictures,
    on_step: Step | None = None,
) -> list[Path]:
    """Write one of :data:`WRITERS` into its folder below ``folder``, and return its files.

    Args:
        name: of the format.
        folder: of the results.
        body: the body.
        state: shape and T poses.
        capture: of the same T frames.
        pictures: of these frames, undistorted.
        on_step: is told how many frames are done.

    Raises:
        BadInputError: the format is for another body, a mask is empty, a picture is missing, the disk is full, or the
            folder cannot be written to.
        MissingDependencyError: h5py, which People-Snapshot needs, is not installed.
    """
    return WRITERS[name](folder / FOLDERS[name], body, state, capture, pictures, on_step)
