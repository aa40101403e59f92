"""A crop gives back the colours of the frame, and blurred ones of the person alone."""

import cv2
import numpy as np
import torch

from fit_avatar.appearance.person_crop import PersonCrop, as_bytes, sample

SIDE = 120
MASK = np.zeros((SIDE, SIDE), bool)
MASK[20:110, 40:80] = True
y, x = np.mgrid[:SIDE, :SIDE]
FRAME = np.stack([x * 2, y * 2, 120 + 60 * np.sin(x / 6)], -1).astype(np.uint8)  # blue, green, red


def places(count: int = 500) -> torch.Tensor:
    inner = np.random.default_rng(0).uniform([45, 25], [75, 105], (count, 2))
    return torch.from_numpy(inner.astype(np.float32))


def test_samples_are_those_of_opencv() -> None:
    at, image = places(), torch.from_numpy(FRAME)
    column, row = (at.numpy() - 0.5).T
    for how, flag in (("bilinear", cv2.INTER_LINEAR), ("bicubic", cv2.INTER_CUBIC)):
        expected = cv2.remap(FRAME, column[None], row[None], flag)[0]
        assert np.abs(as_bytes(sample(image, at, how)).numpy().astype(int) - expected).max() <= 2


def test_colours_are_red_first_and_move_with_the_flow() -> None:
    crop, at = PersonCrop.of(FRAME, MASK, "cpu"), places()
    colours = crop.colours_at(at)
    torch.testing.assert_close(colours[:, 2], 2 * (at[:, 0] - 0.5), rtol=0, atol=0.1)
    torch.testing.assert_close(colours[:, 1], 2 * (at[:, 1] - 0.5), rtol=0, atol=0.1)
    shift = torch.tensor([3.0, -2.0])
    moved = PersonCrop(
        crop.image, crop.blurred, crop.sharpness, crop.left, crop.top, shift.expand(4, 2, 2).contiguous()
    )
    torch.testing.assert_close(moved.colours_at(at), crop.colours_at(at + shift), rtol=0, atol=1e-2)


def test_the_background_is_not_in_blurred_colours() -> None:
    frame = np.where(MASK[..., None], 200, 0).astype(np.uint8).repeat(3, 2)
    crop = PersonCrop.of(frame, MASK, "cpu")
    assert crop.blurred_at(places()).min() > 195
