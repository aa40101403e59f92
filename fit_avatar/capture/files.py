"""Folders with one file per frame: the last number in a file's name is the frame's index."""

from __future__ import annotations

import re
from pathlib import Path

from fit_avatar.errors import BadInputError


def files_by_frame(folder: Path, suffix: str, what: str) -> dict[int, Path]:
    """Map frame index → file for the files with a suffix in a folder.

    Args:
        folder: where to look (not below).
        suffix: such as ``.png``; upper and lower case alike.
        what: what the files are, for the message.

    Raises:
        BadInputError: no such folder, no such file in it, a name without a number, or two files for one frame.
    """
    if not folder.is_dir():
        raise BadInputError(f"There is no folder of {what} at {folder}; check the path.")
    found: dict[int, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() != suffix or path.name.startswith("."):
            continue
        numbers = re.findall(r"\d+", path.stem)
        if not numbers:
            raise BadInputError(f"{path} has no number in its name; the last number must be the frame's index.")
        index = int(numbers[-1])
        if index in found:
            raise BadInputError(
                f"{found[index].name} and {path.name} in {folder} are both for frame {index}; keep one."
            )
        found[index] = path
    if not found:
        raise BadInputError(f"There is no {suffix} file in {folder}; it must hold the {what}, one file per frame.")
    return found
