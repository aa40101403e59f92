"""Folds too fine for the mesh, read from the shading that the texture holds: heights above the fitted surface.

The mesh's vertices are about a centimetre apart, the texture's texels about a millimetre. What is a little brighter or
darker than what is around it, of the same hue, and 5 to 40 mm wide is taken for a slope towards the light or away from
it, and the slopes are put together to heights.
"""

from __future__ import annotations

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
from fit_avatar.texture.fill import SEEN
from fit_avatar.visibility.views import SHARPNESS, facing

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

MAX_SIZE = 1024
"""Side of the map at most: its texels are then 1 to 2 mm, and the finest folds several of them."""
WIDEST_M, FINEST_M = 0.012, 0.001
"""Standard deviations of the two blurs between which folds are looked for."""
FROM_ABOVE = 0.3
"""How much brighter (as a logarithm, for each unit of slope) what faces up is taken to be: what falls from above cannot
be told from albedo while a person turns about the vertical, but hardly any place has none."""
HUE = 0.01
"""A hue that differs this much from that around speaks of dye rather than of shade."""
STRONG = 0.25
"""The same of brightness, as a logarithm."""
DAMPING = 0.03
"""Pull towards flat, beside the squared effect of the light on a slope: where no light tells slopes apart, it wins."""
EDGE_M = 0.008
"""Over this distance from what nobody saw, and from the seams of the texture, the relief fades out."""
BLACK = 8.0
"""Of 255, added before taking logarithms: noise in the dark is no relief."""
LEVEL = 1e-4
"""Pull of the heights towards the fitted surface."""
ROUNDS = 100


def find_displacement(texture: Texture, body: Body, state: BodyState, frame_indices: NDArray[np.int64]) -> FloatArray:
    """Return how far the true surface lies outside the fitted one at each texel, in metres. [s, s], s ≤ MAX_SIZE

    It is 0 where no frame looked, and on the face, whose dark places are brows and lips.

    Args:
        texture: with the light it holds.
        body: the body.
        state: shape and T poses.
        frame_indices: of the poses in the video. [T]
    """
    size = min(len(texture.image), MAX_SIZE)
    atlas = Atlas.of(body, size)
    origin = cv2.resize(texture.origin, (size, size), interpolation=cv2.INTER_NEAREST)
    usable = (origin.ravel()[atlas.texel] == SEEN) & ~_on_face(body, atlas)
    key = np.isin(frame_indices, texture.key_frames)
    if not usable.any() or not key.any():
        return np.zeros((size, size), np.float32)
    mask = atlas.paint(usable[:, None])[..., 0] > 0
    posed = pose_body(body, state).vertices.detach().cpu().numpy()[key]
    to_slope, brighter = _lie_of_faces(body, posed, texture.light, size)
    face = np.zeros(size * size, np.int64)
    face[atlas.texel] = atlas.face
    face = face.reshape(size, size)[mask]

    spacing = float(np.median(np.abs(np.linalg.det(to_slope[face]))) ** -0.5)
    image = cv2.resize(texture.image, (size, size), interpolation=cv2.INTER_AREA)
    shade, trust = shades(image.astype(np.float32), mask, spacing)
    heights = np.zeros((size, size), np.float32)
    heights[mask] = spacing * integrate(mask, spacing * to_slope[face], brighter[face], shade[mask], trust[mask])
    inside = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    return np.asarray(heights * np.minimum((inside - 1) * spacing / EDGE_M, 1).clip(0), dtype=np.float32)


def shades(image: FloatArray, mask: BoolArray, spacing_m: float) -> tuple[FloatArray, FloatArray]:
    """Tell shade from dye.

    Args:
        image: colours, 0 to 255. [S, S, 3]
        mask: where they are known. [S, S]
        spacing_m: between texels.

    Returns:
        How much brighter each texel is than what is around it, as a logarithm [S, S]; and how far that may be the
        light's doing, 0 to 1 [S, S].
    """
    total = image.sum(axis=2, keepdims=True) + 3 * BLACK
    values = np.concatenate([np.log(total), (image + BLACK) / total], axis=2) * mask[..., None]
    weight = mask.astype(np.float32)
    sigmas = (FINEST_M / spacing_m + 0.1, WIDEST_M / spacing_m + 0.1)
    near = [np.maximum(cv2.GaussianBlur(weight, (0, 0), sigma), 1e-6) for sigma in sigmas]
    fine, wide = (cv2.GaussianBlur(values, (0, 0), s) / n[..., None] for s, n in zip(sigmas, near, strict=True))
    apart = fine - wide
    hue = np.square(apart[..., 1:]).sum(axis=2) / HUE**2
    around = (2 * near[1] - 1).clip(0)  # at an edge of what is known, what is around is on one side only
    trust = around / (1 + hue + (apart[..., 0] / STRONG) ** 2) ** 2
    return apart[..., 0] * mask, np.asarray(trust * mask, dtype=np.float32)


