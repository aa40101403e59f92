"""Folders with one file per frame, whose names end in the frame's index; and JSON files."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from fit_avatar.errors import BadInputError
from fit_avatar.io.files import read_json, require_folder
from fit_avatar.io.kinds import held_by

__all__ = ["files_by_frame", "files_in", "frame_number", "read_json", "running_numbers"]

MAX_DIGITS = 15
"""Of a number in a name; of longer ones (times, say) the last digits count."""

MAX_NUMBERS = 4
"""So many numbers at the end of a name are looked at."""
MAX_NAME = 255
"""Characters at the end of a name in which a number is looked for: file systems have no longer names."""
MAX_DEPTH = 2
"""So far below a folder its files are looked for."""


def files_by_frame(folder: Path, suffix: str | tuple[str, ...], what: str) -> dict[int, Path]:
    """Map frame index → file for the files with a suffix in a folder.

    The last number in a name is the frame's index, unless it is the same in every name and another number is not
    (``000012_1.png``, ``000013_1.png``, … of one object).

    Args:
        folder: where to look (not below).
        suffix: such as ``.png``, or several of them; upper and lower case alike.
        what: what the files are, for the message.

    Raises:
        BadInputError: no such folder, no such file in it, a name without a number, or two files for one frame.
    """
    paths = files_in(folder, suffix, what)
    numbers = [_numbers(path.stem) for path in paths]
    for path, found in zip(paths, numbers, strict=True):
        if not found:
            raise BadInputError(f"{path} has no number in its name: the last number must be the frame's index")
    place = _running_place(numbers)
    files: dict[int, Path] = {}
    for path, found in zip(paths, numbers, strict=True):
        index = found[place]
        if index in files:
            raise BadInputError(f"{files[index].name} and {path.name} in {folder} are both for frame {index}: keep one")
        files[index] = path
    return files


def running_numbers(stems: list[str]) -> list[int] | None:
    """Return the number in each name that counts the frames; ``None`` if a name has no number."""
    numbers = [_numbers(stem) for stem in stems]
    if not numbers or not all(numbers):
        return None
    place = _running_place(numbers)
    return [found[place] for found in numbers]


def _numbers(stem: str) -> list[int]:
    return [int(digits[-MAX_DIGITS:]) for digits in re.findall(r"[0-9]+", stem[-MAX_NAME:])[-MAX_NUMBERS:]]


def _running_place(numbers: list[list[int]]) -> int:
    """Return the place, from the end, of the number that counts the frames in names that hold several numbers."""
    columns = min(map(len, numbers))
    distinct = [k for k in range(-1, -columns - 1, -1) if len({found[k] for found in numbers}) == len(numbers)]
    if len(numbers) < 2 or not distinct or len({len(found) for found in numbers}) > 1:
        return -1
    return distinct[0]


def from_zero(indices: Collection[int], frame_count: int) -> tuple[int, str]:
    """Find out whether frames are counted from 1, as FFmpeg counts the files that it writes.

    Args:
        indices: the numbers in the names.
        frame_count: number of frames of the video.

    Returns:
        What to subtract from each number, and a sentence that says so (empty if there is nothing to say).
    """
    first, last = min(indices), max(indices)
    if first == 1 and last == frame_count:
        return 1, f"count frames from 1 (the last is {last} of {frame_count}) and were moved to count from 0"
    if first > 1 and last == frame_count:
        return 1, f"end with frame {last} of {frame_count}, so that they count from 1; they were moved to count from 0"
    if first == 1 and len(indices) == last == frame_count - 1:
        return 0, (
            "begin with frame 1 and were taken to count from 0, as the last one is the video's last frame; "
            "if they count from 1, subtract 1 from the numbers"
        )
    return 0, ""


def only_folder_with(folder: Path, suffixes: tuple[str, ...], what: str) -> Path | None:
    """Return a folder itself if it holds such files, or else the only folder below it that does, if there is one.

    Raises:
        BadInputError: several folders below hold such files.
    """
    level = [folder] if folder.is_dir() else []
    for _ in range(MAX_DEPTH + 1):
        holding = [place for place in level if any(_is_one(path, suffixes) for path in _children(place))]
        if len(holding) > 1:
            names = ", ".join(str(place.relative_to(folder)) for place in holding[:5])
            raise BadInputError(f"{folder} holds several folders of {what} ({names}): give one of them")
        if holding:
            return holding[0]
        level = [path for place in level for path in _children(place) if path.is_dir()]
    return None


def _children(folder: Path) -> list[Path]:
    try:
        return [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    except OSError as error:
        raise BadInputError(f"the folder {folder} cannot be read ({error.strerror or error}): check it") from None


def _is_one(path: Path, suffixes: tuple[str, ...]) -> bool:
    return path.suffix.lower() in suffixes and path.is_file()


def files_in(folder: Path, suffix: str | tuple[str, ...], what: str) -> list[Path]:
    """Return the files with a suffix in a folder, sorted by name.

    Raises:
        BadInputError: no such folder, or no such file in it.
    """
    require_folder(folder, f"folder of {what}")
    suffixes = (suffix,) if isinstance(suffix, str) else suffix
    found = [path for path in _children(folder) if _is_one(path, suffixes)]
    if not found:
        raise BadInputError(
            f"there is no {suffixes[0]} file in {folder}, which holds {held_by(folder)}: give the folder with the "
            f"{what}, one file per frame"
        )
    return found


def frame_number(stem: str) -> int | None:
    """Return the last number in a file's name without its suffix; ``None`` if there is none."""
    numbers = re.findall(r"[0-9]+", stem[-MAX_NAME:])
    return int(numbers[-1][-MAX_DIGITS:]) if numbers else None
