"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fit_avatar.errors import BadInputError


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; at the end of the block the file moves into place.

    Missing parent folders are made. If the block raises, the temporary file is removed and an older
    file at ``path`` stays as it was.

    Raises:
        BadInputError: the disk is full or the folder cannot be written to.
    """
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            temporary.chmod(0o666 & ~_umask())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder beside ``path``; at the end of the block it takes the place of ``path``.

    Raises:
        BadInputError: the disk is full or the folder cannot be written to.
    """
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
        replaced = temporary.with_name(temporary.name + "-replaced")
        try:
            yield temporary
            temporary.chmod(0o777 & ~_umask())
            if path.exists():
                os.replace(path, replaced)  # a folder cannot take the place of one that is not empty
            os.replace(temporary, path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
            shutil.rmtree(replaced, ignore_errors=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a whole file, or leave what was there.

    Raises:
        BadInputError: the disk is full or the folder cannot be written to.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Say in one sentence why ``path`` cannot be written."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise BadInputError(f"the disk is full while writing {path}: free some space and run again") from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            raise BadInputError(f"cannot write {path} ({error.strerror}): choose another --out folder") from error
        raise


def _umask() -> int:
    """Return the process's file mode mask (temporary files are private until they are finished)."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
