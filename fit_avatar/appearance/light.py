"""The light of the clip: it stands still while the person turns, so colour that changes with the normal is light."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fit_avatar.body.averaging import Averaging

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

    @overload
    def shading(self, normals: Tensor) -> Tensor: ...
    @overload
    def shading(self, normals: FloatArray) -> FloatArray: ...
    def shading(self, normals: Any) -> Any:
        """Return the factor on the albedo for unit normals. [..., 3] → [..., 3]

        Tensors and arrays are both taken, and returned as they came.
        """
        if isinstance(normals, np.ndarray):
            return self.shading(torch.from_numpy(normals)).numpy()
        return self._at(normals, torch.from_numpy(self.coefficients).to(normals))

    def over_frames(self, normals: Tensor) -> Iterator[Tensor]:
        """Yield the same for each of T frames. [T, V, 3] → T × [V, 3]"""
        coefficients = torch.from_numpy(self.coefficients).to(normals)
        for frame in normals:
            yield self._at(frame, coefficients)

    def _at(self, normals: Tensor, coefficients: Tensor) -> Tensor:
        return (harmonics(normals) @ coefficients).clamp_min_(self.min_shading)


def lighting_normals(normals: Tensor, averaging: Averaging, config: LightConfig = LIGHT) -> Tensor:
    """Return the normals that are lit: smoothed over the mesh. normals [..., V, 3] → [..., V, 3]"""
    return averaging.smoothed(normals.movedim(-2, 0), config.normal_rounds).movedim(0, -2)


def estimate_light(
    colours: Tensor, normals: Tensor, weight: Tensor, config: LightConfig = LIGHT
) -> tuple[Light, Tensor]:
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
    visible = weight > 0
    step = max(1, int(visible.sum()) // config.max_samples)
    frame, point = visible[:, ::step].nonzero().unbind(1)
    if not len(frame):
        return Light.uniform(), weight.new_ones(num_frames, 3)
    num_points = -(-weight.shape[1] // step)
    at_frame, at_point = (_Groups(index, n) for index, n in ((frame, num_frames), (point, num_points)))
    sample_weight = weight[:, ::step][frame, point].double()
    colour = colours[:, ::step][frame, point].double().T.contiguous()  # [3, n]
    basis = harmonics(normals[:, ::step][frame, point]).double().T.contiguous()  # [9, n]: long rows are quick
    light = torch.from_numpy(Light.uniform().coefficients).to(basis)
    exposure = basis.new_ones(3, num_frames)

    uniform, even = light[:, 0].clone(), torch.eye(9, dtype=light.dtype, device=light.device)
    robust = sample_weight
    for _ in range(config.rounds):
        exposed = exposure[:, frame]
        albedo = at_point.ratio(light.T @ basis * exposed, colour, robust)[:, point]
        for channel in range(3):
            rows = basis * (albedo[channel] * exposed[channel])
            weighted = rows * robust
            normal = weighted @ rows.T
            prior = config.flatness * normal.trace() / 9
            target = weighted @ colour[channel] + prior * uniform
            light[:, channel] = torch.linalg.solve(normal + prior * even, target)
        light /= light[0].clone()
        shading = (light.T @ basis).clamp_min(config.min_shading)
        albedo = at_point.ratio(shading * exposed, colour, robust)[:, point]
        exposure = at_frame.ratio(shading * albedo, colour, robust, config.steadiness).log()
        exposure -= exposure.mean(1, keepdim=True)
        exposure = exposure.clamp(-config.max_log_gain, config.max_log_gain).exp()
        residual = (shading * exposure[:, frame] * albedo - colour).square().mean(0)
        robust = sample_weight / (1 + residual / config.sigma**2) ** 2
    return Light(light.float().cpu().numpy(), config.min_shading), (1 / exposure).T.float()


def mean_shading(light: Light, normals: Tensor, cosine: Tensor, config: LightConfig = LIGHT) -> Tensor:
    """Return the shading of each point averaged over the frames that it faces. [V, 3]

    A texture with this shading baked in is the nearest to the pictures over all frames.

    Args:
        light: of the clip.
        normals: in camera coordinates. [T, V, 3]
        cosine: between normals and lines of sight. [T, V]
        config: gives the least weight.
    """
    weight = cosine.clamp_min(config.min_cosine)
    above, below = torch.zeros_like(normals[0]), torch.zeros_like(normals[0])
    for weights, shading in zip(weight, light.over_frames(normals), strict=True):
        weighted = weights[:, None] * shading
        above.addcmul_(weighted, shading)
        below += weighted
    return above / below


def harmonics(normals: Tensor) -> Tensor:
    """Return the nine polynomials; their usual factors are inside the coefficients. [..., 3] → [..., 9]"""
    x, y, z = normals.unbind(-1)
    return torch.stack([torch.ones_like(x), x, y, z, x * y, y * z, x * z, x * x - y * y, 3 * z * z - 1], -1)


@dataclass(frozen=True)
class _Groups:
    """Which of some groups each of n samples belongs to."""

    index: Tensor  # int64 [n]
    count: int

    def ratio(self, factor: Tensor, colour: Tensor, weight: Tensor, prior: float = 0.0) -> Tensor:
        """Return for each the x that brings factor · x nearest to the colours, with a prior towards 1. [3, G]

        factor and colour [3, n], weight [n]
        """
        weighted = weight * factor
        above, below = self._sum(weighted * colour), self._sum(weighted * factor)
        pull = prior * below.mean(1, keepdim=True) + 1e-9
        return (above + pull) / (below + pull)

    def _sum(self, values: Tensor) -> Tensor:
        """Return the sum over the samples of each group. [3, n] → [3, G]"""
        total = values.new_zeros(len(values), self.count)
        for row, channel in zip(total, values, strict=True):
            row.index_add_(0, self.index, channel)
        return total
