"""Arrays of .npz files are data of a known size, whatever the file claims."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from fit_avatar.io.arrays import ArraysError, read_npz, shape_fault, write_npz


def member(header: bytes, data: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


def archive(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def test_arrays_come_back_whatever_their_names(tmp_path: Path) -> None:
    arrays = {
        "file": np.arange(6.0).reshape(2, 3), "args": np.array("text"),
        "f": np.asfortranarray(np.eye(3, 2, dtype=">i4")),
        "empty": np.zeros((0, 3)), "flag": np.array(True), "names": np.array(["a", "ü"]),
    }  # fmt: skip
    write_npz(tmp_path / "a.npz", arrays)
    again = read_npz(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as theirs:
        for name, array in arrays.items():
            for found in (again[name], theirs[name]):
                np.testing.assert_array_equal(found, array)
                assert found.dtype == array.dtype and found.shape == array.shape
    assert list(read_npz(tmp_path / "a.npz", ["flag", "other"])) == ["flag"]


def test_numpys_own_files_are_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.arange(3), objects=np.array([{}, 1], object))
    assert list(read_npz(tmp_path / "a.npz")) == ["x"]


def test_equal_arrays_are_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_npz(tmp_path / f"{name}.npz", {"x": np.arange(3)})
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize(
    "content",
    [
        member(b"{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000000, 3), }"),
        member(b"{'descr': '<f8', 'fortran_order': False, 'shape': (-3, 3), }"),
        member(b"{'descr': '<f8', 'fortran_order': False, 'shape': (3, 3), }"),
        member(b"{'descr': '<f8', 'fortran_order': False, 'shape': 3, }"),
        member(b"{'descr': 'zz', 'fortran_order': False, 'shape': (3,), }"),
        member(b"{'descr': "),
        member(b"(" * 5000),
        member(b"__import__('os')"),
        b"not an array",
        b"",
    ],
)
def test_a_broken_member_is_told(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ArraysError) as caught:
        read_npz(archive(tmp_path / "a.npz", {"x.npy": content}))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 200


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"PK\x05\x06" + bytes(18)[:10], bytes(100)])
def test_a_broken_archive_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(ArraysError):
        read_npz(tmp_path / "a.npz")


def test_encrypted_and_unknown_compression_are_told(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, x=np.arange(3))
    for place, value in ((8, 99), (6, 1)):  # in the central directory: the method two bytes further, and the flags
        content = bytearray(buffer.getvalue())
        directory = content.index(b"PK\x01\x02")
        content[directory + place + 2] = content[place] = value
        (tmp_path / "a.npz").write_bytes(content)
        with pytest.raises(ArraysError):
            read_npz(tmp_path / "a.npz")


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (100000000,), }"
    bomb = archive(tmp_path / "a.npz", {f"{k}.npy": member(header, bytes(100_000_000)) for k in range(2)})
    assert bomb.stat().st_size < 400_000
    with pytest.raises(ArraysError, match=r"1 claims 0\.1 GB, which is more than is read"):
        read_npz(bomb, max_bytes=150_000_000)


def test_a_full_disk_leaves_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fit_avatar.errors import BadInputError

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("numpy.lib.format.write_array", full)
    with pytest.raises(BadInputError, match="the disk is full"):
        write_npz(tmp_path / "a.npz", {"x": np.arange(3)})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({}, None),
        ({"a": np.zeros((4, 2))}, r"a of shape [4, 2] where [4, 3] is expected"),
        ({"b": np.zeros(5)}, r"b of shape [5] where [4] is expected"),
        ({"a": np.zeros(())}, r"a of shape [] where [T, 3] is expected"),
        ({"a": np.full((4, 3), np.nan)}, "values in a that are not finite numbers"),
        ({"b": np.array(["x"] * 4)}, "values in b that are not finite numbers"),
    ],
)
def test_shapes_agree(changed: dict[str, np.ndarray], fault: str | None) -> None:
    arrays = {"a": np.zeros((4, 3)), "b": np.zeros(4), "other": np.zeros(1)} | changed
    assert shape_fault(arrays, {"a": ("T", 3), "b": ("T",), "missing": (1,)}) == fault
