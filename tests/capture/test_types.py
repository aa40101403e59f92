from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from fit_avatar.capture import Camera

CAMERA = Camera(500.0, 510.0, 330.0, 250.0, 640, 480, k=(0.1, 0.0, 0.0, 0.0, 0.0), source="test", focal_sigma=0.1)
POINTS = np.random.default_rng(0).uniform((-1, -1, 2), (1, 1, 4), (3, 5, 3))
PIXELS = CAMERA.project(POINTS)


def test_project_is_the_pinhole_model() -> None:
    homogeneous = POINTS @ CAMERA.intrinsics.T
    assert np.allclose(PIXELS, homogeneous[..., :2] / homogeneous[..., 2:], rtol=0, atol=1e-9)
    assert CAMERA.project(np.array([0.0, 0.0, 3.0])).tolist() == [330.0, 250.0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_project_takes_tensors_and_arrays(dtype: torch.dtype) -> None:
    points = torch.from_numpy(POINTS).to(dtype).requires_grad_()
    pixels = CAMERA.project(points)
    assert pixels.dtype == dtype and pixels.requires_grad
    array = CAMERA.project(points.detach().numpy())
    assert isinstance(array, np.ndarray) and array.dtype == points.detach().numpy().dtype
    assert np.allclose(pixels.detach().numpy(), array, rtol=1e-6)
    assert np.allclose(array, PIXELS, rtol=1e-5)


def test_points_behind_the_camera_are_finite() -> None:
    assert np.isfinite(CAMERA.project(np.array([[0.1, 0.1, 0.0], [0.1, 0.1, -2.0]]))).all()


def test_fitted_to_scales_both_axes() -> None:
    camera = CAMERA.fitted_to(320, 960)
    assert (camera.width, camera.height) == (320, 960)
    assert np.allclose(camera.project(POINTS), PIXELS * (0.5, 2.0))


@pytest.mark.parametrize("scale", [0.5, 0.3, 1.7])
def test_resized_rounds_the_sides(scale: float) -> None:
    camera = CAMERA.resized(scale)
    assert (camera.width, camera.height) == (round(640 * scale), round(480 * scale))
    assert np.allclose(camera.project(POINTS), PIXELS * (camera.width / 640, camera.height / 480))
    assert min(CAMERA.resized(1e-6).width, CAMERA.resized(1e-6).height) == 1


def test_cropped_moves_the_origin() -> None:
    camera = CAMERA.cropped(30, 40, 200, 100)
    assert (camera.width, camera.height) == (200, 100)
    assert np.allclose(camera.project(POINTS), PIXELS - (30, 40))


def test_zoomed_scales_about_the_principal_point() -> None:
    camera = CAMERA.zoomed(1.2)
    assert np.allclose(camera.project(POINTS) - (330, 250), 1.2 * (PIXELS - (330, 250)))
    assert replace(camera, fx=CAMERA.fx, fy=CAMERA.fy) == CAMERA  # nothing else changes
