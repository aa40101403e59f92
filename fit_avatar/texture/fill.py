"""Plausible colours where no frame looked: the body's other side first, then a smooth continuation."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import spsolve
from scipy.spatial import cKDTree

from fit_avatar.body.model import Body
from fit_avatar.texture.atlas import Atlas, mirror_texels, vertex_texels
from fit_avatar.texture.graph import laplacian as graph_laplacian

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

SEEN, MIRRORED, CONTINUED = 1, 2, 3
"""Where a texel's colour comes from; 0 is outside the islands."""
LITTLE = 0.03
"""Where the quality is less than this part of the median, what was seen fades into what is imagined."""
DARKNESS = 0.55
"""Brightness of parts that nobody saw at all (teeth, tongue), relative to what is seen nearest to them."""


def fill_unseen(
    body: Body, atlas: Atlas, neighbours: csr_matrix, colours: FloatArray, support: FloatArray
) -> tuple[FloatArray, NDArray[np.uint8]]:
    """Colour the texels that no frame saw, and go over to them softly where frames saw little.

    A texel whose mirror image was seen takes its colour, corrected by the difference between the two
    sides around the gap; the others continue the colours around them along the surface (harmonically).

    Args:
        body: gives the mirror index and the mesh.
        atlas: N texels.
        neighbours: of each vertex. [V, V]
        colours: [N, 3] 0 to 255, meaningless where not seen.
        support: quality behind each colour; 0 = not seen. [N]

    Returns:
        Colours [N, 3] and their origin [N]: 1 seen, 2 mirrored, 3 continued.
    """
    seen = support > 0
    confidence = np.clip(support / (LITTLE * np.median(support[seen])), 0, 1) if seen.any() else support
    imagined, mirrored = _imagine(body, atlas, neighbours, colours, confidence >= 1)
    colours = imagined + confidence[:, None] * (colours - imagined)
    origin = np.where(seen, SEEN, np.where(mirrored, MIRRORED, CONTINUED)).astype(np.uint8)
    return np.clip(colours, 0, 255), origin


def _imagine(
    body: Body, atlas: Atlas, neighbours: csr_matrix, colours: FloatArray, seen: BoolArray
) -> tuple[FloatArray, BoolArray]:
    """Return colours [N, 3] with those that were not seen replaced, and which come from the other side [N]."""
    known = np.zeros(atlas.size**2, bool)
    known[atlas.texel] = seen
    image = np.zeros((atlas.size**2, 3), np.float32)
    image[atlas.texel] = colours
    laplacian, component = graph_laplacian(neighbours), connected_components(neighbours, directed=False)[1]

    other = mirror_texels(body, atlas)
    use_mirror = ~seen & known[other]
    at_vertex = vertex_texels(body, atlas.size)
    mirror = body.mirror.cpu().numpy()
    vertex_known = known[at_vertex]
    both = vertex_known & vertex_known[mirror]
    blurred = _blur_known(image, known, atlas.size)
    vertex_colour = blurred[at_vertex]
    difference = harmonic(laplacian, component, vertex_colour - vertex_colour[mirror], both, np.zeros(3, np.float32))
    colours = colours.copy()
    colours[use_mirror] = image[other[use_mirror]] + atlas.interpolate(difference, np.flatnonzero(use_mirror))

    image[atlas.texel] = colours
    known[atlas.texel] |= use_mirror
    rest = np.flatnonzero(~seen & ~use_mirror)
    vertex_known, vertex_colour = known[at_vertex], _blur_known(image, known, atlas.size)[at_vertex]
    dark = _nearest(body.template.cpu().numpy(), vertex_known, DARKNESS * vertex_colour)
    continued = harmonic(laplacian, component, vertex_colour, vertex_known, dark)
    colours[rest] = atlas.interpolate(continued, rest)
    return colours, use_mirror


def harmonic(
    laplacian: csr_matrix, component: NDArray[np.int32], values: FloatArray, known: BoolArray, default: FloatArray
) -> FloatArray:
    """Continue vertex values smoothly from the known vertices to the others.

    Args:
        laplacian: of the mesh. [V, V]
        component: label of each vertex's connected part. [V]
        values: [V, C]
        known: [V]
        default: value of parts without any known vertex. [C] or [V, C]

    Returns:
        [V, C]; known values unchanged.
    """
    out = np.where(known[:, None], values, default).astype(np.float32)
    reachable = np.isin(component, np.unique(component[known])) & ~known
    if reachable.any():
        free = np.flatnonzero(reachable)
        fixed = np.flatnonzero(known)
        rows = laplacian[free]
        right = -(rows[:, fixed] @ values[fixed].astype(np.float64))
        out[free] = spsolve(rows[:, free].tocsc(), right).reshape(len(free), -1)
    return out


def push_pull(image: FloatArray, known: BoolArray) -> FloatArray:
    """Fill the unknown pixels of an image from coarser and coarser averages of the known ones.

    Args:
        image: [S, S, C]
        known: [S, S]

    Returns:
        [S, S, C]; known pixels unchanged. So islands grow outwards and mip maps do not bleed.
    """
    if known.all() or min(known.shape) <= 1:
        return image
    weight = known.astype(np.float32)
    size = ((known.shape[1] + 1) // 2, (known.shape[0] + 1) // 2)
    smaller_weight = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
    smaller = cv2.resize(image * weight[:, :, None], size, interpolation=cv2.INTER_AREA)
    smaller = smaller.reshape(*smaller_weight.shape, -1) / np.maximum(smaller_weight, 1e-6)[:, :, None]
    coarse = push_pull(smaller, smaller_weight > 0)
    up = cv2.resize(coarse, (known.shape[1], known.shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.where(known[:, :, None], image, up.reshape(image.shape))


def _nearest(places: FloatArray, known: BoolArray, values: FloatArray) -> FloatArray:
    """Return each vertex's value, or the nearest known one in space; middle grey if there is none. [V, C]"""
    if not known.any():
        return np.full_like(values, 128)
    return np.asarray(values[known][cKDTree(places[known]).query(places)[1]])


def _blur_known(image: FloatArray, known: BoolArray, size: int) -> FloatArray:
    """Average the known texels around each texel, so that a vertex's colour is not one texel's noise. [S², 3]"""
    weight = known.reshape(size, size).astype(np.float32)
    window = (2 * max(1, size // 512) + 1,) * 2
    colour = cv2.blur(image.reshape(size, size, 3) * weight[:, :, None], window)
    mean = colour / np.maximum(cv2.blur(weight, window), 1e-6)[:, :, None]
    return np.asarray(mean.reshape(-1, 3), dtype=np.float32)
