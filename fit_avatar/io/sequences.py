"""Paths that stand for a sequence of files: folders, and patterns such as ``%05d.png``."""

from __future__ import annotations

import re
from pathlib import Path

from fit_avatar.io.files import require_file, require_folder

NUMBER = re.compile(r"%0?[0-9]*d")
"""What stands for a number, as in FFmpeg's names of pictures."""


def is_pattern(name: str) -> bool:
    """Return whether a file's name stands for several."""
    return bool(NUMBER.search(name)) or any(letter in name for letter in "*?[")


def is_sequence(path: Path) -> bool:
    """Return whether a path is a folder or pattern; a file that is called like a pattern is that file."""
    try:
        return path.is_dir() or (is_pattern(path.name) and not path.exists())
    except (OSError, ValueError):  # a name that no file can have
        return False


def require_clip(path: Path) -> None:
    """Check that a path is a file, a folder, or a pattern in a folder; what is in it is not looked at.

    Raises:
        BadInputError: it is not.
    """
    if not is_sequence(path):
        require_file(path, "video file")
    elif path.is_dir():
        require_folder(path, "folder of pictures")
    else:
        require_folder(path.parent, f"folder of the pictures {path.name}:")


def clip_name(path: Path) -> str:
    """Return what a clip is called: a file without its suffix, or the folder of its pictures."""
    if not is_sequence(path):
        return path.stem
    folder = path if path.is_dir() else path.parent
    return folder.resolve().name or "pictures"
