"""Ways from vertices to outline points across a gap: a neck with a ponytail behind it, seen from the side."""

import numpy as np
import pytest
import torch

from fit_avatar.silhouettes import crosses_outline, extract_contours


def side_view(gap=True):
    """Return the outline of a neck (x from 60 to 120) with a ponytail (140 to 160) that is tied at the top."""
    mask = np.zeros((200, 200), bool)
    mask[20:180, 60:120] = True
    mask[20:180, 140:160] = True
    mask[20 : 180 if not gap else 40, 60:160] = True
    return extract_contours(mask[None], 400)


def crossed(contours, edge, normal, start):
    """Return which ways cross, from one column to the outline points of an edge that faces left or right."""
    points = contours.points[0]
    own = (points[:, 0] - edge).abs().lt(2) & (contours.normals[0, :, 0] * normal > 0.9)
    own = own & (points[:, 1] > 60) & (points[:, 1] < 160)
    assert own.sum() > 10
    pixels = torch.stack([torch.full_like(points[:, 0], start), points[:, 1]], -1)
    return crosses_outline(pixels[None], contours, own[None])[0, own]


@pytest.mark.parametrize(("edge", "normal", "start"), [(140, -1, 100.0), (160, 1, 110.0)])
def test_ways_to_a_ponytail_cross_the_gap(edge, normal, start):
    assert crossed(side_view(), edge, normal, start).all()


@pytest.mark.parametrize("start", [100.0, 135.0])
def test_ways_to_the_neck_s_own_outline_do_not(start):
    assert not crossed(side_view(), 120, 1, start).any()


def test_without_a_gap_nothing_is_crossed():
    assert not crossed(side_view(gap=False), 160, 1, 110.0).any()


def test_what_is_not_asked_crosses_nothing():
    contours = side_view()
    nothing = torch.zeros_like(contours.weights, dtype=torch.bool)
    assert not crosses_outline(torch.full_like(contours.points, 100.0), contours, nothing).any()