def integrate(
    mask: BoolArray, to_slope: FloatArray, brighter: FloatArray, shade: FloatArray, trust: FloatArray
) -> FloatArray:
    """Return the heights whose slopes shade the surface most nearly as it is seen, and which are flat otherwise. [n]

    Shade = −brighter · slope (Pentland 1990: of small slopes, shading is a linear function), by least squares.

    Args:
        mask: the n texels that take part. [S, S]
        to_slope: takes the differences of heights to the texel on the right and below to the slope along two
            directions on the surface. [n, 2, 2]
        brighter: how the logarithm of the light grows as the normal turns towards those. [n, 2]
        shade: logarithm of the brightness, relative to that around. [n]
        trust: in that. [n]
    """
    right, down = _difference(mask, 1), _difference(mask, 0)
    slope = [diags(to_slope[:, i, 0]) @ right + diags(to_slope[:, i, 1]) @ down for i in (0, 1)]
    shading = csr_matrix(diags(-brighter[:, 0]) @ slope[0] + diags(-brighter[:, 1]) @ slope[1])
    weighted = csr_matrix(shading.T @ diags(trust))
    flat = slope[0].T @ slope[0] + slope[1].T @ slope[1]
    matrix = csr_matrix(weighted @ shading + DAMPING * flat + LEVEL * identity(len(shade)), dtype=np.float32)
    inverse = diags(1 / matrix.diagonal())
    heights, _ = cg(matrix, weighted @ shade, rtol=1e-3, maxiter=ROUNDS, M=inverse)
    return np.asarray(heights, dtype=np.float32)


def _on_face(body: Body, atlas: Atlas) -> BoolArray:
    if "face" not in body.part_names:
        return np.zeros(len(atlas.texel), bool)
    return np.asarray(atlas.interpolate(body.part("face").cpu().numpy()[:, None])[:, 0] > 0.1)


def _lie_of_faces(body: Body, posed: FloatArray, light: Light, size: int) -> tuple[FloatArray, FloatArray]:
    """Return what :func:`integrate` needs to know of each triangle, averaged over the frames that face it.

    Args:
        body: the body.
        posed: vertices in the key frames. [K, V, 3]
        light: of the clip.
        size: of the map, in texels.

    Returns:
        to_slope [F, 2, 2] (1/m) and brighter [F, 2]; the first direction is that to the texel on the right.
    """
    faces = body.faces.cpu().numpy()
    place = size * (body.uvs[body.uv_faces].cpu().numpy() * np.array([1, -1], np.float32))
    to_texels = np.linalg.pinv(np.stack([place[:, 1] - place[:, 0], place[:, 2] - place[:, 0]], axis=1))
    brighter, lie = np.zeros((len(faces), 2), np.float32), np.zeros((len(faces), 2, 2), np.float32)
    total = np.full(len(faces), 1e-9, np.float32)
    for vertices in posed:
        corners = vertices[faces]
        edges = np.stack([corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]], axis=1)
        step = to_texels @ edges  # to the texel on the right and the one below, in metres
        normal = _unit(vertex_normals(vertices, faces)[faces].sum(axis=1))
        along = _unit(step[:, 0] - normal * (step[:, 0] * normal).sum(axis=1, keepdims=True))
        frame = np.stack([along, np.cross(normal, along)], axis=1)
        weight = facing(corners.mean(axis=1), normal).clip(0) ** SHARPNESS + 1e-6
        growth = light.growth(normal) - np.array([0, FROM_ABOVE, 0], np.float32)  # y points down
        brighter += weight[:, None] * np.einsum("fic,fc->fi", frame, growth)
        lie += weight[:, None, None] * np.einsum("fsc,fic->fsi", step, frame)
        total += weight
    lie /= total[:, None, None]
    return np.linalg.pinv(lie).astype(np.float32), brighter / total[:, None]


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
