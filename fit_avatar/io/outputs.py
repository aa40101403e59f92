"""Files that a program writes for its user: it replaces what it wrote itself, and nothing else.

A list in the folder, ``written_files.json``, holds size and time of change of every file that was written there. A file
that is not in it, or was changed since, is the user's.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fit_avatar.errors import BadInputError
from fit_avatar.io.atomic import atomic_path
from fit_avatar.io.files import MAX_TEXT_BYTES, parse_json
from fit_avatar.io.fingerprint import stamp

LIST = "written_files.json"
REMEDY = "choose another folder, move it away, or replace it with --force"
_ABOUT = "what fit-avatar has written in this folder, so that it replaces nothing else"


class Outputs:
    """The files of one folder that this program has written, in this run or an earlier one."""

    def __init__(self, folder: Path, force: bool = False) -> None:
        """Know the files of ``folder``; ``force`` lets files of others be replaced, too."""
        self._folder, self._force = folder, force

    def refuse_foreign(self, targets: Iterable[Path], inputs: Iterable[Path] = ()) -> None:
        """Check that files and folders may be written, before anything is.

        Args:
            targets: what will be written.
            inputs: what is read; it is never written over.

        Raises:
            BadInputError: a target is an input, holds one, is of the wrong kind, or was not written by this program.
        """
        written = self._read()
        read = [os.path.realpath(path) for path in inputs]
        for target in (self._folder / LIST, *targets):
            place = os.path.realpath(target)
            for path in read:
                if path == place or path.startswith(place + os.sep):
                    raise BadInputError(
                        f"{target} would be written over, but it is an input of this run: choose another folder"
                    )
            if not target.suffix and target.is_file():
                raise BadInputError(f"a folder {target} is needed, but there is a file of that name: move it away")
            if target.suffix and target.is_dir():
                raise BadInputError(f"{target} is to be written, but there is a folder of that name: move it away")
            if not self._force and any(not self._own(file, written) for file in _files(target)):
                raise BadInputError(f"{target} was not written by fit-avatar, or was changed since: {REMEDY}")

    @contextmanager
    def writing(self, targets: Sequence[Path]) -> Iterator[None]:
        """Check targets, and list what the block has written of them.

        They are listed beforehand, too, so that a run which is killed between the two can go on.

        Raises:
            BadInputError: as for :meth:`refuse_foreign`, or the folder cannot be written to.
        """
        self.refuse_foreign(targets)
        written = self._read()
        self._write(written | {self._name(target): None for target in targets})
        yield
        found = {self._name(file): list(stamp(file)) for target in targets for file in _files(target)}
        gone = {self._name(target) for target in targets}
        kept = {name: known for name, known in written.items() if not gone & _with_parents(name)}
        self._write(kept | found)

    def _own(self, file: Path, written: dict[str, Any]) -> bool:
        if file.name == LIST and file.parent == self._folder:
            return bool(written) or self._recognised(file)
        name = self._name(file)
        claimed = any(each in written and written[each] is None for each in _with_parents(name))
        return claimed or (not file.is_symlink() and name in written and list(stamp(file)) == written[name])

    def _name(self, path: Path) -> str:
        return Path(os.path.relpath(path, self._folder)).as_posix()

    def _read(self) -> dict[str, Any]:
        """Return name → [size, time], or None for what was being written when a run ended."""
        file = self._folder / LIST
        if not self._recognised(file):
            return {}
        files = parse_json(file.read_text(encoding="utf-8"))["files"]
        return dict(files) if isinstance(files, dict) else {}

    def _recognised(self, file: Path) -> bool:
        try:
            if not file.is_file() or file.is_symlink() or file.stat().st_size > MAX_TEXT_BYTES:
                return False
            content = parse_json(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return False
        return isinstance(content, dict) and content.get("about") == _ABOUT and "files" in content

    def _write(self, written: dict[str, Any]) -> None:
        with atomic_path(self._folder / LIST) as temporary:
            temporary.write_text(json.dumps({"about": _ABOUT, "files": written}, indent=1), encoding="utf-8")


def refuse_existing(target: Path, sources: Iterable[Path], force: bool) -> None:
    """Check that a single file may be written where a user wants it.

    Raises:
        BadInputError: it is one of the sources, a folder, or exists and ``force`` is not given.
    """
    if target.exists() and any(source.exists() and target.samefile(source) for source in sources):
        raise BadInputError(f"{target} is the file that is read: give another name for the one that is written")
    if target.is_dir():
        raise BadInputError(f"{target} is a folder: give the name of the file that is to be written")
    if os.path.lexists(target) and not force:
        raise BadInputError(f"{target} is there already: give another name, or replace it with --force")


def _files(target: Path) -> list[Path]:
    """Return the files at a target: itself, or all that a folder holds at any depth, links included."""
    if target.is_dir() and not target.is_symlink():
        return [Path(top) / name for top, _, names in os.walk(target) for name in sorted(names)]
    return [target] if os.path.lexists(target) else []


def _with_parents(name: str) -> set[str]:
    path = Path(name)
    return {path.as_posix(), *(parent.as_posix() for parent in path.parents)}
