"""Nothing half-written is ever seen."""

import errno
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from fit_avatar.errors import BadInputError
from fit_avatar.io.atomic import atomic_folder, atomic_path, write_bytes


def fill(path: Path, failure: BaseException, atomic: Callable[..., AbstractContextManager[Path]] = atomic_path) -> None:
    """Begin to write, then fail."""
    with atomic(path) as temporary:
        (temporary / "half" if temporary.is_dir() else temporary).write_text("half")
        raise failure


def test_a_file_appears_whole_and_readable(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.bin"
    write_bytes(path, b"one")
    write_bytes(path, b"two")
    assert path.read_bytes() == b"two" and list(path.parent.iterdir()) == [path]
    reference = tmp_path / "reference"
    reference.touch()
    assert path.stat().st_mode == reference.stat().st_mode


def test_an_interruption_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        fill(path, KeyboardInterrupt())
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"^the disk is full while writing .*file\.bin"):
        fill(tmp_path / "file.bin", OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert list(tmp_path.iterdir()) == []


def test_a_parent_that_is_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(BadInputError, match="cannot write"):
        write_bytes(tmp_path / "out" / "file.bin", b"")


def test_other_errors_pass_unchanged(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="odd"):
        fill(tmp_path / "file.bin", OSError(errno.EIO, "odd"))


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "frames"
    path.mkdir()
    (path / "stale").touch()
    with atomic_folder(path) as temporary:
        (temporary / "fresh").touch()
        assert (path / "stale").exists()
    assert [p.name for p in path.iterdir()] == ["fresh"] and list(tmp_path.iterdir()) == [path]
    with pytest.raises(BadInputError, match="the disk is full"):
        fill(path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), atomic_folder)
    assert [p.name for p in path.iterdir()] == ["fresh"] and list(tmp_path.iterdir()) == [path]
