"""Slopes from the shading that one picture holds, the mean texture: what folds over the turn are compared with.

What is a little brighter or darker than its surroundings and of the same hue is taken for a slope towards the light or
away from it (Pentland 1990), in frames that face the place.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.appearance import Atlas, Light
from fit_avatar.body import Body, BodyState
from fit_avatar.body.skinning import local_rotations, pose_skeleton
from fit_avatar.texture import Relief
from fit_avatar.texture.relief import texel_tangents

FloatArray = NDArray[np.float32]
FINEST_M, WIDEST_M = 0.001, 0.012
"""Standard deviations of the blurs between which shading is looked for. Chosen by hand."""
HUE, BRIGHTNESS = 0.01, 0.25
"""Differences from the surroundings that speak of paint: of hue, and of the brightness's logarithm. Chosen by hand."""
FROM_ABOVE = 0.3
"""By how much the logarithm is assumed to grow with the slope towards the sky, which a turn does not show."""
ALBEDO = 0.05
"""Standard deviation of the logarithm of colours of one hue. Chosen by hand."""
DARK = 8.0


def relief_of_picture(
    body: Body,
    state: BodyState,
    mean: tuple[FloatArray, FloatArray],
    light: Light,
    normals: FloatArray,
    cosine: FloatArray,
) -> Relief:
    """Return what one picture tells of the slopes.

    Args:
        body: the body.
        state: T poses.
        mean: image of the texture, and its support. [s, s, 3], [s, s]
        light: of the clip.
        normals: that are lit, in camera coordinates. [T, V, 3]
        cosine: between normals and lines of sight. [T, V]
    """
    image, known = mean
    atlas = Atlas.of(body, len(image))
    turns = pose_skeleton(body, state.betas, local_rotations(state), state.transl).skin_rotations.numpy()
    effect = np.zeros_like(normals[0])
    weight = cosine.clip(0, 1) ** 4 + 1e-6
    for t, normal in enumerate(normals):
        gradient = _log_gradient(light, normal) - np.array([0, FROM_ABOVE, 0], np.float32)  # y points down
        back = (body.lbs_weights.numpy() @ turns[t].reshape(-1, 9)).reshape(-1, 3, 3)
        effect += (weight[t] / weight.sum(axis=0))[:, None] * np.einsum("vab,va->vb", back, gradient)
    tangents, steps = texel_tangents(body, state, atlas.size)
    along = -np.einsum("nic,nc->ni", tangents[atlas.arrays.face], atlas.interpolate(effect))
    band, certain = _separated(image, known > 0, float(np.median(np.linalg.norm(steps, axis=2))))
    trust = certain.ravel()[atlas.arrays.texel, None] / ALBEDO**2 * along
    return Relief(atlas.size, trust[:, :, None] * along[:, None], trust * band.ravel()[atlas.arrays.texel, None])


def _separated(image: FloatArray, known: NDArray[np.bool_], spacing_m: float) -> tuple[FloatArray, FloatArray]:
    """Return how much brighter each texel is than its surroundings, and the confidence that this is shading. [s, s]"""
    total = image.sum(axis=2, keepdims=True) + 3 * DARK
    values = np.concatenate([np.log(total), (image + DARK) / total], axis=2) * known[..., None]
    sigmas = (FINEST_M / spacing_m + 0.1, WIDEST_M / spacing_m + 0.1)
    seen = [np.maximum(cv2.GaussianBlur(known.astype(np.float32), (0, 0), sigma), 1e-6) for sigma in sigmas]
    fine, wide = (cv2.GaussianBlur(values, (0, 0), s) / k[..., None] for s, k in zip(sigmas, seen, strict=True))
    band = fine - wide
    hue = np.square(band[..., 1:]).sum(axis=2) / HUE**2
    certain = (2 * seen[1] - 1).clip(0) / (1 + hue + (band[..., 0] / BRIGHTNESS) ** 2) ** 2
    return band[..., 0] * known, np.asarray(certain * known, np.float32)


def _log_gradient(light: Light, normals: FloatArray) -> FloatArray:
    """Return the gradient of the light's logarithm, by differences. [V, 3]"""
    steps = 0.01 * np.eye(3, dtype=np.float32)
    ahead, behind = (
        np.stack([np.log(light.shading(normals + sign * s).mean(axis=-1)) for s in steps], -1) for sign in (1, -1)
    )
    return np.asarray((ahead - behind) / 0.02, np.float32)
