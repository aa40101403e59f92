"""Reading given masks: a folder of pictures, a video (white on the person) or masks.hdf5."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.files import files_by_frame, files_in, from_zero, only_folder_with
from fit_avatar.capture.frames.pairing import pair_names, pair_numbers
from fit_avatar.capture.mask_values import MaskValues, Picture
from fit_avatar.capture.snapshot_files import HDF5_SUFFIXES, SnapshotMasks
from fit_avatar.capture.types import Mask
from fit_avatar.capture.video import count_frames, read_raw
from fit_avatar.errors import BadInputError
from fit_avatar.io.kinds import is_picture, may_be_video, misfit
from fit_avatar.io.pictures import read_picture

MAX_COUNT_DIFFERENCE = 2
"""Frames by which two encodings of one video may differ in length. Chosen by hand."""
MASK_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
LOSSY_SUFFIXES = (".jpg", ".jpeg", ".webp")
SAMPLES = 12
"""What the values mean is found out from so many masks. Chosen by hand."""
MAX_SHAPE_DIFFERENCE = 0.01
"""Relative difference of two pictures' aspect ratios, by rounding, up to which one is a scaled copy. Chosen by
hand."""


class GivenMasks:
    """Masks on disk, read on demand; ``warnings`` says what had to be put right, one sentence each."""

    def __init__(self, path: Path, width: int, height: int, frame_count: int, names: Sequence[str] = ()) -> None:
        """Check that the masks belong to a video of this size (upright, in pixels) and length.

        Args:
            path: folder, video or HDF5.
            width: of the video.
            height: of the video.
            frame_count: its number of frames.
            names: of its frames' pictures, if it is a sequence of pictures.

        Raises:
            BadInputError: no such path, or the number of masks does not fit the video's.
            MissingDependencyError: it is HDF5 and h5py is not installed.
        """
        if not path.exists():
            raise BadInputError(f"there are no masks {path}: check the path")
        self.path, self.size = path, (width, height)
        self.warnings: tuple[str, ...] = ()
        self._files: dict[int, Path] | None = None
        self._snapshot: SnapshotMasks | None = None
        if path.is_dir():
            self._files = self._numbered(path, frame_count, names)
            numbers = sorted(self._files)
        elif path.suffix.lower() in HDF5_SUFFIXES:
            self._snapshot = SnapshotMasks(path)
            check_size((self._snapshot.width, self._snapshot.height), self.size, str(path))
            numbers = list(range(self._snapshot.count))
        else:
            _require_video(path, frame_count)
            numbers = list(range(count_frames(path)))
        self._check_count(numbers, frame_count)
        self.indices = frozenset(numbers)
        """The frames that have a mask."""
        self.is_sparse = frame_count - len(numbers) > MAX_COUNT_DIFFERENCE
        """Whether only some frames have one."""
        self._values = self._recognise(numbers)

    def read(self, indices: list[int]) -> dict[int, Mask]:
        """Return frame index → mask [H, W] for those of the frames that have one.

        Raises:
            BadInputError: a mask is unreadable, or its shape differs from the video's.
        """
        if self._snapshot is not None:
            return dict(self._snapshot.read(indices))
        return {i: self._values.person(image, self.size) for i, image in self._pictures(indices).items()}

    def samples(self) -> list[Picture]:
        """Return some pictures as they are in the files; none of People-Snapshot's."""
        numbers = sorted(self.indices)
        if self._snapshot is not None:
            return [mask.astype(np.uint8) for mask in self.read(numbers[:1]).values()]
        return self._raw([numbers[i] for i in np.unique(np.linspace(0, len(numbers) - 1, SAMPLES).astype(int))])

    def _pictures(self, indices: list[int]) -> dict[int, Picture]:
        if self._files is None:
            frames = _frames(self.path, indices)
            return {i: _checked(frame, self.size, f"frame {i} of {self.path}") for i, frame in frames}
        return {i: _read(self._files[i], self.size) for i in indices if i in self._files}

    def _numbered(self, path: Path, frame_count: int, names: Sequence[str]) -> dict[int, Path]:
        place = only_folder_with(path, MASK_SUFFIXES, "masks") or path
        paired = pair_names(names, files_in(place, MASK_SUFFIXES, "PNG masks"))
        if paired is not None:
            return paired
        files = files_by_frame(place, MASK_SUFFIXES, "PNG masks")
        pairs = pair_numbers(names, files)
        if pairs:
            return {pairs[number]: file for number, file in files.items()}
        offset, note = from_zero(files, frame_count)
        if note:
            self.warnings += (f"The masks in {path.name} {note}.",)
        return {index - offset: file for index, file in files.items()}

    def _check_count(self, numbers: Sequence[int], frame_count: int) -> None:
        """Check that the masks are about the whole clip: one for every frame, or for some frames by their numbers."""
        count, first, last = len(numbers), numbers[0], numbers[-1]
        missing = frame_count - count
        some = missing > MAX_COUNT_DIFFERENCE and last - first + 1 > count and last >= 0.5 * frame_count
        if last >= frame_count + MAX_COUNT_DIFFERENCE or (missing > MAX_COUNT_DIFFERENCE and not some):
            masks = f"{count} masks (for frames {first} to {last})" if count > 1 else f"one mask (for frame {first})"
            remedy = (
                "they seem to belong to a longer clip, so make them from this one"
                if last >= frame_count
                else "give one mask for each frame, counted from 0, or name those of some frames after them"
            )
            raise BadInputError(f"{self.path} holds {masks} but the video has {frame_count} frames: {remedy}")
        if some:
            self.warnings += (
                f"There are masks in {self.path.name} for {count} of {frame_count} frames; only those are used.",
            )

    def _recognise(self, numbers: Sequence[int]) -> MaskValues:
        if self._snapshot is not None:
            return MaskValues()
        chosen = [numbers[i] for i in np.unique(np.linspace(0, len(numbers) - 1, SAMPLES).round().astype(int))]
        lossless = self._files is not None and not any(f.suffix.lower() in LOSSY_SUFFIXES for f in self._files.values())
        samples = self._raw(chosen)
        values = MaskValues.of(samples, str(self.path), lossless)
        found = {(image.shape[1], image.shape[0]) for image in samples} - {self.size}
        if found and all(_same_shape(size, self.size) for size in found):
            width, height = min(found)
            self.warnings += (
                f"The masks in {self.path.name} have {width} × {height} pixels and were scaled to {self.size[0]} × "
                f"{self.size[1]}.",
            )
        if values.note:
            self.warnings += (f"In the masks in {self.path.name} {values.note}.",)
        return values

    def _raw(self, indices: list[int]) -> list[Picture]:
        if self._files is None:
            return [frame for _, frame in _frames(self.path, indices)]
        return [read_picture(self._files[i], "mask", cv2.IMREAD_UNCHANGED) for i in indices]


