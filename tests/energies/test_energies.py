"""Every term: zero at the truth, shapes, and derivatives against finite differences in float64."""

import math

import pytest
import torch

from fit_avatar import energies
from fit_avatar.body import rotation
from fit_avatar.capture import Camera
from fit_avatar.silhouettes import project

CAMERA = Camera(500.0, 510.0, 320.0, 240.0, 640, 480)


def points(frames: int, count: int) -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randn(frames, count, 3, dtype=torch.float64) * 0.3 + torch.tensor([0.0, 0.0, 3.0])


def unit(*shape: int) -> torch.Tensor:
    torch.manual_seed(2)
    return torch.nn.functional.normalize(torch.randn(*shape, dtype=torch.float64), dim=-1)


@pytest.mark.parametrize("frames", [1, 4])
def test_image_terms_vanish_at_the_truth(frames):
    x = points(frames, 7)
    pixels = project(x, CAMERA)
    keypoints = energies.keypoint_reprojection(x, pixels, CAMERA)
    outline = energies.contour_distance(x, pixels, unit(frames, 7, 2), CAMERA)
    assert keypoints.shape == (frames, 7, 2) and outline.shape == (frames, 7)
    assert keypoints.abs().max() == 0 and outline.abs().max() == 0


def test_image_terms_have_right_derivatives():
    x = points(2, 3).requires_grad_()
    pixels, normals = project(x.detach(), CAMERA) + 3, unit(2, 3, 2)
    assert torch.autograd.gradcheck(lambda p: energies.keypoint_reprojection(p, pixels, CAMERA), x)
    assert torch.autograd.gradcheck(lambda p: energies.contour_distance(p, pixels, normals, CAMERA), x)


def test_contour_distance_counts_pixels_outward():
    x = torch.tensor([[[0.1, 0.0, 2.0]]], dtype=torch.float64)
    contour = project(x, CAMERA) - torch.tensor([4.0, 0.0])
    normal = torch.tensor([[[1.0, 0.0]]], dtype=torch.float64)
    assert energies.contour_distance(x, contour, normal, CAMERA).item() == pytest.approx(4.0)


def test_pose_deviation_is_the_angle_between():
    mean = rotation.exp(unit(5, 3))
    turned = mean @ rotation.exp(torch.tensor([0.0, 0.2, 0.0], dtype=torch.float64))
    assert energies.pose_deviation(mean[None], mean).abs().max() < 1e-7
    torch.testing.assert_close(
        energies.pose_deviation(turned[None], mean)[0].norm(dim=-1), torch.full((5,), 0.2).double()
    )


def test_even_turning_has_no_acceleration_whatever_the_spacing():
    times = torch.tensor([0.0, 1.0, 2.0, 4.0, 5.0], dtype=torch.float64)
    angles = torch.stack([torch.zeros(5), 0.1 * times, torch.zeros(5)], -1).double()
    steps = times[1:] - times[:-1]
    assert energies.rotation_acceleration(rotation.exp(angles)[:, None], steps).abs().max() < 1e-9
    assert energies.translation_acceleration(angles, steps).abs().max() < 1e-9
    angles[2, 1] += 0.05
    assert energies.rotation_acceleration(rotation.exp(angles)[:, None], steps).abs().max() > 0.05


def test_rotation_terms_have_right_derivatives():
    start, mean = rotation.exp(0.3 * unit(4, 2, 3)), rotation.exp(0.2 * unit(2, 3))
    omega = (0.01 * unit(4, 2, 3)).requires_grad_()
    steps = torch.ones(3, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda w: energies.pose_deviation(start @ rotation.exp(w), mean), omega)
    assert torch.autograd.gradcheck(lambda w: energies.rotation_acceleration(start @ rotation.exp(w), steps), omega)


def test_shape_terms():
    box = torch.tensor([[0.0, 0.0, 0.0], [0.3, 1.8, 0.1]], dtype=torch.float64)
    assert energies.stature(box, 1.8).item() == pytest.approx(0)
    assert energies.stature(box, 1.7).item() == pytest.approx(0.1)
    betas = torch.tensor([1.0, -2.0])
    assert torch.equal(energies.shape_prior(betas), betas)


def test_plane_distance_is_metric_and_signed():
    planes, shift = torch.tensor([[0.0, 0.0, 1.0]]), torch.tensor([-2.0])
    assert energies.plane_distance(torch.tensor([[5.0, 5.0, 2.01]]), planes, shift).item() == pytest.approx(
        0.01, abs=1e-6
    )


def test_surface_terms_vanish_where_they_should():
    mirror = torch.tensor([1, 0])
    even = torch.tensor([[0.1, 0.2, 0.3], [-0.1, 0.2, 0.3]])
    assert energies.symmetry(even, mirror).abs().max() == 0
    assert energies.symmetry(even * torch.tensor([[1.0, 1.0, 1.0], [2.0, 1.0, 1.0]]), mirror).abs().max() > 0
    operator = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).to_sparse()
    assert energies.laplacian(torch.ones(2, 3), operator).abs().max() == 0
    assert torch.equal(energies.offset_prior(even), even)


def test_geman_mcclure_is_bounded_and_its_weight_is_its_derivative():
    kernel = energies.GemanMcClure(2.0)
    squared = torch.tensor([0.0, 1.0, 1e9], dtype=torch.float64, requires_grad=True)
    value = kernel(squared)
    assert value[0].item() == 0 and value[2].item() == pytest.approx(4.0, rel=1e-6)
    (slope,) = torch.autograd.grad(value.sum(), squared)
    torch.testing.assert_close(kernel.weight(squared), slope)
    assert math.isclose(kernel.weight(squared)[0].item(), 1.0)
