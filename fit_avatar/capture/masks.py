"""Reading given masks: a folder of PNG files, a video (white on the person) or masks.hdf5."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.files import files_by_frame
from fit_avatar.capture.snapshot_files import HDF5_SUFFIXES, SnapshotMasks
from fit_avatar.capture.types import PERSON_LEVEL, Mask
from fit_avatar.capture.video import count_frames, read_frames
from fit_avatar.errors import BadInputError
from fit_avatar.io.pictures import read_picture

MAX_COUNT_DIFFERENCE = 2
"""Frames by which two encodings of one video may differ in length. Chosen by hand."""


class GivenMasks:
    """Masks on disk, one per frame of the video, read on demand."""

    def __init__(self, path: Path, width: int, height: int, frame_count: int) -> None:
        """Check that the masks belong to a video of this size (upright, in pixels) and length.

        Raises:
            BadInputError: no such path, or the number of masks differs from the video's.
            MissingDependencyError: it is HDF5 and h5py is not installed.
        """
        if not path.exists():
            raise BadInputError(f"there are no masks {path}: check the path")
        self.path, self.size = path, (width, height)
        self._files: dict[int, Path] | None = None
        self._snapshot: SnapshotMasks | None = None
        if path.is_dir():
            self._files = files_by_frame(path, ".png", "PNG masks")
            count, last = len(self._files), max(self._files)
        elif path.suffix.lower() in HDF5_SUFFIXES:
            self._snapshot = SnapshotMasks(path)
            check_size((self._snapshot.width, self._snapshot.height), self.size, str(path))
            count, last = self._snapshot.count, self._snapshot.count - 1
        else:
            count = count_frames(path)
            last = count - 1
        if abs(count - frame_count) > MAX_COUNT_DIFFERENCE or last >= frame_count + MAX_COUNT_DIFFERENCE:
            raise BadInputError(
                f"{path} holds {count} masks (the last for frame {last}) but the video has {frame_count} frames: "
                "there must be one mask for each frame, counted from 0"
            )

    def read(self, indices: list[int]) -> dict[int, Mask]:
        """Return frame index → mask [H, W] for those of the frames that have one.

        Raises:
            BadInputError: a mask is unreadable or its size differs from the video's.
        """
        if self._snapshot is not None:
            return dict(self._snapshot.read(indices))
        if self._files is None:
            frames = read_frames(self.path, indices)
            return {i: _from_image(frame, self.size, f"frame {i} of {self.path}") for i, frame in frames}
        return {i: read_mask(self._files[i], self.size) for i in indices if i in self._files}


def read_mask(path: Path, size: tuple[int, int]) -> Mask:
    """Read one picture that is white on the person. [H, W]

    Args:
        path: of the picture.
        size: width and height that it must have, in pixels.

    Raises:
        BadInputError: unreadable, or of another size.
    """
    return _from_image(read_picture(path, "mask", cv2.IMREAD_GRAYSCALE), size, str(path))


def check_size(found: tuple[int, int], size: tuple[int, int], where: str) -> None:
    """Refuse a mask whose width and height are not the picture's.

    Raises:
        BadInputError: they differ.
    """
    if found != size:
        raise BadInputError(
            f"the mask {where} has {found[0]} × {found[1]} pixels but the picture has {size[0]} × {size[1]}: "
            "they must be equal"
        )


def _from_image(image: NDArray[np.uint8], size: tuple[int, int], where: str) -> Mask:
    check_size((image.shape[1], image.shape[0]), size, where)
    grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return np.asarray(grey > PERSON_LEVEL)
