from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from cardboard import HEIGHT, WIDTH, person, write_masks, write_video

from fit_avatar.capture.masks import GivenMasks
from fit_avatar.errors import BadInputError

SHAPES = [person(float(i))[0] for i in range(5)]


def test_folder_of_png(tmp_path: Path) -> None:
    masks = GivenMasks(write_masks(tmp_path / "m", SHAPES), WIDTH, HEIGHT, 5).read([1, 3])
    assert list(masks) == [1, 3]
    assert (masks[3] == SHAPES[3]).all()


def test_video(tmp_path: Path) -> None:
    pictures = [np.repeat(m[..., None].astype(np.uint8) * 255, 3, axis=2) for m in SHAPES]
    path = write_video(tmp_path / "m.mp4", pictures)
    masks = GivenMasks(path, WIDTH, HEIGHT, 5).read([0, 4])
    assert (masks[4] == SHAPES[4]).mean() > 0.99


def test_threshold_is_127(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    cv2.imwrite(str(tmp_path / "m" / "0.png"), np.array([[127, 128]], np.uint8))
    assert GivenMasks(tmp_path / "m", 2, 1, 1).read([0])[0].tolist() == [[False, True]]


def test_wrong_size(tmp_path: Path) -> None:
    masks = GivenMasks(write_masks(tmp_path / "m", SHAPES), HEIGHT, WIDTH, 5)
    with pytest.raises(BadInputError, match=r"mask_0000\.png has 96 × 128 pixels but the picture has 128 × 96"):
        masks.read([0])


def test_wrong_count(tmp_path: Path) -> None:
    folder = write_masks(tmp_path / "m", SHAPES)
    with pytest.raises(BadInputError, match=r"holds 5 masks .* but the video has 30 frames"):
        GivenMasks(folder, WIDTH, HEIGHT, 30)


def test_unreadable(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"^there are no masks .*none: check the path$"):
        GivenMasks(tmp_path / "none", 1, 1, 1)
    folder = write_masks(tmp_path / "m", SHAPES)
    (folder / "mask_0002.png").write_text("hello")
    with pytest.raises(BadInputError, match=r"mask_0002\.png is a text file, not a picture"):
        GivenMasks(folder, WIDTH, HEIGHT, 5).read([2])


def write(folder: Path, pictures: list[np.ndarray], name: str = "{:06d}.png", first: int = 0) -> Path:
    folder.mkdir()
    for k, picture in enumerate(pictures):
        cv2.imwrite(str(folder / name.format(k + first)), picture)
    return folder


def rgba(mask: np.ndarray) -> np.ndarray:
    picture = np.full((*mask.shape, 4), 40, np.uint8)  # dark clothes
    picture[..., 3] = mask * 255
    picture[~mask, :3] = 0
    return picture


def classes(mask: np.ndarray) -> np.ndarray:
    numbers = mask.astype(np.uint8)
    numbers[60:] *= 9
    numbers[100:][numbers[100:] > 0] = 18
    return numbers


def soft(mask: np.ndarray) -> np.ndarray:
    return (cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.2) * 255).astype(np.uint8)


KINDS = {
    "0 and 1": (lambda mask: mask.astype(np.uint8), "numbers of classes or objects"),
    "classes of human parsing": (classes, "numbers of classes or objects"),
    "classes in grey colours": (lambda mask: classes(mask) * 7, "numbers of classes or objects"),
    "a palette's dark red": (lambda mask: mask[..., None].astype(np.uint8) * (0, 0, 100), "colours"),
    "16 bits": (lambda mask: mask.astype(np.uint16) * 65535, ""),
    "white on black, of three channels": (lambda mask: np.repeat(mask[..., None] * np.uint8(255), 3, 2), ""),
    "soft": (soft, ""),
    "inverted": (lambda mask: (~mask).astype(np.uint8) * 255, "white is the background"),
    "transparent": (rgba, "alpha is the mask"),
    "half the size": (lambda mask: cv2.resize(mask.astype(np.uint8) * 255, (WIDTH // 2, HEIGHT // 2)), "were scaled"),
    "twice the size": (lambda mask: cv2.resize(mask.astype(np.uint8) * 255, (WIDTH * 2, HEIGHT * 2)), "were scaled"),
}


@pytest.mark.parametrize(("make", "note"), KINDS.values(), ids=KINDS)
def test_values_of_other_programs(tmp_path: Path, make: Callable[[np.ndarray], np.ndarray], note: str) -> None:
    masks = GivenMasks(write(tmp_path / "m", [make(mask) for mask in SHAPES]), WIDTH, HEIGHT, 5)
    for k, mask in masks.read(list(range(5))).items():
        assert (mask & SHAPES[k]).sum() / (mask | SHAPES[k]).sum() > (0.9 if "scaled" in note else 0.97)
    assert (note in " ".join(masks.warnings)) if note else masks.warnings == ()


def test_colours_up_to_the_border_are_refused(tmp_path: Path) -> None:
    picture = np.full((HEIGHT, WIDTH, 3), (90, 160, 60), np.uint8)
    with pytest.raises(
        BadInputError, match=r"the masks .*m are coloured pictures whose background is one colour .* and not black"
    ):
        GivenMasks(write(tmp_path / "m", [picture] * 5), WIDTH, HEIGHT, 5)


@pytest.mark.parametrize(
    ("name", "first", "note"),
    [
        ("{:06d}.png", 1, "count frames from 1"),
        ("{:06d}_1.png", 0, ""),
        ("clip2_{:d}.png", 0, ""),
        ("mask_{:04d}.PNG", 0, ""),
        ("{:06d}.jpg", 0, ""),
    ],
)
def test_names(tmp_path: Path, name: str, first: int, note: str) -> None:
    pictures = [mask.astype(np.uint8) * 255 for mask in SHAPES]
    masks = GivenMasks(write(tmp_path / "m", pictures, name, first), WIDTH, HEIGHT, 5)
    assert all((mask == SHAPES[k]).mean() > 0.99 for k, mask in masks.read(list(range(5))).items())
    assert sorted(masks.indices) == list(range(5)) and not masks.is_sparse
    assert (note in " ".join(masks.warnings)) if note else masks.warnings == ()


def test_several_objects_per_frame_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "m", [SHAPES[0].astype(np.uint8)], "000000_1.png")
    for name in ("000000_2.png", "000001_1.png", "000001_2.png"):
        (folder / name).write_bytes((folder / "000000_1.png").read_bytes())
    with pytest.raises(BadInputError, match="are both for frame"):
        GivenMasks(folder, WIDTH, HEIGHT, 2)


def test_masks_of_some_frames(tmp_path: Path) -> None:
    folder = write(tmp_path / "m", [mask.astype(np.uint8) * 255 for mask in SHAPES])
    for k in (4, 3, 2, 1):
        (folder / f"{k:06d}.png").rename(folder / f"{5 * k:06d}.png")
    masks = GivenMasks(folder, WIDTH, HEIGHT, 25)
    assert masks.indices == {0, 5, 10, 15, 20} and masks.is_sparse
    assert "for 5 of 25 frames; only those are used" in masks.warnings[0]
    assert (masks.read([5, 6])[5] == SHAPES[1]).all()
