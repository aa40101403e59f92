from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cardboard import HEIGHT, WIDTH, frame, person, write_masks, write_openpose, write_video

from fit_avatar.capture.alignment import Alignment, align
from fit_avatar.capture.camera import camera_from
from fit_avatar.capture.observe import observe
from fit_avatar.errors import BadInputError

SIZE = (4 * WIDTH, 4 * HEIGHT)
SHIFTS = (-20.0, 0.0, 15.0, 30.0)


def clip(change: Alignment) -> tuple[dict[int, np.ndarray], dict[int, np.ndarray]]:
    frames = [person(shift, *SIZE) for shift in SHIFTS]
    points = {k: change.apply(p) for k, (_, p) in enumerate(frames)}
    return points, {k: mask for k, (mask, _) in enumerate(frames)}


@pytest.mark.parametrize("factor", [2.0, 0.5, 368 / SIZE[1], 1920 / SIZE[0], 1.0])
@pytest.mark.parametrize("y_first", [False, True])
def test_the_change_is_found(factor: float, y_first: bool) -> None:
    points, masks = clip(Alignment(factor, y_first))
    found = align(points, masks, SIZE, "keypoints") or Alignment()
    assert found.factor * factor == pytest.approx(1.0, abs=0.01) and found.y_first == y_first


def test_points_on_other_people_are_left() -> None:
    points, masks = clip(Alignment())
    moved = {k: p + np.array([120, 0, 0], np.float32) for k, p in points.items()}
    assert align(moved, masks, SIZE, "keypoints") is None
    assert align(points, {}, SIZE, "keypoints") is None
    assert align(points, {k: np.zeros_like(m) for k, m in masks.items()}, SIZE, "keypoints") is None


def test_a_factor_that_nothing_explains() -> None:
    points, masks = clip(Alignment(1 / 7))
    with pytest.raises(
        BadInputError, match=r"the keypoints here\.json lie on the person only if they are multiplied by"
    ):
        align(points, masks, SIZE, "here.json")


def test_observe_puts_them_right_and_says_so(tmp_path: Path) -> None:
    shifts = [float(s) for s in range(-12, 12, 2)]
    video = write_video(tmp_path / "clip.mp4", [frame(s) for s in shifts])
    masks = write_masks(tmp_path / "masks", [person(s)[0] for s in shifts])
    camera, _ = camera_from(WIDTH, HEIGHT, focal_px=150)
    half = [[person(s)[1] * np.array([0.5, 0.5, 1], np.float32)] for s in shifts]
    capture = observe(video, camera=camera, keypoints=write_openpose(tmp_path / "half", half), masks=masks)
    assert np.allclose(capture.keypoints[3], person(shifts[3])[1], atol=1e-2)
    assert "multiplied by 2; only then" in capture.warnings[0]
    elsewhere = [[person(s)[1] + np.array([35, 0, 0], np.float32)] for s in shifts]
    with pytest.raises(
        BadInputError,
        match=r"the keypoints in .*else lie on the masks in .*masks only if they are moved by about 3\d pixels left",
    ):
        observe(video, camera=camera, keypoints=write_openpose(tmp_path / "else", elsewhere), masks=masks)
