"""The light of the clip: it stands still while the person turns, so colour that changes with the normal is light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from fit_avatar.body.operators import smoothed

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class LightConfig:
    """How light and exposures are estimated. All values were chosen by hand."""

    normal_rounds: int = 4
    """Rounds of smoothing of the normals over the mesh before they are lit: the small bumps of the fitted surface are
    not the person's."""
    rounds: int = 8
    """Alternations between albedo, light and exposure."""
    max_samples: int = 150_000
    """Number of samples, about, that light and exposures are estimated from, spread evenly over the surface; more take
    longer."""
    max_log_gain: float = 0.3
    """Largest change of a frame's exposure from the clip's geometric mean, as a logarithm."""
    flatness: float = 1e-3
    """Weight of the prior towards uniform light, relative to the data: it decides only where the data do not."""
    steadiness: float = 0.05
    """Weight of the prior of each frame's exposure towards the clip's mean, relative to the data."""
    min_shading: float = 0.2
    """Lower bound of the shading, relative to the mean light: albedo cannot be told in deeper shade."""
    sigma: float = 20.0
    """Scale of the Geman–McClure kernel, in grey levels of 255: samples that differ by much more from the model (cast
    shadows, highlights) hardly count."""
    min_cosine: float = 1e-3
    """Least weight of a frame in a point's mean shading, so that points that face no camera have one."""


LIGHT = LightConfig()


@dataclass(frozen=True)
class Light:
    """Distant light on a surface, by its normal: spherical harmonics up to degree 2, in camera coordinates.

    Nine numbers per colour channel describe diffuse light to about 1 % (Ramamoorthi and Hanrahan 2001, section 2).
    """

    coefficients: FloatArray  # [9, 3]; the first row is 1, so albedos have the brightness of the pictures
    min_shading: float = LIGHT.min_shading

    @classmethod
    def uniform(cls) -> Light:
        """Return light that is the same from everywhere."""
        coefficients = np.zeros((9, 3), np.float32)
        coefficients[0] = 1
        return cls(coefficients)

    def shading(self, normals: FloatArray) -> FloatArray:
        """Return the factor on the albedo for unit normals. [..., 3] → [..., 3]"""
        return np.asarray(np.maximum(harmonics(normals) @ self.coefficients, self.min_shading), dtype=np.float32)


def lighting_normals(normals: FloatArray, neighbours: csr_matrix, config: LightConfig = LIGHT) -> FloatArray:
    """Return the normals that are lit: smoothed over the mesh. normals [..., V, 3] → [..., V, 3]"""
    return np.moveaxis(smoothed(np.moveaxis(normals, -2, 0), neighbours, config.normal_rounds), 0, -2)


def estimate_light(
    colours: FloatArray | NDArray[np.uint8], normals: FloatArray, weight: FloatArray, config: LightConfig = LIGHT
) -> tuple[Light, FloatArray]:
    """Estimate light and each frame's exposure and white balance, together with the albedo of every point.

    A sample is modelled as exposure × albedo × shading. Alternating least squares, robustly reweighted: each of the
    three is solved for given the other two. Of a person who only turns about the vertical, light from above is the same
    in every frame: it stays in the albedo.

    Args:
        colours: of V surface points in T frames, 0 to 255. [T, V, 3]
        normals: of the points, in camera coordinates. [T, V, 3]
        weight: of the samples; 0 = hidden. [T, V]
        config: priors and the robust kernel.

    Returns:
        The light, and the factor [T, 3] that undoes each frame's exposure; geometric mean 1.
    """
    num_frames = len(weight)
    step = max(1, int((weight > 0).sum()) // config.max_samples)
    frame, point = np.nonzero(weight[:, ::step] > 0)
    sample_weight = weight[:, ::step][frame, point].astype(np.float64)
    colour = colours[:, ::step][frame, point].astype(np.float64)
    basis = harmonics(normals[:, ::step][frame, point]).astype(np.float64)
    light = Light.uniform().coefficients.astype(np.float64)
    exposure: NDArray[np.float64] = np.ones((num_frames, 3))
    if not len(frame):
        return Light.uniform(), np.ones((num_frames, 3), np.float32)

    robust = sample_weight
    for _ in range(config.rounds):
        albedo = _ratio(basis @ light * exposure[frame], colour, robust, point)[point]
        for channel in range(3):
            rows = basis * (albedo[:, channel] * exposure[frame, channel])[:, None]
            normal = (rows * robust[:, None]).T @ rows
            prior = config.flatness * np.trace(normal) / 9
            target = (rows * robust[:, None]).T @ colour[:, channel] + prior * np.eye(9)[0]
            light[:, channel] = np.linalg.solve(normal + prior * np.eye(9), target)
        light /= light[0]
        shading = np.maximum(basis @ light, config.min_shading)
        albedo = _ratio(shading * exposure[frame], colour, robust, point)[point]
        exposure = _ratio(shading * albedo, colour, robust, frame, num_frames, config.steadiness)
        exposure /= np.exp(np.log(exposure).mean(axis=0))
        exposure = np.exp(np.log(exposure).clip(-config.max_log_gain, config.max_log_gain))
        residual = ((shading * exposure[frame] * albedo - colour) ** 2).mean(axis=1)
        robust = sample_weight / (1 + residual / config.sigma**2) ** 2
    return Light(light.astype(np.float32), config.min_shading), (1 / exposure).astype(np.float32)


def mean_shading(light: Light, normals: FloatArray, cosine: FloatArray, config: LightConfig = LIGHT) -> FloatArray:
    """Return the shading of each point averaged over the frames that it faces. [V, 3]

    A texture with this shading baked in is the nearest to the pictures over all frames.

    Args:
        light: of the clip.
        normals: in camera coordinates. [T, V, 3]
        cosine: between normals and lines of sight. [T, V]
        config: gives the least weight.
    """
    weight = np.maximum(cosine, config.min_cosine)
    above, below = np.zeros(normals.shape[1:], np.float32), np.zeros(normals.shape[1:], np.float32)
    for t in range(len(weight)):
        shading = light.shading(normals[t])
        above += weight[t, :, None] * shading**2
        below += weight[t, :, None] * shading
    return above / below


def harmonics(normals: FloatArray) -> FloatArray:
    """Return the nine polynomials; their usual factors are inside the coefficients. [..., 3] → [..., 9]"""
    x, y, z = normals[..., 0], normals[..., 1], normals[..., 2]
    return np.stack([np.ones_like(x), x, y, z, x * y, y * z, x * z, x * x - y * y, 3 * z * z - 1], axis=-1)


def _ratio(
    factor: NDArray[np.float64],
    colour: NDArray[np.float64],
    weight: NDArray[np.float64],
    group: NDArray[np.int64],
    count: int = 0,
    prior: float = 0.0,
) -> NDArray[np.float64]:
    """Return for each group the x that brings factor · x nearest to the colours, with a prior towards 1. [G, 3]"""
    above = np.stack([np.bincount(group, weight * factor[:, c] * colour[:, c], count) for c in range(3)], axis=1)
    below = np.stack([np.bincount(group, weight * factor[:, c] ** 2, count) for c in range(3)], axis=1)
    pull = prior * below.mean(axis=0) + 1e-9
    return np.asarray((above + pull) / (below + pull))
