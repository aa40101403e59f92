"""Light that falls on points that turn, each of another colour, in frames of uneven exposure."""

import numpy as np
import torch
from torch import Tensor

from fit_avatar.appearance.log_light import LogLight, estimate_log_light

TRUE = torch.tensor([0.3, -0.35, 0.1, 0.05, 0.1, -0.05, 0.08, 0.06])


def turning_points(frames: int = 20, points: int = 300) -> Tensor:
    """Unit normals of points that turn about the vertical and sway a little. [T, N, 3]"""
    generator = np.random.default_rng(0)
    normals = generator.normal(size=(points, 3))
    found = []
    for angle, lean in zip(np.linspace(0, 2 * np.pi, frames), generator.normal(0, 0.1, frames), strict=True):
        c, s = np.cos(angle), np.sin(angle)
        turned = normals @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]).T
        c, s = np.cos(lean), np.sin(lean)
        found.append(turned @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]]).T)
    return torch.from_numpy(np.stack(found) / np.linalg.norm(normals, axis=1)[:, None]).float()


def test_light_and_exposure_come_back_although_colours_are_unknown() -> None:
    normals, generator = turning_points(), np.random.default_rng(1)
    exposure = torch.from_numpy(generator.normal(0, 0.05, len(normals))).float()
    albedo = torch.from_numpy(generator.normal(4, 0.5, normals.shape[1])).float()
    true = LogLight(TRUE, exposure)
    brightness = albedo + exposure[:, None] + true.at(normals)
    brightness[3, :20] -= 1.0  # a shadow
    weight = (normals[..., 2] < -0.2).float()
    found = estimate_log_light(brightness, normals, weight)
    seen = normals[weight > 0]
    assert np.corrcoef(found.at(seen), true.at(seen))[0, 1] > 0.95
    assert np.corrcoef(found.exposure, exposure)[0, 1] > 0.9


def test_the_gradient_is_that_of_its_differences() -> None:
    normals = torch.randn(50, 3, generator=torch.Generator().manual_seed(2))
    normals /= normals.norm(dim=1, keepdim=True)
    light = LogLight(TRUE, torch.zeros(1))
    gradient = light.gradient(normals)
    np.testing.assert_allclose((gradient * normals).sum(1), 0, atol=1e-6)
    tangent = torch.linalg.cross(normals, torch.tensor([0.3, 0.5, 0.8]).expand_as(normals))
    ahead, behind = (light.at(normals + sign * 0.01 * tangent) for sign in (1, -1))
    np.testing.assert_allclose((gradient * tangent).sum(1), (ahead - behind) / 0.02, atol=1e-3)


def test_without_samples_there_is_no_light() -> None:
    nothing = estimate_log_light(torch.zeros(4, 10), turning_points(4, 10), torch.zeros(4, 10))
    assert not nothing.coefficients.any() and not nothing.exposure.any()
