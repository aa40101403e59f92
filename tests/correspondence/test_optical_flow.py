"""A shift that is known is found again, unless it is unbelievable."""

import cv2
import numpy as np

from fit_avatar.correspondence.optical_flow import residual_flow, warp


def blobs(shift: tuple[float, float]) -> np.ndarray:
    noise = np.random.default_rng(0).uniform(0, 255, (200, 120)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3)
    smooth = (smooth - smooth.min()) / np.ptp(smooth) * 255
    moved = cv2.warpAffine(smooth, np.float32([[1, 0, shift[0]], [0, 1, shift[1]]]), (120, 200))
    return np.repeat(moved[..., None], 3, 2).astype(np.uint8)


def test_a_shift_is_found_and_undone() -> None:
    inside = np.zeros((200, 120), bool)
    inside[10:190, 10:110] = True
    ours, theirs = blobs((0, 0)), blobs((2, -1))
    flow = residual_flow(ours, inside, theirs, inside)
    np.testing.assert_allclose(np.median(flow[40:160, 30:90], axis=(0, 1)), [2, -1], atol=0.3)
    middle = (slice(40, 160), slice(30, 90))
    before, after = (np.abs(ours[middle].astype(int) - image[middle]).mean() for image in (theirs, warp(theirs, flow)))
    assert after < 0.3 * before


def test_an_unbelievable_shift_is_left_alone() -> None:
    inside = np.ones((200, 120), bool)
    flow = residual_flow(blobs((0, 0)), inside, blobs((30, 0)), inside)
    assert np.abs(flow).max() < 8
    assert (residual_flow(blobs((0, 0)), inside, blobs((0, 0)), inside) == 0).all()
