"""The light's effect on the logarithm of brightness, from how that changes while the person turns: one linear solve.

A product of albedo, light and exposure is a sum of logarithms, so that the three are found at once, not in turn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fit_avatar.appearance.light import harmonics

FloatArray = NDArray[np.float32]
Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class LogLightConfig:
    """How the light's logarithm is estimated. All values were chosen by hand."""

    rounds: int = 4
    """Solves, each with the weights that the residuals of the one before give."""
    sigma: float = 0.05
    """Scale of the Geman–McClure kernel, as a logarithm: samples that differ by much more count little."""
    flatness: float = 1e-3
    """Weight of the prior towards uniform light, relative to the data: it decides only where the data do not."""
    steadiness: float = 0.05
    """Weight of the prior of each frame's exposure towards the clip's mean, relative to the data."""


LOG_LIGHT = LogLightConfig()


@dataclass(frozen=True)
class LogLight:
    """The logarithm of distant light by the normal it falls on, in camera coordinates, up to a constant."""

    coefficients: FloatArray  # [8] of the harmonics of degree 1 and 2
    exposure: FloatArray  # [T] logarithm of each frame's

    def at(self, normals: FloatArray) -> FloatArray:
        """Return the logarithm for unit normals. [..., 3] → [...]"""
        return np.asarray(harmonics(normals)[..., 1:] @ self.coefficients, dtype=np.float32)

    def gradient(self, normals: FloatArray) -> FloatArray:
        """Return how it changes as unit normals turn: a vector across each of them. [..., 3] → [..., 3]"""
        c = self.coefficients
        x, y, z = normals[..., 0], normals[..., 1], normals[..., 2]
        along_x = c[0] + c[3] * y + c[5] * z + 2 * c[6] * x
        along_y = c[1] + c[3] * x + c[4] * z - 2 * c[6] * y
        along_z = c[2] + c[4] * y + c[5] * x + 6 * c[7] * z
        gradient = np.stack([along_x, along_y, along_z], axis=-1)
        outwards = np.einsum("...c,...c->...", gradient, normals)[..., None]
        return np.asarray(gradient - outwards * normals, dtype=np.float32)


def estimate_log_light(
    brightness: FloatArray, normals: FloatArray, weight: FloatArray, config: LogLightConfig = LOG_LIGHT
) -> LogLight:
    """Estimate the light and every frame's exposure.

    Each point's albedo is unknown and the same in all frames: only differences between frames count.

    Args:
        brightness: logarithm, of N surface points in T frames. [T, N]
        normals: of the points, in camera coordinates. [T, N, 3]
        weight: of the samples; 0 = hidden. [T, N]
        config: priors and the robust kernel.
    """
    frames, basis = len(brightness), harmonics(normals)[..., 1:].astype(np.float64)
    count = basis.shape[-1]
    robust, solved = weight.astype(np.float64), np.zeros(count + frames)
    for _ in range(config.rounds):
        total = np.maximum(robust.sum(axis=0), 1e-9)
        rows, values = _apart(basis, robust, total), _apart(brightness, robust, total)
        weighted = robust[..., None] * rows
        matrix = np.zeros((count + frames,) * 2)
        matrix[:count, :count] = np.tensordot(weighted, rows, ((0, 1), (0, 1)))
        matrix[:count, count:] = weighted.sum(axis=1).T
        matrix[count:, :count] = matrix[:count, count:].T
        matrix[count:, count:] = np.diag(robust.sum(axis=1)) - (robust / total) @ robust.T
        flat = config.flatness * np.trace(matrix[:count, :count]) / count + 1e-9
        steady = config.steadiness * robust.sum() / frames + 1e-9
        target = np.r_[np.tensordot(weighted, values, ((0, 1), (0, 1))), (robust * values).sum(axis=1)]
        solved = np.linalg.solve(matrix + np.diag(np.r_[np.full(count, flat), np.full(frames, steady)]), target)
        residual = _apart(brightness - basis @ solved[:count] - solved[count:, None], robust, total)
        robust = weight / (1 + (residual / config.sigma) ** 2) ** 2
    return LogLight(solved[:count].astype(np.float32), solved[count:].astype(np.float32))


def _apart(values: FloatArray | Doubles, weight: Doubles, total: Doubles) -> Doubles:
    """Return values [T, N, ...] minus each point's weighted mean over the frames."""
    return np.asarray(values - np.einsum("tn,tn...->n...", weight / total, values), dtype=np.float64)
