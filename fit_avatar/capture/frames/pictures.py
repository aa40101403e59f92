"""The frames of a clip that are a picture each: a folder, or those of a folder that a pattern names."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.files import files_in, only_folder_with, running_numbers
from fit_avatar.capture.frames.matte import MATTE_FRAMES, is_matte
from fit_avatar.capture.frames.source import DEFAULT_FPS, Decoded, VideoInfo
from fit_avatar.errors import BadInputError
from fit_avatar.io.pictures import read_picture
from fit_avatar.io.sequences import NUMBER

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
MAY_BE_TRANSPARENT = (".png", ".webp", ".tif", ".tiff")
MAX_DIGITS = 15
"""Of a number in a name that counts; longer ones are compared as text."""


@dataclass(frozen=True)
class PictureSequence:
    """A :class:`~fit_avatar.capture.frames.source.FrameSource` of files in the natural order of their names."""

    path: Path
    """The folder or pattern, as the user gave it."""
    pictures: tuple[Path, ...]

    @classmethod
    def of(cls, path: Path) -> PictureSequence:
        """List the pictures of a folder, also of the only one below it that holds any, or those of a pattern.

        Raises:
            BadInputError: there is no such folder, or no such picture in it.
        """
        if path.is_dir():
            place = only_folder_with(path, SUFFIXES, "pictures")
            if place is None:
                raise BadInputError(
                    f"there are no pictures in the folder {path}: give a folder of JPEG or PNG files, one per frame, "
                    "or the video file itself"
                )
            files = files_in(place, SUFFIXES, "pictures")
        else:
            if not path.parent.is_dir():
                raise BadInputError(f"there is no folder {path.parent} for the pictures {path.name}: check the path")
            files = [file for file in _all_files(path.parent) if _is_named(file.name, path.name)]
            if not files:
                raise BadInputError(f"no file in {path.parent} is named like {path.name}: check the pattern")
        return cls(path, tuple(sorted(files, key=lambda file: natural_order(file.name))))

    @property
    def names(self) -> tuple[str, ...]:
        """Return the files' names without suffixes."""
        return tuple(file.stem for file in self.pictures)

    @cached_property
    def info(self) -> VideoInfo:
        """Return size and number of the pictures.

        Raises:
            BadInputError: the first one is no picture.
        """
        picture, alpha = self._read(self.pictures[0])
        height, width = picture.shape[:2]
        matte = alpha is not None and any(is_matte(self._read(file)[1]) for file in self.pictures[:MATTE_FRAMES])
        return VideoInfo(
            width, height, DEFAULT_FPS, len(self.pictures), 0, states_fps=False, has_matte=matte, notes=self._gaps()
        )

    def decode(self, indices: Collection[int] | None = None) -> Iterator[Decoded]:
        """Yield pictures; see :class:`~fit_avatar.capture.frames.source.FrameSource`."""
        size: tuple[int, ...] | None = None
        for index, file in enumerate(self.pictures):
            if indices is not None and index not in indices:
                continue
            picture, alpha = self._read(file)
            size = size or (self.info.height, self.info.width)
            if picture.shape[:2] != size:
                raise BadInputError(
                    f"{file} has {picture.shape[1]} × {picture.shape[0]} pixels but {self.pictures[0].name} has "
                    f"{size[1]} × {size[0]}: all pictures of a clip must have one size"
                )
            yield Decoded(index, picture, alpha, np.nan)

    def stated_times(self) -> NDArray[np.float64]:
        """Return that no time is stated. [N]"""
        return np.full(len(self.pictures), np.nan)

    def files(self) -> tuple[Path, ...]:
        """Return the pictures."""
        return self.pictures

    def _gaps(self) -> tuple[str, ...]:
        """Say if numbers are missing between the pictures'."""
        numbers = running_numbers(list(self.names))
        steps = set(np.diff(numbers).tolist()) if numbers else set()
        if len(steps) < 2 or min(steps) < 1:
            return ()
        return (f"Numbers are missing in the names of the pictures {self.path.name}; they are taken as evenly spaced.",)

    def _read(self, file: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
        """Return a picture in BGR [H, W, 3], and its alpha [H, W] if it has one."""
        if file.suffix.lower() in MAY_BE_TRANSPARENT:
            raw = read_picture(file, "picture", cv2.IMREAD_UNCHANGED)
            if raw.dtype not in (np.uint8, np.uint16):
                raise BadInputError(f"the picture {file} has values of the kind {raw.dtype}: save it with 8 or 16 bits")
            if raw.ndim == 3 and raw.shape[2] == 4:
                whole = _to_8_bits(raw)
                return np.ascontiguousarray(whole[..., :3]), np.ascontiguousarray(whole[..., 3])
            if raw.dtype == np.uint16:
                grey = _to_8_bits(raw)
                return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR) if raw.ndim == 2 else grey, np.uint8), None
        return np.asarray(read_picture(file, "picture"), np.uint8), None


def natural_order(name: str) -> list[Any]:
    """Return a key that sorts names as people do: ``frame2`` before ``frame10``."""
    parts = re.split(f"([0-9]{{1,{MAX_DIGITS}}})", name)
    return [(int(part), part) if k % 2 else (0, part.casefold()) for k, part in enumerate(parts)]


def _is_named(name: str, pattern: str) -> bool:
    """Return whether a file has a name of a pattern: with ``%05d`` as FFmpeg takes it, or ``*`` as a shell does."""
    if not NUMBER.search(pattern):
        return fnmatchcase(name, pattern)
    regular, start = "", 0
    for number in NUMBER.finditer(pattern):
        width = number.group()[1:-1].lstrip("0")
        regular += re.escape(pattern[start : number.start()]) + (f"[0-9]{{{width},}}" if width else "[0-9]+")
        start = number.end()
    return re.fullmatch(regular + re.escape(pattern[start:]), name) is not None


def _all_files(folder: Path) -> list[Path]:
    try:
        return [file for file in folder.iterdir() if not file.name.startswith(".") and file.is_file()]
    except OSError as error:
        raise BadInputError(f"the folder {folder} cannot be read ({error.strerror or error}): check it") from None


def _to_8_bits(picture: NDArray[Any]) -> NDArray[np.uint8]:
    return np.asarray(picture >> 8 if picture.dtype == np.uint16 else picture, np.uint8)
