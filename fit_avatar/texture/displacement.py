"""Displacement of the surface by wrinkles too fine for the mesh, from the shading that the texture holds.

The mesh's vertices are about a centimetre apart, the texture's texels about a millimetre. What is a little brighter or
darker than its surroundings, of the same hue, and 5 to 40 mm wide is taken for a slope towards the light or away from
it, and the slopes are integrated to heights above the fitted surface.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags, identity
from scipy.sparse.linalg import cg

from fit_avatar.appearance.atlas import Atlas
from fit_avatar.appearance.light import Light
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.model import Body
from fit_avatar.body.skinning import pose_body
from fit_avatar.body.state import BodyState
from fit_avatar.texture.bake import Texture
from fit_avatar.texture.inpaint import Origin
from fit_avatar.visibility.views import viewing_cosine

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class DisplacementConfig:
    """How displacement is estimated from shading. All values were chosen by hand."""

    max_size: int = 1024
    """Texels along each side of the map, at most: they are then 1 to 2 mm, and the finest wrinkles several of them."""
    finest_m: float = 0.001
    """Standard deviation of the finer of the two blurs between which wrinkles are looked for."""
    widest_m: float = 0.012
    """Standard deviation of the wider one; what is broader is shape or colour."""
    light_from_above: float = 0.3
    """How much brighter (as a logarithm, per unit of slope) what faces up is assumed to be: light from above cannot be
    told from albedo while a person turns about the vertical, but hardly any place has none."""
    hue_sigma: float = 0.01
    """Difference of hue from the surroundings (in fractions of red + green + blue) that speaks of albedo rather than
    shading."""
    brightness_sigma: float = 0.25
    """The same of brightness, as a logarithm."""
    flatness: float = 0.03
    """Weight of the prior on slopes, beside the squared effect of the light on a slope: where no light distinguishes
    slopes, it wins. A higher one makes wrinkles shallower."""
    height_prior: float = 1e-4
    """Weight of the prior of the heights, in texels, towards the fitted surface."""
    fade_m: float = 0.008
    """Distance over which the displacement fades out towards unseen places and the seams of the texture."""
    dark_level: float = 8.0
    """Grey levels of 255 added before taking logarithms: noise in the dark is no displacement."""
    max_face: float = 0.1
    """Weight of the part "face" beyond which there is no displacement: its dark places are brows and lips."""
    cosine_power: float = 4.0
    """Power of the cosine between surface normal and line of sight in a key frame's weight."""
    iterations: int = 100
    """Iterations of conjugate gradient, at most; it stops before at a relative residual of 1e-3."""


DISPLACEMENT = DisplacementConfig()


def find_displacement(
    texture: Texture,
    body: Body,
    state: BodyState,
    frame_indices: NDArray[np.int64],
    config: DisplacementConfig = DISPLACEMENT,
) -> FloatArray:
    """Return how far the true surface lies outside the fitted one at each texel, in metres. [s, s]

    It is 0 where no frame sees the surface, and on the face.

    Args:
        texture: with the light it holds.
        body: the body.
        state: shape and T poses.
        frame_indices: of the poses in the video. [T]
        config: size of the map, and priors.
    """
    size = min(len(texture.image), config.max_size)
    atlas = Atlas.of(body, size)
    origin = cv2.resize(texture.origin, (size, size), interpolation=cv2.INTER_NEAREST)
    usable = (origin.ravel()[atlas.texel] == Origin.SEEN) & ~_on_face(body, atlas, config.max_face)
    key = np.isin(frame_indices, texture.key_frames)
    if not usable.any() or not key.any():
        return np.zeros((size, size), np.float32)
    mask = atlas.to_image(usable[:, None])[..., 0] > 0
    posed = pose_body(body, state).vertices.detach().cpu().numpy()[key]
    to_slope, gradient = _shading_of_faces(body, posed, texture.light, size, config)
    face: NDArray[np.int64] = np.zeros(size * size, np.int64)
    face[atlas.texel] = atlas.face
    face = face.reshape(size, size)[mask]

    spacing = float(np.median(np.abs(np.linalg.det(to_slope[face]))) ** -0.5)
    image = cv2.resize(texture.image, (size, size), interpolation=cv2.INTER_AREA)
    shading, confidence = separate_shading(image.astype(np.float32), mask, spacing, config)
    heights = np.zeros((size, size), np.float32)
    solved = integrate_slopes(mask, spacing * to_slope[face], gradient[face], shading[mask], confidence[mask], config)
    heights[mask] = spacing * solved
    inside = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    return np.asarray(heights * np.minimum((inside - 1) * spacing / config.fade_m, 1).clip(0), dtype=np.float32)


def separate_shading(
    image: FloatArray, mask: BoolArray, spacing_m: float, config: DisplacementConfig = DISPLACEMENT
) -> tuple[FloatArray, FloatArray]:
    """Separate fine shading from albedo.

    Args:
        image: colours, 0 to 255. [S, S, 3]
        mask: where they are known. [S, S]
        spacing_m: between texels.
        config: blurs and thresholds.

    Returns:
        How much brighter each texel is than its surroundings, as a logarithm [S, S]; and the confidence, 0 to 1, that
        this is shading [S, S].
    """
    total = image.sum(axis=2, keepdims=True) + 3 * config.dark_level
    values = np.concatenate([np.log(total), (image + config.dark_level) / total], axis=2) * mask[..., None]
    weight = mask.astype(np.float32)
    sigmas = (config.finest_m / spacing_m + 0.1, config.widest_m / spacing_m + 0.1)
    known = [np.maximum(cv2.GaussianBlur(weight, (0, 0), sigma), 1e-6) for sigma in sigmas]
    fine, wide = (cv2.GaussianBlur(values, (0, 0), s) / k[..., None] for s, k in zip(sigmas, known, strict=True))
    band = fine - wide
    hue = np.square(band[..., 1:]).sum(axis=2) / config.hue_sigma**2
    surrounded = (2 * known[1] - 1).clip(0)  # at an edge of what is known, the surroundings are on one side only
    confidence = surrounded / (1 + hue + (band[..., 0] / config.brightness_sigma) ** 2) ** 2
    return band[..., 0] * mask, np.asarray(confidence * mask, dtype=np.float32)


