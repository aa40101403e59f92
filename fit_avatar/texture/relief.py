"""Slopes of the surface that the mesh does not have, from how each texel's shading changes while the person turns.

Albedo is the same in all frames, and so is a fold. The light falls on both from another side in every frame, but only
on the fold does that make a difference: what changes with the light's direction is slope, what does not is colour.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from fit_avatar.appearance.light import lighting_normals
from fit_avatar.appearance.log_light import LogLight, estimate_log_light
from fit_avatar.appearance.mean_texture import MeanTexture
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
    normals: FloatArray,
    neighbours: csr_matrix,
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
        neighbours: of each vertex. [V, V]
        config: noise and priors.
    """
    atlas, frames = samples.atlas, sorted(samples.colours)
    information, pull = np.zeros((len(atlas.texel), 2, 2), np.float32), np.zeros((len(atlas.texel), 2), np.float32)
    if not frames:
        return Relief(atlas.size, information, pull)
    lit = lighting_normals(normals[frames], neighbours)
    light = _light(samples, lit, frames, config)
    effects = _effects(body, state, lit, frames, light)
    tangents = texel_tangents(body, state, atlas.size)[0][atlas.face]

    def solve_part(part: slice) -> None:
        weight = np.stack([samples.weights[t][part] for t in frames]).astype(np.float32)
        brightness, gradient = _unlit(samples, effects, light, frames, part, tangents[part], config)
        matrix, target = _over_turn(brightness, gradient, weight, config)
        enough = weight.sum(axis=0) > config.min_weight
        information[part], pull[part] = enough[:, None, None] * matrix, enough[:, None] * target

    for _ in in_threads(solve_part, (slice(at, at + _CHUNK) for at in range(0, len(atlas.texel), _CHUNK))):
        pass
    return Relief(atlas.size, information, pull)


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


def _light(samples: MeanTexture, normals: FloatArray, frames: list[int], config: ReliefConfig) -> LogLight:
    """Estimate the light from some of the texels."""
    atlas = samples.atlas
    some = slice(None, None, max(1, len(atlas.texel) // config.light_texels))
    lit = np.stack([_unit(atlas.interpolate(normal, some)) for normal in normals])
    brightness = np.stack([_log(samples.colours[t][some], config) for t in frames])
    return estimate_log_light(brightness, lit, np.stack([samples.weights[t][some] for t in frames]).astype(np.float32))


def _effects(body: Body, state: BodyState, normals: FloatArray, frames: list[int], light: LogLight) -> list[FloatArray]:
    """Return the light's logarithm at each vertex, and its gradient turned back into the bind pose. K × [V, 4]"""
    turns = pose_skeleton(body, state.betas, local_rotations(state), state.transl).skin_rotations.detach().cpu().numpy()
    weights, found = body.lbs_weights.cpu().numpy(), []
    for t, normal in zip(frames, normals, strict=True):
        back = (weights @ turns[t].reshape(len(turns[t]), 9)).reshape(-1, 3, 3)
        gradient = np.einsum("vab,va->vb", back, light.gradient(normal))
        found.append(np.concatenate([light.at(normal)[:, None], gradient], axis=1, dtype=np.float32))
    return found


def _unlit(
    samples: MeanTexture,
    effects: list[FloatArray],
    light: LogLight,
    frames: list[int],
    part: slice,
    tangents: FloatArray,
    config: ReliefConfig,
) -> tuple[FloatArray, FloatArray]:
    """Return the logarithm of n texels' brightness without the light on the fitted surface, and minus its gradient.

    tangents [n, 2, 3] → [K, n], [2, K, n]
    """
    shape = len(frames), len(tangents)
    brightness, gradient = np.empty(shape, np.float32), np.empty((2, *shape), np.float32)
    for k, t in enumerate(frames):
        effect = samples.atlas.interpolate(effects[k], part)
        brightness[k] = _log(samples.colours[t][part], config) - light.exposure[k] - effect[:, 0]
        gradient[:, k] = -np.einsum("nic,nc->in", tangents, effect[:, 1:])
    return brightness, gradient


def _over_turn(
    brightness: FloatArray, gradient: FloatArray, weight: FloatArray, config: ReliefConfig
) -> tuple[FloatArray, FloatArray]:
    """Return information and pull of the slopes. [n, 2, 2], [n, 2]

    brightness [K, n], gradient [2, K, n], weight [K, n]
    """
    prior = (config.noise / config.usual_slope) ** 2
    robust = weight
    for round_ in range(config.rounds):
        total = np.maximum(robust.sum(axis=0), 1e-6)
        values, u, v = (each - _over_frames(robust, each) / total for each in (brightness, *gradient))
        by_u, by_v = robust * u, robust * v
        uu, uv, vv = _over_frames(by_u, u), _over_frames(by_u, v), _over_frames(by_v, v)
        along_u, along_v = _over_frames(by_u, values), _over_frames(by_v, values)
        if round_ < config.rounds - 1:
            determinant = (uu + prior) * (vv + prior) - uv**2
            residual = values - ((vv + prior) * along_u - uv * along_v) / determinant * u
            residual -= ((uu + prior) * along_v - uv * along_u) / determinant * v
            robust = weight / (1 + (residual / config.sigma) ** 2) ** 2
    variance = config.noise**2 + config.normal_error**2 * (uu + vv) / total
    matrix = np.stack([uu, uv, uv, vv], axis=-1).reshape(-1, 2, 2)
    return matrix / variance[:, None, None], np.stack([along_u, along_v], axis=-1) / variance[:, None]


def _over_frames(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return the sum of products. [K, n] each → [n]"""
    return np.asarray(np.einsum("kn,kn->n", a, b), dtype=np.float32)


def _log(colours: NDArray[np.uint8], config: ReliefConfig) -> FloatArray:
    return np.asarray(np.log(colours.astype(np.float32) @ np.ones(3, np.float32) + config.dark_level), dtype=np.float32)


def _unit(vectors: FloatArray) -> FloatArray:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12), dtype=np.float32)
