"""Which clips a batch has: a folder of videos, a text file with one a line, or a table with options for each."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import get_args, get_type_hints

from fit_avatar.config import MAX_NAME_BYTES, Config
from fit_avatar.errors import BadInputError, FitAvatarError
from fit_avatar.io.files import read_text, require_path

Parse = Callable[[Sequence[str]], Config]
"""Reads the words of a command line over the options that all clips have."""
VIDEOS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mts", ".m2ts", ".mpg", ".mpeg", ".wmv", ".3gp", ".ts")
"""What a video's name ends with in a folder of clips; in lists and tables any name is taken."""
PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
"""A folder in a folder of clips is one if it has such a file."""
ALIASES = {"height": "height_m", "clip": "video", "path": "video", "file": "video"}
"""Names of columns beside those of the options."""
NOT_A_COLUMN = ("out", "log", "view", "force", "fresh")
"""Options that the whole batch has."""
YES, NO = ("true", "yes", "1"), ("false", "no", "0")
HINTS = get_type_hints(Config)
RESERVED = frozenset('<>:"/\\|?*')
"""Characters that names of folders do not have on some systems."""


@dataclass(frozen=True)
class Clip:
    """One clip of a batch."""

    name: str
    """Unlike those of all others; its results are in a folder of that name."""
    config: Config
    """Options of its run, all but the folder of the results."""


def read_clips(path: Path, common: Config, parse: Parse) -> tuple[Clip, ...]:
    """Return the clips of a folder, a list or a table, in its order.

    Paths in a file are relative to its folder. A list is a text file with one clip a line; what begins with # is left
    out. A table is a .csv or .tsv with a column ``video``, and others that are named as the options of the command:
    ``height_m`` (or ``height``), ``camera``, ``person``, ``focal_35mm`` …; ``name`` is that of the results' folder.
    An empty cell leaves an option as it is.

    Args:
        path: the folder, list or table.
        common: options of all clips.
        parse: reads a command line over ``common``.

    Raises:
        BadInputError: there are none, a line cannot be used, or two clips have one name.
    """
    require_path(path, "folder, list or table of clips")
    if path.is_dir():
        rows = [Row(str(clip), {"video": str(clip)}) for clip in _in_folder(path)]
    elif path.suffix.lower() in (".csv", ".tsv"):
        rows = list(_in_table(path))
    else:
        rows = list(_in_list(path))
    if not rows:
        what = "no video and no folder of pictures" if path.is_dir() else "no clip"
        raise BadInputError(f"{path} has {what}: give a folder of clips, a text file with one a line, or a .csv")
    words = lru_cache(maxsize=None)(parse)
    clips = [row.clip(path if path.is_dir() else path.parent, common, words) for row in rows]
    return tuple(map(Clip, _names(rows, clips), clips))


@dataclass(frozen=True)
class Row:
    """What a file says of one clip."""

    where: str
    """For messages."""
    cells: Mapping[str, str]
    """Text by the name of the option; none is empty."""

    def clip(self, folder: Path, common: Config, parse: Callable[[tuple[str, ...]], Config]) -> Config:
        """Return the options of its run; relative paths are in ``folder``."""
        words: list[str] = []
        for name, text in self.cells.items():
            if name not in ("name", "video"):
                words += self._words(name, text, folder, common)
        try:
            config = parse(tuple(words)) if words else common
        except FitAvatarError as error:
            raise BadInputError(f"{self.where}: {str(error).replace(' (see fit-avatar --help)', '')}") from None
        return replace(config, video=folder / self.cells["video"]) if "video" in self.cells else config

    def _words(self, name: str, text: str, folder: Path, common: Config) -> list[str]:
        """Return an option as the command line has it, no word for a switch that ``common`` already sets so."""
        option, kind = f"--{name.replace('_', '-')}", HINTS[name]
        if kind is bool:
            if text.lower() not in YES + NO:
                raise BadInputError(f"{self.where}: {name} is {text}, but must be true or false")
            given = text.lower() in YES
            return [] if given == getattr(common, name) else [option if given else f"--no-{option[2:]}"]
        several = getattr(kind, "__origin__", None) is tuple
        values = [each.strip() for each in text.split(";") if each.strip()] if several else [text]
        if Path in (kind, *get_args(kind)):
            values = [str(folder / value) for value in values]
        elif name in ("body", "preset") and (folder / text).is_file():
            values = [str(folder / text)]
        return [option, *values] if several else [f"{option}={values[0]}"]


