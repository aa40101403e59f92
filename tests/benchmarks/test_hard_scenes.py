from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from fit_avatar.capture import read_frames
from lib.hard_scenes import SCENES, WITH_OTHERS, write_scene
from lib.mask_errors import mask_errors


def load(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """First picture and mask of a clip."""
    picture = next(iter(read_frames(folder / "video.mp4", [0])))[1]
    return picture.astype(float), cv2.imread(str(folder / "masks" / "000000.png"), cv2.IMREAD_GRAYSCALE) > 127


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[np.ndarray, np.ndarray]:
    return load(write_scene(tmp_path_factory.mktemp("clips"), "plain", 0, 1, 240))


@pytest.mark.parametrize("name", [name for name in (*SCENES, *WITH_OTHERS) if name != "plain"])
def test_scenes_change_what_is_around_the_person(
    tmp_path: Path, name: str, plain: tuple[np.ndarray, np.ndarray]
) -> None:
    picture, mask = load(write_scene(tmp_path, name, 0, 1, 240))
    inside = cv2.erode((mask & plain[1]).astype(np.uint8), np.ones((7, 7))) > 0
    outside = cv2.dilate((mask | plain[1]).astype(np.uint8), np.ones((3, 3))) == 0
    change = np.abs(picture - plain[0]).mean(-1)
    assert change[inside].mean() < 6.0
    assert ((change[outside] > 10).mean() > 1e-3) == (name != "loose hair")  # but for a few compressed pixels
    assert (mask != plain[1]).any() == (name == "loose hair")


def test_a_longer_foot_is_a_positive_error() -> None:
    true = np.zeros((120, 60), bool)
    true[10:100, 20:40] = True
    longer, shorter, shifted = true.copy(), true.copy(), np.roll(true, 2, 1)
    longer[100:105, 20:40] = True
    shorter[97:] = False
    assert mask_errors(longer, true).feet_px == pytest.approx(5.0)
    assert mask_errors(shorter, true).feet_px == pytest.approx(-3.0)
    exact = mask_errors(true, true)
    assert exact.iou == 1.0 and exact.outline_px == exact.head_px == exact.feet_px == 0.0
    assert 1.5 < mask_errors(shifted, true).outline_px <= 2.0
