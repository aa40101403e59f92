"""Plausible colours where no frame looked: the body's other side first, then what is around goes on."""

from __future__ import annotations

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

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

SEEN, MIRRORED, CONTINUED = 1, 2, 3
"""Where a texel's colour comes from; 0 is outside the islands."""
LITTLE = 0.03
"""Where the quality is less than this part of the median, what was seen fades into what is imagined."""
COARSE = 1 / 100
"""What is broader than this part of the texture is colour, what is finer detail."""
FRAY = 1 / 300
"""Over this part of the texture what was seen goes over into what is imagined: it ends with whole triangles, whose
teeth would show."""
CONTRAST = 10.0
"""Grey levels that the continued detail keeps at most: grain, not laces and prints."""
MARGIN = 4
"""Texels around the islands that have the colour of their edge."""
DARKNESS = 0.55
"""Brightness of parts that nobody saw at all (teeth, tongue), relative to what is seen nearest to them."""


def fill_unseen(
    body: Body, atlas: Atlas, neighbours: csr_matrix, colours: FloatArray, support: FloatArray
) -> tuple[FloatArray, NDArray[np.uint8]]:
    """Colour the texels that no frame saw, and go over to them softly where frames saw little.

    A texel whose mirror image was seen takes its colour, corrected by the difference between the two
    sides around the gap; the others continue the colours around them along the surface, and their fine detail.

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
    near = _blur_known(
        atlas.paint(seen[:, None].astype(np.float32)).reshape(-1, 1), atlas.inside.ravel(), atlas.size, FRAY
    )
    confidence = confidence * (2 * near[atlas.texel, 0] - 1).clip(0, 1)
    imagined, mirrored = _imagine(body, atlas, neighbours, colours, confidence)
    colours = imagined + confidence[:, None] * (colours - imagined)
    origin = np.where(seen, SEEN, np.where(mirrored, MIRRORED, CONTINUED)).astype(np.uint8)
    return np.clip(colours, 0, 255), origin


def _imagine(
    body: Body, atlas: Atlas, neighbours: csr_matrix, colours: FloatArray, confidence: FloatArray
) -> tuple[FloatArray, BoolArray]:
    """Return what each texel would be if it had not been seen [N, 3], and which come from the other side [N].

    colours [N, 3], confidence in them [N]
    """
    other = mirror_texels(body, atlas)
    image, trust = (atlas.paint(values).reshape(atlas.size**2, -1) for values in (colours, confidence[:, None]))
    share = trust[other]
    seen = trust[:, 0] >= 1
    laplacian, component = graph_laplacian(neighbours), connected_components(neighbours, directed=False)[1]
    at_vertex = vertex_texels(body, atlas.size)
    on_other_side = at_vertex[body.mirror.cpu().numpy()]
    both = seen[at_vertex] & seen[on_other_side]
    blurred = _blur_known(image, seen, atlas.size)
    difference = blurred[at_vertex] - blurred[on_other_side]
    difference = harmonic(laplacian, component, difference, both, np.zeros(3, np.float32))
    mirrored = image[other] + atlas.interpolate(difference)

    known = seen.copy()
    known[atlas.texel] |= share[:, 0] >= 1
    image[atlas.texel] = np.where(seen[atlas.texel, None], colours, mirrored)
    blurred = _blur_known(image, known, atlas.size)[at_vertex]
    coarse = continued(body.template.cpu().numpy(), neighbours, blurred, known[at_vertex])
    island = np.full(atlas.size**2, -1)
    island[atlas.texel] = islands(body)[atlas.face]
    square = (atlas.size, atlas.size)
    fine = reflected_detail(image.reshape(*square, 3), known.reshape(square), island.reshape(square))
    imagined = atlas.interpolate(coarse) + fine.reshape(-1, 3)[atlas.texel]
    from_other_side = np.asarray(share[:, 0] > 0)
    return np.asarray(imagined + share * (mirrored - imagined), dtype=np.float32), from_other_side


def continued(places: FloatArray, neighbours: csr_matrix, values: FloatArray, known: BoolArray) -> FloatArray:
    """Continue vertex values from the rims of the holes into them; darker, where no part of a component is known.

    Each rim vertex counts by the fourth power of its nearness, so the two sides of a hole that differ (sleeve and arm)
    meet in its middle, and the surface is continued across the seams of the texture.

    Args:
        places: of the vertices. [V, 3]
        neighbours: of each vertex. [V, V]
        values: [V, C]
        known: [V]

    Returns:
        [V, C]; known values unchanged.
    """
    out = np.where(known[:, None], values, _nearest(places, known, DARKNESS * values))
    unknown = np.flatnonzero(~known)
    count, hole_of = connected_components(neighbours[unknown][:, unknown], directed=False)
    for label in range(count):
        hole = unknown[hole_of == label]
        around = np.unique(neighbours[hole].indices)
        rim = around[known[around]]
        if len(rim):
            nearness = 1 / (cdist(places[hole], places[rim]) ** 4 + 1e-12)
            out[hole] = nearness @ values[rim] / nearness.sum(axis=1, keepdims=True)
    return np.asarray(out, dtype=np.float32)


def reflected_detail(image: FloatArray, known: BoolArray, island: IntArray) -> FloatArray:
    """Return fine detail for holes: that of their surroundings, reflected in the nearest texel of the rim. [S, S, 3]

    A line that reaches the rim goes straight on, and grain stays grain.

    Args:
        image: [S, S, 3]
        known: [S, S]
        island: label of each texel's island; −1 outside. [S, S]
    """
    size = len(image)
    mean = _blur_known(image.reshape(-1, 3), known.ravel(), size, COARSE).reshape(image.shape)
    detail = np.where(known[:, :, None], CONTRAST * np.tanh((image - mean) / CONTRAST), 0)
    hole = np.flatnonzero((island >= 0) & ~known)
    rim = nearest_inside(known).ravel()[hole]
    (y, x), (rim_y, rim_x) = np.divmod(hole, size), np.divmod(rim, size)
    source = (2 * rim_y - y).clip(0, size - 1) * size + (2 * rim_x - x).clip(0, size - 1)
    labels = island.ravel()
    same = (labels[source] == labels[hole]) & known.ravel()[source]
    out = np.zeros_like(image)
    out.reshape(-1, 3)[hole[same]] = detail.reshape(-1, 3)[source[same]]
    return out


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


def surround(image: FloatArray, inside: BoolArray) -> FloatArray:
    """Continue the islands outwards: close by with their outermost texels, farther away with ever coarser averages.

    A viewer that reads between texels, or from a smaller copy, then sees no other island's colours at a seam.

    Args:
        image: [S, S, C]
        inside: the islands. [S, S]
    """
    close = cv2.dilate(inside.astype(np.uint8), np.ones((2 * MARGIN + 1,) * 2, np.uint8)) > 0
    near = image.reshape(-1, image.shape[2])[nearest_inside(inside)]
    return push_pull(np.where(close[:, :, None], near, image), close)


def nearest_inside(inside: BoolArray) -> IntArray:
    """Return for each pixel the nearest one inside (itself, if it is), as an index into the flattened image. [S, S]"""
    own = np.arange(inside.size).reshape(inside.shape)
    if inside.all() or not inside.any():
        return own
    outside = (~inside).astype(np.uint8)
    _, label = cv2.distanceTransformWithLabels(outside, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    index = np.zeros(label.max() + 1, np.int64)
    index[label[inside]] = own[inside]
    return np.asarray(index[label])


def _nearest(places: FloatArray, known: BoolArray, values: FloatArray) -> FloatArray:
    """Return each vertex's value, or the nearest known one in space; middle grey if there is none. [V, C]"""
    if not known.any():
        return np.full_like(values, 128)
    return np.asarray(values[known][cKDTree(places[known]).query(places)[1]])


def _blur_known(image: FloatArray, known: BoolArray, size: int, part: float = 1 / 512) -> FloatArray:
    """Average the known texels around each texel, as far as a part of the image. image [S², C], known [S²]"""
    weight = known.reshape(size, size).astype(np.float32)
    window = (2 * max(1, int(size * part)) + 1,) * 2
    colour = cv2.blur(image.reshape(size, size, -1) * weight[:, :, None], window).reshape(size, size, -1)
    mean = colour / np.maximum(cv2.blur(weight, window), 1e-6)[:, :, None]
    return np.asarray(mean.reshape(size * size, -1), dtype=np.float32)
