"""A brim is an outline that looks down above the eyes: hats have one, heads and hair that hangs have none."""

import cv2
import numpy as np
import pytest
import torch

from fit_avatar.silhouettes import extract_contours, has_brim

FRAMES = 5


def person(brim_px=0, ponytail=False):
    """Return points and outlines of frames with a head (eyes at row 60), a hat's brim above the eyes, hair behind."""
    mask = np.zeros((300, 200), np.uint8)
    cv2.ellipse(mask, (100, 60), (22, 30), 0, 0, 360, 1, -1)
    mask[80:220, 85:115] = 1
    mask[110:220, 60:140] = 1
    if brim_px:
        mask[44:50, 78 - brim_px : 122 + brim_px] = 1
    if ponytail:
        mask[52:60, 118:140], mask[52:150, 132:140] = 1, 1
    at = torch.tensor([[100.0, 60.0, 1.0]])
    eyes_and_ears, neck, hips = at.expand(FRAMES, 4, 3), torch.tensor([100.0, 100, 1]), torch.tensor([100.0, 200, 1])
    outlines = extract_contours(mask[None].astype(bool).repeat(FRAMES, 0), 600)
    return eyes_and_ears, neck.expand(FRAMES, 3), hips.expand(FRAMES, 3), outlines


@pytest.mark.parametrize(("brim_px", "worn"), [(0, False), (12, True)])
def test_a_hat_has_a_brim_and_a_head_has_none(brim_px, worn):
    assert has_brim(*person(brim_px)).item() == worn


def test_a_ponytail_is_none():
    assert not has_brim(*person(ponytail=True))


def test_it_must_be_seen_in_enough_frames():
    eyes_and_ears, *others = person(12)
    unseen = eyes_and_ears.clone()
    unseen[1:, :, 2] = 0.1
    assert not has_brim(unseen, *others)
