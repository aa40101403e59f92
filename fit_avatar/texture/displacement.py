"""Displacement of the surface by folds that the mesh does not have: heights whose slopes are what the frames tell."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags, identity
from scipy.sparse.linalg import cg

from fit_avatar.appearance.atlas import Atlas
from fit_avatar.body.model import Body
from fit_avatar.body.state import BodyState
from fit_avatar.texture.relief import Relief, texel_tangents

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class DisplacementConfig:
    """How slopes become heights. Chosen on two rendered people with known folds and three others without."""

    usual_slope: float = 0.11
    """Standard deviation of slopes, before anything is seen: a lower one makes folds shallower."""
    usual_height: float = 1.0
    """The same of heights, in texels: shape that is wider than some centimetres is the mesh's."""
    fade_m: float = 0.008
    """Distance over which the displacement fades out towards unseen places and the seams of the texture."""
    max_face: float = 0.1
    """Weight of the part "face" beyond which there is no displacement: its dark places are brows and lips."""
    iterations: int = 100
    """Iterations of conjugate gradient, at most; it stops before at a relative residual of 1e-3."""


DISPLACEMENT = DisplacementConfig()


def find_displacement(
    relief: Relief, body: Body, state: BodyState, config: DisplacementConfig = DISPLACEMENT
) -> FloatArray:
    """Return how far the true surface lies outside the fitted one at each texel, in metres. [s, s]

    It is 0 where no frame sees the surface, and on the face.

    Args:
        relief: what the frames tell of the slopes.
        body: the body.
        state: the shape that the relief is of.
        config: priors.
    """
    size, atlas = relief.size, Atlas.of(body, relief.size)
    heights = np.zeros((size, size), np.float32)
    usable = relief.known & ~_on_face(body, atlas, config.max_face)
    if not usable.any():
        return heights
    mask = atlas.to_image(usable[:, None].astype(np.float32))[..., 0] > 0
    order = np.argsort(atlas.arrays.texel[usable])  # images go row by row
    at = np.flatnonzero(usable)[order]
    tangents, steps = texel_tangents(body, state, size)
    along = np.linalg.pinv(np.einsum("fsc,fic->fsi", steps, tangents))[atlas.arrays.face[at]]
    spacing = float(np.median(np.linalg.norm(steps, axis=2)))
    heights[mask] = integrate_slopes(mask, along, relief.information[at], relief.pull[at], spacing, config)
    inside = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    return np.asarray(heights * np.minimum((inside - 1) * spacing / config.fade_m, 1).clip(0), dtype=np.float32)


def integrate_slopes(
    mask: BoolArray,
    to_slope: FloatArray,
    information: FloatArray,
    pull: FloatArray,
    spacing_m: float,
    config: DisplacementConfig = DISPLACEMENT,
) -> FloatArray:
    """Return the likeliest heights, in metres, and flat ones where nothing is known of the slopes. [n]

    Args:
        mask: the n texels that take part. [S, S]
        to_slope: takes the differences of heights to the texel on the right and below to the slope along two
            directions on the surface. [n, 2, 2]
        information: inverse covariance of these slopes. [n, 2, 2]
        pull: the same times their mean. [n, 2]
        spacing_m: between texels.
        config: priors.
    """
    right, down = _difference(mask, 1), _difference(mask, 0)
    slope = [diags(to_slope[:, i, 0]) @ right + diags(to_slope[:, i, 1]) @ down for i in (0, 1)]
    certainty = information + np.eye(2, dtype=np.float32) / config.usual_slope**2
    matrix = sum(slope[i].T @ diags(certainty[:, i, j]) @ slope[j] for i in (0, 1) for j in (0, 1))
    matrix = csr_matrix(matrix + identity(len(pull)) / (config.usual_height * spacing_m) ** 2, dtype=np.float32)
    target = slope[0].T @ pull[:, 0] + slope[1].T @ pull[:, 1]
    inverse = diags(1 / matrix.diagonal())
    heights, _ = cg(matrix, target, rtol=1e-3, maxiter=config.iterations, M=inverse)
    return np.asarray(heights, dtype=np.float32)


def _on_face(body: Body, atlas: Atlas, limit: float) -> BoolArray:
    if "face" not in body.part_names:
        return np.zeros(len(atlas.arrays.texel), bool)
    return np.asarray(atlas.interpolate(body.part("face").cpu().numpy()[:, None])[:, 0] > limit)


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
