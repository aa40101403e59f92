"""The light's effect on the logarithm of brightness, from how that changes while the person turns: one linear solve.

A product of albedo, light and exposure is a sum of logarithms, so that the three are found at once, not in turn.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fit_avatar.appearance.light import harmonics


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

    coefficients: Tensor  # [8] of the harmonics of degree 1 and 2
    exposure: Tensor  # [T] logarithm of each frame's

    def at(self, normals: Tensor) -> Tensor:
        """Return the logarithm for unit normals. [..., 3] → [...]"""
        return harmonics(normals)[..., 1:] @ self.coefficients

    def gradient(self, normals: Tensor) -> Tensor:
        """Return how it changes as unit normals turn: a vector across each of them. [..., 3] → [..., 3]"""
        c = self.coefficients
        x, y, z = normals.unbind(-1)
        along_x = c[0] + c[3] * y + c[5] * z + 2 * c[6] * x
        along_y = c[1] + c[3] * x + c[4] * z - 2 * c[6] * y
        along_z = c[2] + c[4] * y + c[5] * x + 6 * c[7] * z
        gradient = torch.stack([along_x, along_y, along_z], -1)
        return gradient - (gradient * normals).sum(-1, keepdim=True) * normals


def estimate_log_light(
    brightness: Tensor, normals: Tensor, weight: Tensor, config: LogLightConfig = LOG_LIGHT
) -> LogLight:
    """Estimate the light and every frame's exposure.

    Each point's albedo is unknown and the same in all frames: only differences between frames count.

    Args:
        brightness: logarithm, of N surface points in T frames. [T, N]
        normals: of the points, in camera coordinates. [T, N, 3]
        weight: of the samples; 0 = hidden. [T, N]
        config: priors and the robust kernel.
    """
    frames, basis, brightness = len(brightness), harmonics(normals)[..., 1:].double(), brightness.double()
    count = basis.shape[-1]
    robust, solved = weight.double(), basis.new_zeros(count + frames)
    for _ in range(config.rounds):
        total = robust.sum(0).clamp_min(1e-9)
        rows, values = _apart(basis, robust, total), _apart(brightness, robust, total)
        weighted = robust[..., None] * rows
        both = weighted.sum(1).T  # [8, T]
        light = torch.einsum("tna,tnb->ab", weighted, rows)
        exposure = robust.sum(1).diag() - (robust / total) @ robust.T
        matrix = torch.cat([torch.cat([light, both], 1), torch.cat([both.T, exposure], 1)])
        flat = config.flatness * light.trace() / count + 1e-9
        steady = config.steadiness * robust.sum() / frames + 1e-9
        target = torch.cat([torch.einsum("tna,tn->a", weighted, values), (robust * values).sum(1)])
        prior = torch.cat([flat.expand(count), steady.expand(frames)])
        solved = torch.linalg.solve(matrix + prior.diag(), target)
        residual = _apart(brightness - basis @ solved[:count] - solved[count:, None], robust, total)
        robust = weight / (1 + (residual / config.sigma) ** 2) ** 2
    return LogLight(solved[:count].float(), solved[count:].float())


def _apart(values: Tensor, weight: Tensor, total: Tensor) -> Tensor:
    """Return values [T, N, ...] minus each point's weighted mean over the frames."""
    return values - torch.einsum("tn,tn...->n...", weight / total, values)
