"""Plausible colours where no frame sees the surface: from the body's other side first, then from the surroundings."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import spsolve
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from fit_avatar.appearance.atlas import Atlas, islands, mirror_texels, vertex_texels
from fit_avatar.appearance.push_pull import push_pull
from fit_avatar.body.model import Body
from fit_avatar.body.operators import graph_laplacian
from fit_avatar.texture.texels import local_mean, mean_around, nearest_inside, nearest_of

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]


class Origin(IntEnum):
    """Where a texel's colour comes from."""

    OUTSIDE = 0
    """Outside the UV islands."""
    SEEN = 1
    MIRRORED = 2
    """From the body's other side."""
    INPAINTED = 3
    """From its surroundings."""


@dataclass(frozen=True)
class InpaintingConfig:
    """How unseen texels get their colours. Lengths are fractions of the texture's side; values were chosen by hand."""

    low_quality: float = 0.03
    """Fraction of the median quality below which seen colours fade into inpainted ones."""
    fade: float = 1 / 300
    """Half width of the border over which they do: what is seen ends with whole triangles, whose teeth would show."""
    mirror_window: float = 1 / 512
    """Half width of the window in which the colours of both sides are compared."""
    detail: float = 1 / 100
    """Half width of the window that separates colour from detail, which are continued separately."""
    max_detail: float = 10.0
    """Amplitude, in grey levels of 255, to which continued detail is compressed: grain stays, prints do not."""
    distance_power: int = 4
    """Power of the inverse distance with which the rim of a hole is interpolated into it; a higher one makes the two
    sides of a hole meet more sharply in its middle."""
    unseen_brightness: float = 0.55
    """Brightness of components that no frame sees at all (teeth, tongue), relative to the nearest colours."""
    padding_px: int = 4
    """Texels around the islands that have the colour of their edge."""


INPAINTING = InpaintingConfig()


def inpaint_unseen(
    body: Body,
    atlas: Atlas,
    neighbours: csr_matrix,
    colours: FloatArray,
    support: FloatArray,
    config: InpaintingConfig = INPAINTING,
) -> tuple[FloatArray, NDArray[np.uint8]]:
    """Colour the texels that no frame sees, and fade into them where frames see little.

    A texel whose mirror image is seen takes its colour, corrected by the difference between the two sides around the
    gap; the others continue the colours around them along the surface, and their fine detail.

    Args:
        body: gives the mirror index and the mesh.
        atlas: N texels.
        neighbours: of each vertex. [V, V]
        colours: [N, 3] 0 to 255, meaningless where not seen.
        support: quality behind each colour; 0 = not seen. [N]
        config: thresholds.

    Returns:
        Colours [N, 3] and their :class:`Origin` [N].
    """
    seen = support > 0
    confidence = np.clip(support / (config.low_quality * np.median(support[seen])), 0, 1) if seen.any() else support
    known = atlas.to_image(seen[:, None].astype(np.float32)).reshape(-1, 1)
    fraction = local_mean(known, atlas.arrays.inside.ravel(), atlas.size, config.fade)
    confidence = confidence * (2 * fraction[atlas.arrays.texel, 0] - 1).clip(0, 1)
    inpainted, mirrored = _inpaint(body, atlas, neighbours, colours, confidence, config)
    colours = inpainted + confidence[:, None] * (colours - inpainted)
    origin = np.where(seen, Origin.SEEN, np.where(mirrored, Origin.MIRRORED, Origin.INPAINTED)).astype(np.uint8)
    return np.clip(colours, 0, 255), origin


def _inpaint(
    body: Body,
    atlas: Atlas,
    neighbours: csr_matrix,
    colours: FloatArray,
    confidence: FloatArray,
    config: InpaintingConfig,
) -> tuple[FloatArray, BoolArray]:
    """Return what each texel would be if it were not seen [N, 3], and which come from the other side [N].

    colours [N, 3], confidence in them [N]
    """
    other = mirror_texels(body, atlas)
    image, certainty = (atlas.to_image(a).reshape(atlas.size**2, -1) for a in (colours, confidence[:, None]))
    from_other_side = certainty[other]
    seen = certainty[:, 0] >= 1
    at_vertex = vertex_texels(body, atlas.size)
    both = seen[at_vertex] & seen[at_vertex[body.mirror.cpu().numpy()]]
    blurred = mean_around(image, seen, at_vertex, config.mirror_window)
    difference = harmonic_interpolation(neighbours, blurred - blurred[body.mirror.cpu().numpy()], both)
    mirrored = image[other] + atlas.interpolate(difference)

    known = seen.copy()
    known[atlas.arrays.texel] |= from_other_side[:, 0] >= 1
    image[atlas.arrays.texel] = np.where(seen[atlas.arrays.texel, None], colours, mirrored)
    blurred = mean_around(image, known, at_vertex, config.mirror_window)
    coarse = fill_holes(body.template.cpu().numpy(), neighbours, blurred, known[at_vertex], config)
    island = np.full(atlas.size**2, -1, np.int32)
    island[atlas.arrays.texel] = islands(body)[atlas.arrays.face]
    square = (atlas.size, atlas.size)
    detail = reflected_detail(image.reshape(*square, 3), known.reshape(square), island.reshape(square), config)
    inpainted = atlas.interpolate(coarse) + detail.reshape(-1, 3)[atlas.arrays.texel]
    result = inpainted + from_other_side * (mirrored - inpainted)
    return np.asarray(result, dtype=np.float32), np.asarray(from_other_side[:, 0] > 0)


