"""Light, exposure and albedo are told apart; outliers are left out of means."""

import numpy as np
import torch

from fit_avatar.appearance.light import Light, estimate_light
from fit_avatar.appearance.robust_mean import robust_mean


def estimated(*samples: np.ndarray) -> tuple[Light, np.ndarray]:
    """Return light and gains that arrays of colours, normals and weights tell of."""
    light, gains = estimate_light(*(torch.from_numpy(each) for each in samples))
    return light, gains.numpy()


def lit_sphere(gains: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, Light]:
    """Colours and normals [T, V, 3] and weights [T, V] of points that turn under a fixed light."""
    generator = np.random.default_rng(0)
    normal = generator.normal(size=(400, 3))
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    angle = np.linspace(0, 2 * np.pi, len(gains), endpoint=False)
    turn = np.zeros((len(gains), 3, 3))
    turn[:, 0, 0] = turn[:, 2, 2] = np.cos(angle)
    turn[:, 0, 2], turn[:, 2, 0], turn[:, 1, 1] = np.sin(angle), -np.sin(angle), 1
    normals = np.einsum("tij,vj->tvi", turn, normal).astype(np.float32)
    coefficients = Light.uniform().coefficients
    coefficients[1:5] = np.array([[0.2], [-0.1], [-0.25], [0.05]])
    light = Light(coefficients)
    colours = generator.uniform(40, 160, (1, 400, 3)) * light.shading(normals) * gains[:, None]
    return colours.astype(np.float32), normals, (normals[..., 2] < -0.1).astype(np.float32), light


def test_light_is_told_from_albedo() -> None:
    colours, normals, weight, light = lit_sphere(np.ones((24, 1)))
    found, gains = estimated(colours, normals, weight)
    ratio = np.where(weight[..., None] > 0, found.shading(normals) / light.shading(normals), np.nan)
    # what falls from above is the same at every yaw, so it stays in the albedo: one factor for each point
    seen = ~np.isnan(ratio).all((0, 2))
    ratio = ratio[:, seen]
    np.testing.assert_array_less(np.abs(ratio / np.nanmean(ratio, axis=0) - 1)[~np.isnan(ratio)], 0.05)
    even = np.where(weight[..., None] > 0, light.shading(normals), np.nan)[:, seen]
    assert np.nanstd(even / np.nanmean(even, axis=0)) > 4 * np.nanstd(ratio / np.nanmean(ratio, axis=0))
    np.testing.assert_allclose(gains, 1, atol=0.02)


def test_gains_undo_exposure() -> None:
    true = 1 + 0.12 * np.random.default_rng(1).uniform(-1, 1, (24, 3))
    colours, normals, weight, _ = lit_sphere(true)
    product = estimated(colours, normals, weight)[1] * true
    np.testing.assert_allclose(product / product.mean(0), 1, atol=0.03)


def test_one_picture_tells_nothing_about_the_light() -> None:
    colours, normals, weight, _ = lit_sphere(np.ones((1, 1)))
    light, gains = estimated(colours, normals, weight)
    np.testing.assert_allclose(light.coefficients, Light.uniform().coefficients, atol=1e-3)
    np.testing.assert_allclose(gains, 1)
    assert (estimated(colours, normals, 0 * weight)[1] == 1).all()


def test_merging_leaves_an_outlier_out() -> None:
    colours = torch.full((6, 3, 5), 100.0)
    colours[2] = 230
    np.testing.assert_allclose(robust_mean(colours, torch.ones(6, 5)), 100, atol=4)
    assert (robust_mean(colours, torch.zeros(6, 5)) == 0).all()