def integrate_slopes(
    mask: BoolArray,
    to_slope: FloatArray,
    gradient: FloatArray,
    shading: FloatArray,
    confidence: FloatArray,
    config: DisplacementConfig = DISPLACEMENT,
) -> FloatArray:
    """Return the heights, in texels, whose slopes explain the shading best, and which are flat otherwise. [n]

    Shading = −gradient · slope (Pentland 1990: of small slopes, shading is a linear function), by least squares.

    Args:
        mask: the n texels that take part. [S, S]
        to_slope: takes the differences of heights to the texel on the right and below to the slope along two
            directions on the surface. [n, 2, 2]
        gradient: of the logarithm of the light as the normal turns towards those directions. [n, 2]
        shading: logarithm of the brightness, relative to the surroundings. [n]
        confidence: in that. [n]
        config: priors.
    """
    right, down = _difference(mask, 1), _difference(mask, 0)
    slope = [diags(to_slope[:, i, 0]) @ right + diags(to_slope[:, i, 1]) @ down for i in (0, 1)]
    model = csr_matrix(diags(-gradient[:, 0]) @ slope[0] + diags(-gradient[:, 1]) @ slope[1])
    weighted = csr_matrix(model.T @ diags(confidence))
    flat = slope[0].T @ slope[0] + slope[1].T @ slope[1]
    priors = config.flatness * flat + config.height_prior * identity(len(shading))
    matrix = csr_matrix(weighted @ model + priors, dtype=np.float32)
    inverse = diags(1 / matrix.diagonal())
    heights, _ = cg(matrix, weighted @ shading, rtol=1e-3, maxiter=config.iterations, M=inverse)
    return np.asarray(heights, dtype=np.float32)


def _on_face(body: Body, atlas: Atlas, limit: float) -> BoolArray:
    if "face" not in body.part_names:
        return np.zeros(len(atlas.texel), bool)
    return np.asarray(atlas.interpolate(body.part("face").cpu().numpy()[:, None])[:, 0] > limit)


def _shading_of_faces(
    body: Body, posed: FloatArray, light: Light, size: int, config: DisplacementConfig
) -> tuple[FloatArray, FloatArray]:
    """Return what :func:`integrate_slopes` needs of each triangle, averaged over the frames that it faces.

    Args:
        body: the body.
        posed: vertices in the key frames. [K, V, 3]
        light: of the clip.
        size: of the map, in texels.
        config: weight of the frames, and the light from above.

    Returns:
        to_slope [F, 2, 2] (1/m) and gradient [F, 2]; the first direction is that to the texel on the right.
    """
    faces = body.faces.cpu().numpy()
    place = size * (body.uvs[body.uv_faces].cpu().numpy() * np.array([1, -1], np.float32))
    to_texels = np.linalg.pinv(np.stack([place[:, 1] - place[:, 0], place[:, 2] - place[:, 0]], axis=1))
    gradient, steps = np.zeros((len(faces), 2), np.float32), np.zeros((len(faces), 2, 2), np.float32)
    total = np.full(len(faces), 1e-9, np.float32)
    for vertices in posed:
        corners = vertices[faces]
        edges = np.stack([corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]], axis=1)
        step = to_texels @ edges  # to the texel on the right and the one below, in metres
        normal = _unit(vertex_normals(vertices, faces)[faces].sum(axis=1))
        along = _unit(step[:, 0] - normal * (step[:, 0] * normal).sum(axis=1, keepdims=True))
        tangents = np.stack([along, np.cross(normal, along)], axis=1)
        weight = viewing_cosine(corners.mean(axis=1), normal).clip(0) ** config.cosine_power + 1e-6
        change = light.log_gradient(normal) - np.array([0, config.light_from_above, 0], np.float32)  # y points down
        gradient += weight[:, None] * np.einsum("fic,fc->fi", tangents, change)
        steps += weight[:, None, None] * np.einsum("fsc,fic->fsi", step, tangents)
        total += weight
    steps /= total[:, None, None]
    return np.linalg.pinv(steps).astype(np.float32), gradient / total[:, None]


def _difference(mask: BoolArray, axis: int) -> csr_matrix:
    """Return the matrix of differences to the next texel along an axis, 0 where that or the other one is missing."""
    count = int(mask.sum())
    index = np.full(mask.shape, -1)
    index[mask] = np.arange(count)
    right = np.pad(index, ((0, 0), (0, 1)), constant_values=-1)[:, 1:]
    down = np.pad(index, ((0, 1), (0, 0)), constant_values=-1)[1:]
    here = np.flatnonzero((right[mask] >= 0) & (down[mask] >= 0))
    there = (right if axis else down)[mask][here]
    values = np.r_[np.ones(len(here)), -np.ones(len(here))].astype(np.float32)
    return csr_matrix((values, (np.r_[here, here], np.r_[there, here])), (count, count))


def _unit(vectors: FloatArray) -> FloatArray:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12), dtype=np.float32)