def read_masks(paths: Sequence[Path], size: tuple[int, int]) -> tuple[list[Mask], tuple[str, ...]]:
    """Read one mask for each of a few photographs: masks [H, W], and warnings.

    Args:
        paths: of the masks.
        size: width and height of the photographs, in pixels.

    Raises:
        BadInputError: unreadable, or of another shape.
    """
    images = [_read(path, size) for path in paths]
    where = paths[0] if len(paths) == 1 else paths[0].parent
    values = MaskValues.of(images, str(where), not any(path.suffix.lower() in LOSSY_SUFFIXES for path in paths))
    notes = (f"In the masks in {where.name} {values.note}.",) if values.note else ()
    return [values.person(image, size) for image in images], notes


def _require_video(path: Path, frame_count: int) -> None:
    """Say what a file is that can hold no masks of a clip."""
    if is_picture(path):
        raise BadInputError(
            f"{path} is one picture, but the video has {frame_count} frames: give a folder with one mask for each frame"
        )
    if path.is_file() and not may_be_video(path):
        raise BadInputError(
            misfit(path, "masks", "give a folder of pictures, a video, or People-Snapshot's masks.hdf5")
        )


def check_size(found: tuple[int, int], size: tuple[int, int], where: str) -> None:
    """Refuse a mask that is not the picture at any scale.

    Raises:
        BadInputError: width and height are in another proportion.
    """
    if not _same_shape(found, size):
        raise BadInputError(
            f"the mask {where} has {found[0]} × {found[1]} pixels but the picture has {size[0]} × {size[1]}, which is "
            f"another shape{_turned(found, size)}: make the masks from the picture as it is, neither cropped nor padded"
        )


def _turned(found: tuple[int, int], size: tuple[int, int]) -> str:
    return " (it seems turned by 90°)" if _same_shape((found[1], found[0]), size) else ""


def _same_shape(a: tuple[int, int], b: tuple[int, int]) -> bool:
    # One pixel more or less, by rounding, is no other shape.
    ratio = a[0] * b[1] / max(a[1] * b[0], 1)
    return abs(ratio - 1.0) <= max(MAX_SHAPE_DIFFERENCE, 1.0 / max(min(*a, *b), 1)) if a != b else True


def _frames(path: Path, indices: list[int]) -> list[tuple[int, NDArray[np.uint8]]]:
    return list(read_raw(path, indices))


def _read(path: Path, size: tuple[int, int]) -> Picture:
    return _checked(read_picture(path, "mask", cv2.IMREAD_UNCHANGED), size, str(path))


def _checked(image: Picture, size: tuple[int, int], where: str) -> Picture:
    check_size((image.shape[1], image.shape[0]), size, where)
    return image
