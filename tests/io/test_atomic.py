"""Files and folders appear complete or not at all."""

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


def test_a_read_error_is_not_reported_as_a_write_error(tmp_path: Path) -> None:
    unreadable = PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/elsewhere/input.png")
    with pytest.raises(PermissionError, match="input"):
        fill(tmp_path / "file.bin", unreadable)


@pytest.mark.parametrize("name", ["", "half"])
def test_an_error_about_what_is_written_is_one_sentence(tmp_path: Path, name: str) -> None:
    def refuse() -> None:
        with atomic_folder(tmp_path / "frames") as temporary:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(temporary / name))

    with pytest.raises(BadInputError, match=r"^cannot write .*frames \(Permission denied\)"):
        refuse()


def test_the_process_file_mode_mask_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.umask(0o027)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(os, "umask", lambda mask: pytest.fail("the mask is that of all threads"))
            write_bytes(tmp_path / "file.bin", b"")
            with atomic_folder(tmp_path / "folder"):
                pass
    finally:
        os.umask(before)
    assert (tmp_path / "file.bin").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o750


@pytest.mark.parametrize("put_back", [True, False])
def test_a_folder_that_cannot_be_replaced_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, put_back: bool
) -> None:
    path = tmp_path / "frames"
    path.mkdir()
    (path / "old").touch()
    replace, calls = os.replace, 0

    def fail_later(source: Path, target: Path) -> None:
        nonlocal calls
        calls += 1
        if calls == 2 or (calls > 2 and not put_back):
            raise OSError(errno.EIO, "odd")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail_later)
    with pytest.raises(OSError, match="odd"), atomic_folder(path) as temporary:
        (temporary / "new").touch()
    if put_back:
        assert list(tmp_path.rglob("*")) == [path, path / "old"]
    else:
        assert {file.name for file in tmp_path.rglob("*") if file.is_file()} == {"old", "new"}


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
