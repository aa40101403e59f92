from __future__ import annotations

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
    with pytest.raises(BadInputError, match=r"mask_0002\.png cannot be read as an image"):
        GivenMasks(folder, WIDTH, HEIGHT, 5).read([2])
