from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from movies import scene

from fit_avatar.capture.frames import open_frames
from fit_avatar.capture.frames.pictures import natural_order
from fit_avatar.capture.video import count_frames, frame_times, probe, read_frames
from fit_avatar.errors import BadInputError


def folder(place: Path, names: list[str], **written: np.ndarray) -> Path:
    """Write a picture of its own brightness under each name."""
    place.mkdir()
    for k, name in enumerate(names):
        cv2.imwrite(str(place / name), written.get(name, np.full((48, 64, 3), 10 + 10 * k, np.uint8)))
    return place


def levels(path: Path, indices: list[int] | None = None) -> list[tuple[int, int]]:
    return [(index, round(float(frame.mean()))) for index, frame in read_frames(path, indices)]


def test_a_folder_is_a_clip_in_the_order_of_its_numbers(tmp_path: Path) -> None:
    place = folder(tmp_path / "clip", ["f2.png", "f10.png", "f100.PNG", "f1.png"])
    (place / "notes.txt").write_text("hello")
    (place / ".f3.png").write_text("hidden")
    assert levels(place) == [(0, 40), (1, 10), (2, 20), (3, 30)]
    assert levels(place, [1, 3]) == [(1, 10), (3, 30)]
    info = probe(place)
    assert (info.width, info.height, info.frame_count, info.fps, info.states_fps) == (64, 48, 4, 30.0, False)
    assert info.notes == ("Numbers are missing in the names of the pictures clip; they are taken as evenly spaced.",)
    assert count_frames(place) == 4 and frame_times(place, 20).tolist() == [0, 0.05, 0.1, 0.15]


def test_the_only_folder_below_is_meant(tmp_path: Path) -> None:
    (tmp_path / "clip").mkdir()
    folder(tmp_path / "clip" / "images", ["a.png", "b.png"])
    assert levels(tmp_path / "clip") == [(0, 10), (1, 20)]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("a_%03d.png", [10, 20]), ("a_%d.png", [10, 20, 30]), ("a_*.png", [10, 20, 30, 40]), ("?_01.jpg", [50])],
)
def test_patterns(tmp_path: Path, pattern: str, expected: list[int]) -> None:
    place = folder(tmp_path / "clip", ["a_001.png", "a_002.png", "a_13.png", "a_x.png", "b_01.jpg"])
    assert sorted(level for _, level in levels(place / pattern)) == expected


def test_a_file_called_like_a_pattern_is_that_file(tmp_path: Path) -> None:
    place = folder(tmp_path / "clip", ["a[1].png", "a1.png"])
    assert levels(place / "a[1].png") == [(0, 10)]


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"^there are no pictures in the folder .*: give a folder of JPEG or PNG"):
        open_frames(tmp_path)
    with pytest.raises(BadInputError, match=r"^no file in .* is named like a%d\.png: check the pattern$"):
        open_frames(tmp_path / "a%d.png")
    with pytest.raises(BadInputError, match=r"^there is no folder .*/b for the pictures a%d\.png: check the path$"):
        open_frames(tmp_path / "b" / "a%d.png")


def test_another_size_is_refused_by_name(tmp_path: Path) -> None:
    place = folder(tmp_path / "clip", ["1.png", "2.png"], **{"2.png": np.zeros((64, 48, 3), np.uint8)})
    with pytest.raises(BadInputError, match=r"2\.png has 48 × 64 pixels but 1\.png has 64 × 48: all pictures"):
        list(read_frames(place))
    with pytest.raises(BadInputError, match=r"2\.png has 48 × 64 pixels"):
        list(read_frames(place, [1]))


def test_a_damaged_picture_is_refused_by_name(tmp_path: Path) -> None:
    place = folder(tmp_path / "clip", ["1.png", "2.png"])
    (place / "2.png").write_bytes((place / "2.png").read_bytes()[:40])
    with pytest.raises(BadInputError, match=r"the picture .*2\.png begins like a PNG picture but cannot be read"):
        list(read_frames(place))


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.tiff", "a.bmp"])
def test_kinds_of_pictures(tmp_path: Path, name: str) -> None:
    picture = scene(1)[0]
    place = folder(tmp_path / "clip", [name], **{name: picture})
    _, read = next(iter(read_frames(place)))
    assert np.abs(read.astype(int) - picture).mean() < 2.5


def test_16_bits_and_grey(tmp_path: Path) -> None:
    picture = scene(1)[0]
    deep = picture.astype(np.uint16) * 257
    place = folder(tmp_path / "clip", ["1.png", "2.png", "3.png"], **{"1.png": deep, "2.png": deep[..., 0]})
    cv2.imwrite(str(place / "3.png"), picture[..., 0])
    colour, grey, plain = (frame for _, frame in read_frames(place))
    assert (colour == picture).all()
    assert (grey == picture[..., :1]).all() and (plain == grey).all()


def test_floating_point_is_refused(tmp_path: Path) -> None:
    place = folder(tmp_path / "clip", ["1.tiff"], **{"1.tiff": np.zeros((48, 64, 3), np.float32)})
    with pytest.raises(BadInputError, match=r"the picture .*1\.tiff has values of the kind float32: save it with 8"):
        probe(place)


def test_photographs_are_turned_upright(tmp_path: Path) -> None:
    picture = scene(1)[0]
    place = folder(tmp_path / "clip", ["1.jpg"], **{"1.jpg": picture})
    content = (place / "1.jpg").read_bytes()
    # Orientation 6: the first row is on the right.
    tiff = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    exif = b"Exif\0\0" + tiff
    (place / "1.jpg").write_bytes(content[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + content[2:])
    _, read = next(iter(read_frames(place)))
    assert np.abs(read.astype(int) - np.rot90(picture, -1)).mean() < 2.5


def test_natural_order() -> None:
    names = ["b1", "a10", "a9", "A2", "a", "a01", "a1b", "10", "9", "a" + "9" * 40, "é1"]
    assert sorted(names, key=natural_order)[:7] == ["9", "10", "a", "a01", "a1b", "A2", "a9"]
