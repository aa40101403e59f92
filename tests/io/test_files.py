"""What a user gives is opened in one place: a sentence for everything that is no plain, readable file."""

import json
import math
import os
import re
from pathlib import Path

import numpy as np
import pytest

from fit_avatar.errors import BadInputError
from fit_avatar.io.files import numbers_in, parse_json, plain_name, read_json, read_text, require_file, require_folder


def refused(path: Path, sentence: str) -> None:
    with pytest.raises(BadInputError, match=sentence):
        require_file(path, "camera file")


def test_plain_files_and_folders_pass(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    (tmp_path / "link").symlink_to("a")
    require_file(tmp_path / "a", "camera file")
    require_file(tmp_path / "link", "camera file")
    require_folder(tmp_path, "folder of masks")


def test_what_is_no_plain_file_is_told_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for name, aim in (("zero", "/dev/zero"), ("dangling", "nowhere"), ("circle", "circle")):
        (tmp_path / name).symlink_to(aim)
    refused(tmp_path / "fifo", "is a pipe or device, not a file")
    refused(tmp_path / "zero", "is a pipe or device, not a file")
    refused(tmp_path / "dangling", "there is no camera file .*dangling, but a link that leads nowhere")
    refused(tmp_path / "circle", "cannot be opened .too many levels of symbolic links")
    refused(tmp_path, "is a folder: give the file itself")
    refused(tmp_path / "missing", "there is no camera file .*missing: check the path")
    refused(tmp_path / ("n" * 5000), "cannot be opened .file name too long")
    refused(Path("a\0b"), "cannot be opened .embedded null")
    (tmp_path / "a").touch()
    with pytest.raises(BadInputError, match="is a file: give the folder itself"):
        require_folder(tmp_path / "a", "folder of masks")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read anything")
def test_a_file_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").touch(0o000)
    refused(tmp_path / "a", "may not be read by this user")


def test_a_file_that_may_not_be_read_is_told_to_anybody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").touch()
    monkeypatch.setattr(os, "access", lambda *_: False)
    refused(tmp_path / "a", "may not be read by this user")


@pytest.mark.parametrize("text", ["1" + "0" * 400, "9" * 5000, "-" + "1" * 30])
def test_whole_numbers_without_end_are_floating_point(text: str) -> None:
    value = parse_json(f"[{text}]")[0]
    assert isinstance(value, float) and value == float(text)


def test_other_whole_numbers_are_exact() -> None:
    for value in (0, -7, 2**63 - 1, -(2**63), 1_795_000_000_000_000_001):
        assert parse_json(json.dumps(value)) == value and isinstance(parse_json(json.dumps(value)), int)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"{", "is not readable JSON"),
        (b"[" * 100_000, "is nested too deeply"),
        (b"\xff\xfe", "is not text in UTF-8"),
        (b"", "is not readable JSON"),
    ],
)
def test_broken_json_is_one_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "c.json").write_bytes(content)
    with pytest.raises(BadInputError, match=f"the camera file .*c.json {sentence}") as caught:
        read_json(tmp_path / "c.json", "camera file")
    assert "\n" not in str(caught.value)


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_bytes(b"\xef\xbb\xbf[1]")
    assert read_json(tmp_path / "c.json", "camera file") == [1]


def test_a_text_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "c.json").open("wb") as file:
        file.truncate(5 << 30)  # takes no space
    with pytest.raises(BadInputError, match="has 5120 MB, more than the 256 MB that are read"):
        read_text(tmp_path / "c.json", "camera file")


def test_numbers_are_flat() -> None:
    assert numbers_in(3, 1) == [3.0]
    assert numbers_in(np.array([[1], [2]]), 2) == [1.0, 2.0]
    assert numbers_in([np.float32(1), np.array(2)], 2) == [1.0, 2.0]
    assert numbers_in(10**400, 1) == [math.inf]
    shared: list = [1, 2]
    for _ in range(60):
        shared = [shared, shared]
    for wrong in ("1", None, True, [1], [[1], [2]], shared, {1: 2}):
        assert numbers_in(wrong, 2) is None


NAMES = ("12:30.mp4", "http:x.mp4", "pipe:1x.mp4", "%05d.png", "ü.mp4", "x\ny.mp4", os.fsdecode(b"\xe4.mp4"))


@pytest.mark.parametrize("name", NAMES)
def test_any_name_has_a_plain_one(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("clip")
    with plain_name(tmp_path / name) as plain:
        assert re.fullmatch(r"[/\w.-]+", plain, re.ASCII) and Path(plain).read_text() == "clip"
        assert Path(plain).suffix == Path(name).suffix
    with plain_name(tmp_path / "plain.mp4") as plain:
        assert plain == str(tmp_path / "plain.mp4")
