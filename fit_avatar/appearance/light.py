"""The light of the clip: it stands still while the person turns, so colour that changes with the normal is light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

NORMAL_ROUNDS = 4
"""Rounds of smoothing of the normals over the mesh before they are lit: the fit's small bumps are not the person's."""
ROUNDS = 8
MAX_SAMPLES = 150_000
"""Light and exposures are estimated from about this many samples, spread evenly over the surface."""
MAX_LOG_GAIN = 0.3
FLATTEN = 1e-3
"""Pull of the light towards an even one, relative to the data: decides only where the data do not."""
STEADY = 0.05
"""The same of each frame's exposure towards its neighbour's mean, 1."""
MIN_SHADING = 0.2
DEVIATION = 20.0
"""Samples that differ by much more than this (of 255) from what the light predicts (cast shadows, highlights)
hardly count."""


@dataclass(frozen=True)
class Light:
    """What falls on a surface with a given normal: spherical harmonics up to degree 2, in camera coordinates.

    Nine numbers per colour channel describe diffuse light to about 1 % (Ramamoorthi and Hanrahan 2001, section 2).
    """

    coefficients: FloatArray  # [9, 3]; the first row is 1, so albedos have the brightness of the pictures

    @classmethod
    def even(cls) -> Light:
        """Return light that is the same from everywhere."""
        coefficients = np.zeros((9, 3), np.float32)
        coefficients[0] = 1
        return cls(coefficients)

    def shading(self, normals: FloatArray) -> FloatArray:
        """Return the factor on the albedo for unit normals. [..., 3] → [..., 3]"""
        return np.asarray(np.maximum(_harmonics(normals) @ self.coefficients, MIN_SHADING), dtype=np.float32)

    def growth(self, normals: FloatArray) -> FloatArray:
        """Return how the logarithm of the shading, meaned over the channels, grows with the normal. [..., 3]"""
        _, *c = self.coefficients.mean(axis=1)
        x, y, z = normals[..., 0], normals[..., 1], normals[..., 2]
        along_x = c[0] + c[3] * y + c[5] * z + 2 * c[6] * x
        along_y = c[1] + c[3] * x + c[4] * z - 2 * c[6] * y
        along_z = c[2] + c[4] * y + c[5] * x + 6 * c[7] * z
        growth = np.stack([along_x, along_y, along_z], axis=-1) / self.shading(normals).mean(axis=-1)[..., None]
        return np.asarray(growth, dtype=np.float32)


def solve_light(
    colours: FloatArray | NDArray[np.uint8], normals: FloatArray, weight: FloatArray
) -> tuple[Light, FloatArray]:
    """Estimate light and each frame's exposure and white balance, with the albedo of every point.

    A sample is modelled as exposure × albedo × shading, and each of the three is the weighted least-squares
    answer given the other two, over and over, with outliers weighted down. Of a person who only turns about the
    vertical, light from above is the same in every frame: it stays in the albedo.

    Args:
        colours: of V surface points in T frames, 0 to 255. [T, V, 3]
        normals: of the points, in camera coordinates. [T, V, 3]
        weight: of the samples; 0 = hidden. [T, V]

    Returns:
        The light, and the factor [T, 3] that takes each frame's exposure back; geometric mean 1.
    """
    num_frames = len(weight)
    step = max(1, int((weight > 0).sum()) // MAX_SAMPLES)
    frame, point = np.nonzero(weight[:, ::step] > 0)
    trust = weight[:, ::step][frame, point].astype(np.float64)
    colour = colours[:, ::step][frame, point].astype(np.float64)
    basis = _harmonics(normals[:, ::step][frame, point]).astype(np.float64)
    light, exposure = Light.even().coefficients.astype(np.float64), np.ones((num_frames, 3))
    if not len(frame):
        return Light.even(), np.ones((num_frames, 3), np.float32)

    robust = trust
    for _ in range(ROUNDS):
        albedo = _ratio(basis @ light * exposure[frame], colour, robust, point)[point]
        for channel in range(3):
            rows = basis * (albedo[:, channel] * exposure[frame, channel])[:, None]
            normal = (rows * robust[:, None]).T @ rows
            pull = FLATTEN * np.trace(normal) / 9
            target = (rows * robust[:, None]).T @ colour[:, channel] + pull * np.eye(9)[0]
            light[:, channel] = np.linalg.solve(normal + pull * np.eye(9), target)
        light /= light[0]
        shading = np.maximum(basis @ light, MIN_SHADING)
        albedo = _ratio(shading * exposure[frame], colour, robust, point)[point]
        exposure = _ratio(shading * albedo, colour, robust, frame, num_frames, STEADY)
        exposure /= np.exp(np.log(exposure).mean(axis=0))
        exposure = np.exp(np.log(exposure).clip(-MAX_LOG_GAIN, MAX_LOG_GAIN))
        residual = ((shading * exposure[frame] * albedo - colour) ** 2).mean(axis=1)
        robust = trust / (1 + residual / DEVIATION**2) ** 2
    return Light(light.astype(np.float32)), (1 / exposure).astype(np.float32)


def usual_shading(light: Light, normals: FloatArray, cosine: FloatArray) -> FloatArray:
    """Return the shading of each point averaged over the frames that it faces. [V, 3]

    A texture with this shading baked in is the nearest, over all frames, to the pictures.

    Args:
        light: of the clip.
        normals: in camera coordinates. [T, V, 3]
        cosine: between normals and lines of sight. [T, V]
    """
    weight = np.maximum(cosine, 1e-3)
    above, below = np.zeros(normals.shape[1:], np.float32), np.zeros(normals.shape[1:], np.float32)
    for t in range(len(weight)):
        shading = light.shading(normals[t])
        above += weight[t, :, None] * shading**2
        below += weight[t, :, None] * shading
    return above / below


def _harmonics(normals: FloatArray) -> FloatArray:
    """Return the nine polynomials, with no factors in front: they are inside the coefficients. [..., 3] → [..., 9]"""
    x, y, z = normals[..., 0], normals[..., 1], normals[..., 2]
    return np.stack([np.ones_like(x), x, y, z, x * y, y * z, x * z, x * x - y * y, 3 * z * z - 1], axis=-1)


def _ratio(
    factor: NDArray[np.float64],
    colour: NDArray[np.float64],
    weight: NDArray[np.float64],
    group: NDArray[np.int64],
    count: int = 0,
    steady: float = 0.0,
) -> NDArray[np.float64]:
    """Return for each group the x that makes factor · x nearest to the colours, pulled towards 1. [G, 3]"""
    above = np.stack([np.bincount(group, weight * factor[:, c] * colour[:, c], count) for c in range(3)], axis=1)
    below = np.stack([np.bincount(group, weight * factor[:, c] ** 2, count) for c in range(3)], axis=1)
    pull = steady * below.mean(axis=0) + 1e-9
    return np.asarray((above + pull) / (below + pull))
