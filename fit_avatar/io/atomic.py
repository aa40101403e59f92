"""Files and folders that appear complete or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fit_avatar.errors import BadInputError

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NOT_WRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``, with its suffix; the file moves to ``path`` at the end of the block.

    Missing parent folders are created. If the block raises, the temporary file is removed and an older file at
    ``path`` is left as it was.

    Raises:
        BadInputError: the disk is full or the folder cannot be written to.
    """
    temporary = path.with_name(f".{path.stem}-{uuid.uuid4().hex}{path.suffix}")
    with _explained(path, temporary):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch(exist_ok=False)
        mode = temporary.stat().st_mode
        try:
            yield temporary
            temporary.chmod(mode)  # a library may have put a private file of its own in place
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside ``path``; it replaces ``path`` at the end of the block.

    Raises:
        BadInputError: the disk is full or the folder cannot be written to.
    """
    temporary = path.with_name(f".{path.name}-{uuid.uuid4().hex}")
    replaced = temporary.with_name(f"{temporary.name}-replaced")
    with _explained(path, temporary):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
        try:
            yield temporary
            if path.exists():
                os.replace(path, replaced)  # a folder cannot replace one that is not empty
            os.replace(temporary, path)
        finally:
            if replaced.exists() and not path.exists():
                os.replace(replaced, path)  # if this fails too, old and new folder stay where they are
            shutil.rmtree(temporary, ignore_errors=True)
            shutil.rmtree(replaced, ignore_errors=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a complete file, or leave what was there.

    Raises:
        BadInputError: the disk is full or the folder cannot be written to.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


@contextmanager
def _explained(path: Path, temporary: Path) -> Iterator[None]:
    """Say in one sentence why ``path`` cannot be written; errors about other files pass unchanged."""
    try:
        yield
    except OSError as error:
        named = None if error.filename is None else Path(os.fsdecode(error.filename))
        own = named is not None and (named in (path, temporary, *path.parents) or temporary in named.parents)
        if error.errno in DISK_FULL and (own or named is None):
            raise BadInputError(f"the disk is full while writing {path}: free some space and run again") from error
        if error.errno in NOT_WRITABLE and own:
            raise BadInputError(f"cannot write {path} ({error.strerror}): choose another folder") from error
        raise
