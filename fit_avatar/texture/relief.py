"""Slopes of the surface that the mesh does not have, from how each texel's shading changes while the person turns.

Albedo is the same in all frames, and so is a fold. The light falls on both from another side in every frame, but only
on the fold does that make a difference: what changes with the light's direction is slope, what does not is colour.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from fit_avatar.appearance.light import lighting_normals
from fit_avatar.appearance.log_light import LogLight, estimate_log_light
from fit_avatar.appearance.mean_texture import MeanTexture
from fit_avatar.body.averaging import Averaging
from fit_avatar.body.model import Body
from fit_avatar.body.skinning import local_rotations, pose_skeleton, shaped
from fit_avatar.body.state import BodyState
from fit_avatar.io.threads import in_threads

FloatArray = NDArray[np.float32]

_CHUNK = 1 << 14


@dataclass(frozen=True)
class ReliefConfig:
    """How slopes are read from shading over the turn.

    Chosen on two rendered people with known folds and three others without.
    """

    noise: float = 0.03
    """Standard deviation of a sample's brightness, as a logarithm."""
    normal_error: float = 0.15
    """Standard deviation of the fitted normals' error, in radians: under strong light it counts more than noise."""
    sigma: float = 0.05
    """Scale of the Geman–McClure kernel, as a logarithm: what one frame alone shows, such as a shadow, is no fold."""
    rounds: int = 3
    """Solves, each with the weights that the residuals of the one before give."""
    usual_slope: float = 0.15
    """Slope at which a round's prior starts to hold it back."""
    dark_level: float = 6.0
    """Levels added to the sum of red, green and blue before taking logarithms: noise in the dark is no slope."""
    min_weight: float = 0.5
    """Texels that all frames together see with less than this weight have no slopes."""
    light_texels: int = 4000
    """Texels, about, that the light is estimated from, spread evenly over the surface."""


RELIEF = ReliefConfig()


@dataclass(frozen=True)
class Relief:
    """What the frames tell of the slopes at the N texels of an atlas: for each a Gaussian of two slopes.

    Slopes are along :func:`texel_tangents`, in the bind pose.
    """

    size: int
    """Texels along each side of the atlas."""
    information: FloatArray  # [N, 2, 2] inverse covariance; 0 where nothing is known
    pull: FloatArray  # [N, 2] the same times the mean

    @property
    def known(self) -> NDArray[np.bool_]:
        """Return where something is known. [N]"""
        return np.asarray(self.information[:, 0, 0] + self.information[:, 1, 1] > 0)


def find_relief(
    body: Body,
    state: BodyState,
    samples: MeanTexture,
    normals: Tensor,
    averaging: Averaging,
    config: ReliefConfig = RELIEF,
) -> Relief:
    """Return what the samples tell of the surface's slopes.

    For a small slope s, the logarithm of a texel's brightness in frame t is a − g_t · s, where a is that of its albedo
    and g_t the gradient of the light's logarithm at the fitted normal, which turns with the body: least squares for
    a and s, robustly reweighted (photometric stereo, Woodham 1980, by the turn instead of lamps; of small slopes,
    shading is a linear function, Pentland 1990). The slope up and down changes little while the light is the same from
    above: most of it follows from the other one, as slopes of one surface.

    Args:
        body: the body.
        state: shape and T poses.
        samples: of the texels, in some of the frames.
        normals: of the fitted surface, in camera coordinates. [T, V, 3]
        averaging: over the neighbours of each vertex.
        config: noise and priors.
    """
    atlas, frames = samples.atlas, sorted(samples.colours)
    information, pull = (normals.new_zeros(len(atlas.texel), *shape) for shape in ((2, 2), (2,)))
    if frames:
        lit = lighting_normals(normals[frames], averaging)
        light = _light(samples, lit, frames, config)
        effects = _effects(body, state, lit, frames, light)
        tangents = torch.from_numpy(texel_tangents(body, state, atlas.size)[0]).to(normals)[atlas.face]

        def solve_part(part: slice) -> None:
            weight = torch.stack([samples.weights[t][part] for t in frames]).float()
            brightness, gradient = _unlit(samples, effects, light, frames, part, tangents[part], config)
            matrix, target = _over_turn(brightness, gradient, weight, config)
            enough = weight.sum(0) > config.min_weight
            information[part], pull[part] = enough[:, None, None] * matrix, enough[:, None] * target

        for _ in in_threads(solve_part, (slice(at, at + _CHUNK) for at in range(0, len(atlas.texel), _CHUNK))):
            pass
    return Relief(atlas.size, information.cpu().numpy(), pull.cpu().numpy())