def _in_folder(folder: Path) -> list[Path]:
    """Return videos, and folders that hold pictures, by their names alone."""
    found = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            if any(each.suffix.lower() in PICTURES for each in path.iterdir()):
                found.append(Path(path.name))
        elif path.suffix.lower() in VIDEOS:
            found.append(Path(path.name))
    return found


def _in_list(path: Path) -> Iterator[Row]:
    for number, line in enumerate(read_text(path, "list of clips").splitlines(), 1):
        text = line.strip()
        if "\0" in text:
            raise BadInputError(f"{path} is not a list of clips: give a text file with one clip a line, or a .csv")
        if text and not text.startswith("#"):
            yield Row(f"line {number} of {path}", {"video": text})


def _in_table(path: Path) -> Iterator[Row]:
    text = read_text(path, "table of clips")
    first = text.partition("\n")[0]
    between = "\t" if path.suffix.lower() == ".tsv" else ";" if ";" in first and "," not in first else ","
    try:
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=between, strict=True)
        columns = [_column(path, each) for each in next(lines, [])]
        twice = [name for name, count in Counter(columns).items() if count > 1]
        if twice:
            raise BadInputError(f"{path} has two columns {twice[0]}: leave one of them out")
        if "video" not in columns and "image" not in columns:
            raise BadInputError(f"{path} has no column video: name the columns in its first line, as in video,height_m")
        for cells in lines:
            where = f"line {lines.line_num} of {path}"
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(columns):
                raise BadInputError(f"{where} has {len(cells)} cells for {len(columns)} columns: quote what has commas")
            row = {name: cell.strip() for name, cell in zip(columns, cells, strict=False) if cell.strip()}
            if "video" not in row and "image" not in row:
                raise BadInputError(f"{where} names no video: fill in the cell, or leave out the line")
            yield Row(where, row)
    except csv.Error as error:
        raise BadInputError(f"{path} cannot be read as a table ({error}): save it as CSV again") from None


def _column(path: Path, title: str) -> str:
    """Return which option a column holds."""
    name = title.strip().lower().lstrip("-").replace("-", "_").replace(" ", "_")
    name = ALIASES.get(name, name)
    known = [field.name for field in fields(Config)]
    if name in NOT_A_COLUMN:
        raise BadInputError(f"{path} has a column {title}, which is the same for all clips: give it to the command")
    if name != "name" and name not in known:
        raise BadInputError(f"{path} has a column {title}, which is no option of fit-avatar: rename it or leave it out")
    return name


def _names(rows: Sequence[Row], clips: Sequence[Config]) -> list[str]:
    """Return a name for each clip: that of its row, of its file, or of its file with the folder's before it."""
    plain = [row.cells.get("name") or _cleaned(clip.clip) for row, clip in zip(rows, clips, strict=True)]
    often = Counter(name.casefold() for name in plain)
    names, seen = [], dict[str, str]()
    for row, clip, name in zip(rows, clips, plain, strict=True):
        if often[name.casefold()] > 1 and "name" not in row.cells and clip.video is not None:
            name = _cleaned(f"{clip.video.resolve().parent.name}_{name}")
        _check_name(row.where, name)
        before = seen.setdefault(name.casefold(), row.where)
        if before != row.where:
            remedy = "give each a name of its own in a column name of a .csv"
            raise BadInputError(f"two clips are called {name}, at {before} and at {row.where}: {remedy}")
        names.append(name)
    return names


def _cleaned(name: str) -> str:
    """Return the name of a file as the name of a folder on every system."""
    plain = "".join("_" if c in RESERVED or not c.isprintable() else c for c in name).strip(" .").lstrip("-")
    while len(plain.encode(errors="surrogateescape")) > MAX_NAME_BYTES:
        plain = plain[:-1]
    return plain or "clip"


def _check_name(where: str, name: str) -> None:
    """Refuse what is no plain name of a folder on every system."""
    if name != _cleaned(name):
        raise BadInputError(
            f"{where}: the results cannot be called {name!r}: give a plain name in a column name of a .csv"
        )
