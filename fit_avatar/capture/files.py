"""Folders with one file per frame, whose names end in the frame's index; and JSON files."""

from __future__ import annotations

import re
from pathlib import Path

from fit_avatar.errors import BadInputError
from fit_avatar.io.files import read_json, require_folder

__all__ = ["files_by_frame", "files_in", "frame_number", "read_json"]

MAX_DIGITS = 15
"""Of a number in a name; of longer ones (times, say) the last digits count."""


def files_by_frame(folder: Path, suffix: str, what: str) -> dict[int, Path]:
    """Map frame index → file for the files with a suffix in a folder.

    Args:
        folder: where to look (not below).
        suffix: such as ``.png``; upper and lower case alike.
        what: what the files are, for the message.

    Raises:
        BadInputError: no such folder, no such file in it, a name without a number, or two files for one frame.
    """
    found: dict[int, Path] = {}
    for path in files_in(folder, suffix, what):
        index = frame_number(path.stem)
        if index is None:
            raise BadInputError(f"{path} has no number in its name: the last number must be the frame's index")
        if index in found:
            raise BadInputError(f"{found[index].name} and {path.name} in {folder} are both for frame {index}: keep one")
        found[index] = path
    return found


def files_in(folder: Path, suffix: str, what: str) -> list[Path]:
    """Return the files with a suffix in a folder, sorted by name.

    Raises:
        BadInputError: no such folder, or no such file in it.
    """
    require_folder(folder, f"folder of {what}")
    found = [p for p in sorted(folder.iterdir()) if p.suffix.lower() == suffix and not p.name.startswith(".")]
    if not found:
        raise BadInputError(f"there is no {suffix} file in {folder}: it must hold the {what}, one file per frame")
    return found


def frame_number(stem: str) -> int | None:
    """Return the last number in a file's name without its suffix; ``None`` if there is none."""
    numbers = re.findall(r"[0-9]+", stem)
    return int(numbers[-1][-MAX_DIGITS:]) if numbers else None