def texel_tangents(body: Body, state: BodyState, size: int) -> tuple[FloatArray, FloatArray]:
    """Return two perpendicular tangents of each triangle, and the steps to the next texels, in the bind pose.

    The first tangent and step are towards the texel on the right, the second step is to the one below. [F, 2, 3] each;
    steps in metres.
    """
    vertices = shaped(body, state.betas, state.offsets).detach().cpu().numpy()
    corners, place = vertices[body.faces.cpu().numpy()], body.uvs[body.uv_faces].cpu().numpy() * (size, -size)
    to_texels = np.linalg.pinv(np.stack([place[:, 1] - place[:, 0], place[:, 2] - place[:, 0]], axis=1))
    edges = np.stack([corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]], axis=1)
    steps = (to_texels @ edges).astype(np.float32)
    right = _unit(steps[:, 0])
    down = _unit(steps[:, 1] - (steps[:, 1] * right).sum(axis=1, keepdims=True) * right)
    return np.stack([right, down], axis=1), steps


def _light(samples: MeanTexture, normals: Tensor, frames: list[int], config: ReliefConfig) -> LogLight:
    """Estimate the light from some of the texels."""
    atlas = samples.atlas
    some = slice(None, None, max(1, len(atlas.texel) // config.light_texels))
    lit = torch.stack([normalize(atlas.interpolate(normal, some), dim=-1) for normal in normals])
    brightness = torch.stack([_log(samples.colours[t][some], config) for t in frames])
    return estimate_log_light(brightness, lit, torch.stack([samples.weights[t][some] for t in frames]).float())


def _effects(body: Body, state: BodyState, normals: Tensor, frames: list[int], light: LogLight) -> list[Tensor]:
    """Return the light's logarithm at each vertex, and its gradient turned back into the bind pose. K × [V, 4]"""
    turns = pose_skeleton(body, state.betas, local_rotations(state), state.transl).skin_rotations.detach()
    found = []
    for t, normal in zip(frames, normals, strict=True):
        back = (body.lbs_weights @ turns[t].flatten(1)).view(-1, 3, 3)
        gradient = torch.einsum("vab,va->vb", back, light.gradient(normal))
        found.append(torch.cat([light.at(normal)[:, None], gradient], 1))
    return found


def _unlit(
    samples: MeanTexture,
    effects: list[Tensor],
    light: LogLight,
    frames: list[int],
    part: slice,
    tangents: Tensor,
    config: ReliefConfig,
) -> tuple[Tensor, Tensor]:
    """Return the logarithm of n texels' brightness without the light on the fitted surface, and minus its gradient.

    tangents [n, 2, 3] → [K, n], [2, K, n]
    """
    brightness, gradient = (
        tangents.new_empty(len(frames), len(tangents)),
        tangents.new_empty(2, len(frames), len(tangents)),
    )
    for k, t in enumerate(frames):
        effect = samples.atlas.interpolate(effects[k], part)
        brightness[k] = _log(samples.colours[t][part], config) - light.exposure[k] - effect[:, 0]
        gradient[:, k] = -torch.einsum("nic,nc->in", tangents, effect[:, 1:])
    return brightness, gradient


def _over_turn(brightness: Tensor, gradient: Tensor, weight: Tensor, config: ReliefConfig) -> tuple[Tensor, Tensor]:
    """Return information and pull of the slopes. [n, 2, 2], [n, 2]

    brightness [K, n], gradient [2, K, n], weight [K, n]
    """
    prior = (config.noise / config.usual_slope) ** 2
    robust = weight
    for round_ in range(config.rounds):
        total = robust.sum(0).clamp_min(1e-6)
        values, u, v = (each - (robust * each).sum(0) / total for each in (brightness, *gradient))
        by_u, by_v = robust * u, robust * v
        uu, uv, vv = (by_u * u).sum(0), (by_u * v).sum(0), (by_v * v).sum(0)
        along_u, along_v = (by_u * values).sum(0), (by_v * values).sum(0)
        if round_ < config.rounds - 1:
            determinant = (uu + prior) * (vv + prior) - uv**2
            residual = values - ((vv + prior) * along_u - uv * along_v) / determinant * u
            residual -= ((uu + prior) * along_v - uv * along_u) / determinant * v
            robust = weight / (1 + (residual / config.sigma) ** 2) ** 2
    variance = config.noise**2 + config.normal_error**2 * (uu + vv) / total
    matrix = torch.stack([uu, uv, uv, vv], -1).view(-1, 2, 2)
    return matrix / variance[:, None, None], torch.stack([along_u, along_v], -1) / variance[:, None]


def _log(colours: Tensor, config: ReliefConfig) -> Tensor:
    return (colours.float().sum(1) + config.dark_level).log()


def _unit(vectors: FloatArray) -> FloatArray:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12), dtype=np.float32)