def fill_holes(
    positions: FloatArray,
    neighbours: csr_matrix,
    values: FloatArray,
    known: BoolArray,
    config: InpaintingConfig = INPAINTING,
) -> FloatArray:
    """Interpolate vertex values from the rims of holes into them, by inverse distances (Shepard 1968).

    The two sides of a hole that differ (sleeve and arm) so meet in its middle, and the surface is continued across the
    seams of the texture. A component without any known vertex gets the nearest values, darkened.

    Args:
        positions: of the vertices. [V, 3]
        neighbours: of each vertex. [V, V]
        values: [V, C]
        known: [V]
        config: power of the distance, and brightness of unseen components.

    Returns:
        [V, C]; known values unchanged.
    """
    out = np.where(known[:, None], values, _nearest_known(positions, known, config.unseen_brightness * values))
    unknown = np.flatnonzero(~known)
    count, hole_of = connected_components(neighbours[unknown][:, unknown], directed=False)
    for label in range(count):
        hole = unknown[hole_of == label]
        around = np.unique(neighbours[hole].indices)
        rim = around[known[around]]
        if len(rim):
            nearness = 1 / (cdist(positions[hole], positions[rim]) ** config.distance_power + 1e-12)
            out[hole] = nearness @ values[rim] / nearness.sum(axis=1, keepdims=True)
    return np.asarray(out, dtype=np.float32)


def reflected_detail(
    image: FloatArray, known: BoolArray, island: NDArray[np.signedinteger[Any]], config: InpaintingConfig = INPAINTING
) -> FloatArray:
    """Return fine detail for holes: that of their surroundings, reflected in the nearest texel of the rim. [S, S, 3]

    A line that reaches the rim goes straight on, and grain stays grain.

    Args:
        image: [S, S, 3]
        known: [S, S]
        island: label of each texel's island; −1 outside. [S, S]
        config: what is detail, and how strong it may be.
    """
    size, limit = len(image), config.max_detail
    hole = np.flatnonzero((island >= 0) & ~known)
    rim = nearest_of(known, hole)
    (y, x), (rim_y, rim_x) = np.divmod(hole, size), np.divmod(rim, size)
    source = (2 * rim_y - y).clip(0, size - 1) * size + (2 * rim_x - x).clip(0, size - 1)
    labels = island.ravel()
    same = (labels[source] == labels[hole]) & known.ravel()[source]
    mean = local_mean(image.reshape(-1, 3), known.ravel(), size, config.detail)
    source = source[same]
    out = np.zeros_like(image)
    out.reshape(-1, 3)[hole[same]] = limit * np.tanh((image.reshape(-1, 3)[source] - mean[source]) / limit)
    return out


def harmonic_interpolation(neighbours: csr_matrix, values: FloatArray, known: BoolArray) -> FloatArray:
    """Interpolate vertex values smoothly between the known vertices: the graph Laplacian is zero at the others.

    Args:
        neighbours: of each vertex. [V, V]
        values: [V, C]
        known: [V]

    Returns:
        [V, C]; known values unchanged, and 0 on components without any known vertex.
    """
    laplacian, component = graph_laplacian(neighbours), connected_components(neighbours, directed=False)[1]
    out = np.where(known[:, None], values, 0).astype(np.float32)
    free = np.flatnonzero(np.isin(component, np.unique(component[known])) & ~known)
    if len(free):
        fixed, rows = np.flatnonzero(known), laplacian[free]
        right = -(rows[:, fixed] @ values[fixed].astype(np.float64))
        out[free] = spsolve(rows[:, free].tocsc(), right).reshape(len(free), -1)
    return out


def pad_islands(image: FloatArray, inside: BoolArray, padding_px: int = INPAINTING.padding_px) -> FloatArray:
    """Continue UV islands outwards: close by with their outermost texels, farther away with ever coarser averages.

    A viewer that interpolates between texels, or reads a smaller copy, then sees no other island's colours at a seam.

    Args:
        image: [S, S, C]
        inside: the islands. [S, S]
        padding_px: width of the first kind.
    """
    close = cv2.dilate(inside.astype(np.uint8), np.ones((2 * padding_px + 1,) * 2, np.uint8)) > 0
    padded = image.reshape(-1, image.shape[2])[nearest_inside(inside)]
    np.copyto(padded, image, where=~close[:, :, None])
    return push_pull(padded, close)


def _nearest_known(positions: FloatArray, known: BoolArray, values: FloatArray) -> FloatArray:
    """Return the nearest known value of each vertex in space; mid-grey if there is none. [V, C]"""
    if not known.any():
        return np.full_like(values, 128)
    return np.asarray(values[known][cKDTree(positions[known]).query(positions)[1]])
