"""Agreement of masks and pictures, on cases computed by hand."""

import math

import numpy as np
import pytest

from fit_avatar.evaluate import iou, psnr, ssim


def test_iou_of_shifted_squares() -> None:
    a, b = np.zeros((20, 20), bool), np.zeros((20, 20), np.uint8)
    a[5:15, 5:15], b[5:15, 10:20] = True, 255
    assert iou(a, b) == pytest.approx(50 / 150)
    assert iou(a, a) == 1.0
    assert iou(a, np.zeros_like(a)) == 0.0
    assert iou(np.zeros_like(a), np.zeros_like(a)) == 1.0


def test_psnr_of_a_constant_error() -> None:
    truth = np.full((8, 8, 3), 100, np.uint8)
    assert psnr(truth, truth) == math.inf
    assert psnr(truth + 10, truth) == pytest.approx(20 * math.log10(25.5))
    assert psnr(truth - 100, truth) == pytest.approx(20 * math.log10(2.55))  # unsigned values do not wrap
    half = np.zeros((8, 8), bool)
    half[:4] = True
    spoilt = truth.copy()
    spoilt[4:] = 0
    assert psnr(spoilt, truth, half) == math.inf


def test_ssim_of_brightness_alone() -> None:
    """Flat images differ only in the first factor: (2 a b + c1) / (a² + b² + c1)."""
    a, b, c1 = 100.0, 150.0, (0.01 * 255) ** 2
    flat = np.full((32, 32), a)
    assert ssim(flat, np.full((32, 32), b)) == pytest.approx((2 * a * b + c1) / (a * a + b * b + c1))
    assert ssim(flat, flat) == pytest.approx(1.0)


def test_ssim_falls_with_noise_and_only_under_the_mask() -> None:
    rng = np.random.default_rng(0)
    truth = rng.uniform(0, 255, (48, 64, 3))
    noisy = truth + rng.normal(0, 20, truth.shape)
    assert 0.5 < ssim(noisy, truth) < 0.999
    assert ssim(255 - truth, truth) < 0
    mask = np.zeros((48, 64), bool)
    mask[:, :20] = True
    half = truth.copy()
    half[:, 40:] = 0
    assert ssim(half, truth, mask) == pytest.approx(1.0)


def test_different_shapes_raise() -> None:
    for metric in (iou, psnr, ssim):
        with pytest.raises(ValueError, match=r"one is \(2, 2\) and the other \(3, 2\)"):
            metric(np.zeros((2, 2)), np.zeros((3, 2)))
