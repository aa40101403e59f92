from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from fit_avatar.capture.camera import camera_from, load_camera, pinhole, undistort, undistort_points
from fit_avatar.capture.types import Camera
from fit_avatar.errors import BadInputError

GOOD: dict[str, Any] = {
    "fx": 1500.0, "fy": 1500.0, "cx": 540.0, "cy": 960.0, "width": 1080, "height": 1920, "k": [0] * 5,
}  # fmt: skip


def write(folder: Path, **changes: Any) -> Path:
    data = {name: value for name, value in {**GOOD, **changes}.items() if value is not ...}
    path = folder / "camera.json"
    path.write_text(json.dumps(data))
    return path


def test_reads_a_camera(tmp_path: Path) -> None:
    camera, warnings = load_camera(write(tmp_path, k=...), 1080, 1920)
    assert (camera.fx, camera.cx, camera.width, camera.k) == (1500.0, 540.0, 1080, (0.0,) * 5)
    assert warnings == ()


def test_scales_to_a_video_of_the_same_shape(tmp_path: Path) -> None:
    camera, warnings = load_camera(write(tmp_path), 540, 960)
    assert (camera.fx, camera.cx, camera.cy, camera.width) == (750.0, 270.0, 480.0, 540)
    assert "scaled" in warnings[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fx": ...}, "lacks fx"),
        ({"fx": 4.2}, "must be in pixels, not millimetres"),
        ({"fx": -1500}, "must be in pixels"),
        ({"fx": 1e6, "fy": 1e6}, "too long"),
        ({"fx": float("nan")}, "fx must be a number"),
        ({"fx": "wide"}, "fx must be a number"),
        ({"fy": 3500}, "differ too much"),
        ({"cx": 5000}, "lies outside"),
        ({"width": 0}, "whole pixels"),
        ({"k": [1, 2]}, "distortion coefficients"),
        ({"k": "none"}, "distortion coefficients"),
        ({"k": [100] * 8}, "fold the picture over"),
        ({"k": [-0.9, 0, 0, 0, 0]}, "fold the picture over"),
        ({"width": 1920, "height": 1080, "cx": 900, "cy": 540}, "turned by 90°"),
        ({"width": 1200}, "but the video has 1080 × 1920"),
    ],
)
def test_absurd_numbers(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInputError, match=message) as caught:
        load_camera(write(tmp_path, **changes), 1080, 1920)
    assert "camera.json" in str(caught.value)


def test_unreadable_file(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"^there is no camera file .*none\.json: check the path$"):
        load_camera(tmp_path / "none.json", 10, 10)
    (tmp_path / "c.json").write_text("{")
    with pytest.raises(BadInputError, match="not readable JSON"):
        load_camera(tmp_path / "c.json", 10, 10)
    (tmp_path / "c.json").write_text("[1]")
    with pytest.raises(BadInputError, match="one JSON object"):
        load_camera(tmp_path / "c.json", 10, 10)


def test_one_number_is_enough() -> None:
    camera, warnings = camera_from(1080, 1920, fov_deg=60)
    assert camera.fx == pytest.approx(960 / math.tan(math.radians(30))) and warnings == ()
    assert camera_from(1080, 1920, focal_px=1600)[0].fy == 1600
    full_frame, _ = camera_from(3600, 2400, focal_35mm=50)
    assert full_frame.fx == pytest.approx(5000)


def test_default_says_that_it_is_a_guess() -> None:
    camera, warnings = camera_from(1080, 1920)
    assert camera.fx == pytest.approx(26 * 1.15 / math.hypot(36, 24) * math.hypot(1080, 1920))
    assert "guess" in warnings[0] and "--focal-35mm" in warnings[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fov_deg": 60, "focal_px": 900}, "give only one"),
        ({"fov_deg": 200}, "outside 5–120"),
        ({"focal_px": 4.2}, "not millimetres"),
        ({"focal_35mm": 1500}, "outside 8–600"),
    ],
)
def test_bad_options(options: dict[str, float], message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        camera_from(1080, 1920, **options)


def test_picture_and_points_are_undistorted_alike() -> None:
    camera = Camera(200, 200, 100, 80, 200, 160, k=(-0.2, 0.05, 0.001, -0.001, 0.0))
    at = np.array([[60.0, 40.0, 1.0], [150.0, 120.0, 0.5], [0.0, 0.0, 0.0]], np.float32)
    picture = np.zeros((160, 200), np.uint8)
    cv2.circle(picture, (60, 40), 3, 255, -1)
    moved = undistort(picture, camera)
    v, u = np.nonzero(moved > 127)
    points = undistort_points(at, camera)
    assert np.allclose(points[0, :2], [u.mean() + 0.0, v.mean() + 0.0], atol=0.7)
    assert points[2].tolist() == [0, 0, 0]
    assert pinhole(camera).k == (0.0,) * 5
    assert undistort(picture, pinhole(camera)) is picture


@pytest.mark.parametrize("k", [(-0.3, 0.12, 0.001, -0.0005, -0.02), (0.2, -0.5, 0.0, 0.0, 0.4), (-0.05,) + (0.0,) * 4])
def test_usual_distortions_are_accepted(tmp_path: Path, k: tuple[float, ...]) -> None:
    camera, warnings = load_camera(write(tmp_path, k=k), 1080, 1920)
    assert camera.k == k and warnings == ()
