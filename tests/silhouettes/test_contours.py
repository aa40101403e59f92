"""Outlines, tangent planes and matches on a disc and a sphere, where the truth is known."""

import numpy as np
import pytest
import torch

from fit_avatar.capture import Camera
from fit_avatar.silhouettes import away_from, extract_contours, match_contours, tangent_planes

CAMERA = Camera(600.0, 600.0, 100.0, 100.0, 200, 200)


def disc(centre=(100.0, 100.0), radius=50.3, size=200):
    y, x = np.mgrid[:size, :size] + 0.5
    return (x - centre[0]) ** 2 + (y - centre[1]) ** 2 < radius**2


def test_contour_of_a_disc_is_sub_pixel():
    contours = extract_contours(disc()[None], 300)
    centre = torch.tensor([100.0, 100.0])
    radius = (contours.points[0] - centre).norm(dim=-1)
    assert contours.weights.min() == 1
    assert radius.mean().item() == pytest.approx(50.3, abs=0.1)
    assert radius.std().item() < 0.25
    outward = torch.nn.functional.normalize(contours.points[0] - centre, dim=-1)
    assert (outward * contours.normals[0]).sum(-1).min() > 0.97


def test_holes_have_outlines_too():
    ring = disc() & ~disc(radius=20.0)
    radius = (extract_contours(ring[None], 400).points[0] - 100).norm(dim=-1)
    assert ((radius - 20).abs() < 1).any() and ((radius - 50.3).abs() < 1).any()


def test_empty_and_cut_masks_carry_no_weight():
    empty = np.zeros((1, 200, 200), bool)
    assert extract_contours(empty, 10).weights.sum() == 0
    cut = extract_contours(disc(centre=(10.0, 100.0))[None], 300)
    at_border = cut.points[0, :, 0] < 2
    assert at_border.any() and cut.weights[0, at_border].max() == 0


def test_tangent_planes_touch_what_projects_to_the_outline():
    torch.manual_seed(0)
    points = torch.randn(20, 3) * 0.2 + torch.tensor([0.0, 0.0, 3.0])
    normals = torch.nn.functional.normalize(torch.randn(20, 2), dim=-1)
    planes = tangent_planes(CAMERA.project(points), normals, CAMERA)
    assert (planes * points).sum(-1).abs().max() < 1e-5
    outside = points + torch.cat([0.01 * normals, torch.zeros(20, 1)], -1)
    assert (planes * outside).sum(-1).min() > 0


def test_matches_are_on_the_rim_and_agree_in_direction():
    torch.manual_seed(0)
    normals = torch.nn.functional.normalize(torch.randn(4000, 3), dim=-1)
    vertices = normals * 0.25 + torch.tensor([0.0, 0.0, 3.0])
    contours = extract_contours(disc(radius=600 * 0.25 / 3.0)[None], 100)
    pixels = CAMERA.project(vertices)
    matches = match_contours(pixels[None], vertices[None], normals[None], contours, torch.tensor([10.0]), 600)
    assert matches.weights.min() == 1
    chosen = matches.vertices[0]
    view = torch.nn.functional.normalize(vertices[chosen], dim=-1)
    assert (normals[chosen] * view).sum(-1).abs().max() < 0.3
    assert (pixels[chosen] - contours.points[0]).norm(dim=-1).max() < 6
    far = match_contours(pixels[None] + 100, vertices[None], normals[None], contours, torch.tensor([10.0]), 600)
    assert far.weights.max() == 0


def test_outlines_beside_others_say_nothing() -> None:
    masks, others = np.zeros((2, 100, 120), bool), np.zeros((2, 50, 60), bool)
    masks[:, 20:80, 30:60] = True
    others[0, 10:40, 30:45] = True  # right of the person, at half the size
    found = extract_contours(masks, 80)
    kept = away_from(found, masks, others)
    right = found.points[..., 0] > 57
    assert (kept.weights[0][right[0] & (found.points[0, :, 1].sub(50).abs() < 28)] == 0).all()
    assert (kept.weights[0][found.points[0, :, 0] < 40] == found.weights[0][found.points[0, :, 0] < 40]).all()
    assert torch.equal(kept.weights[1], found.weights[1])
