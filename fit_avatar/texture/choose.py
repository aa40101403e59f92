"""Which frames give the detail, and where: few of them, each where it sees best, with seams that do not show."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, triu

from fit_avatar.body.operators import smoothed
from fit_avatar.texture.label import label
from fit_avatar.visibility.views import facing

FloatArray = NDArray[np.float32]

MAX_KEY_FRAMES = 20
KEY_GAIN = 0.01
"""Another key frame is taken only if it improves the detail of the whole body by this much."""
ENOUGH = 0.1
"""Quality from which a vertex counts as seen where it matters how much of the face a frame sees."""
SQUARELY = 4
"""Power of the cosine between the face's direction and the line of sight in that comparison."""
SPREAD, BLEND = 4, 3
"""Rounds of smoothing over the mesh: of the quality before the choice, and of the borders of the chosen patches."""
RESIDUAL, FOCUS = 0.5, 0.4
"""Cost of a frame that disagrees with the others, and of one that is blurred, where a bad view costs 1."""
FITTING = 25.0
"""Difference from the others, of 255, that counts fully as disagreement, and as one unit of a seam's cost."""
HIDDEN, NOT_THE_PORTRAIT = 20.0, 3.0
"""Cost of a frame that does not see the vertex, and on the face of any but the portrait."""
CHANGE = 0.08
"""Cost of a seam where both frames show the same, for each edge that it crosses."""


def key_frames(quality: FloatArray, area: FloatArray, portrait: int | None) -> list[int]:
    """Take frames one by one, each time the one that improves the body's best quality most; the portrait first.

    Args:
        quality: of each frame at each vertex; 0 = hidden. [T, V]
        area: of each vertex's surroundings. [V]
        portrait: the frame that the face is painted from, or None.
    """
    weighted = quality * area
    best, chosen = np.zeros_like(weighted[0]), []
    if portrait is not None and weighted[portrait].any():
        chosen, best = [portrait], weighted[portrait]
    total = float(weighted.max(axis=0).sum())
    while len(chosen) < min(MAX_KEY_FRAMES, len(weighted)):
        gain = np.maximum(weighted - best, 0).sum(axis=1)
        frame = int(gain.argmax())
        if gain[frame] <= KEY_GAIN * total or total == 0:
            break
        chosen.append(frame)
        best = np.maximum(best, weighted[frame])
    return chosen


def find_portrait(vertices: FloatArray, normals: FloatArray, quality: FloatArray, area: FloatArray) -> int | None:
    """Return the frame that looks at the face most squarely and sees it.

    Args:
        vertices: posed. [T, V, 3]
        normals: of the vertices. [T, V, 3]
        quality: of each frame at each vertex. [T, V]
        area: of each vertex's surroundings on the face, 0 elsewhere. [V]
    """
    if not area.any():
        return None
    place = np.einsum("v,tvc->tc", area / area.sum(), vertices)
    forward = np.einsum("v,tvc->tc", area, normals)
    forward /= np.maximum(np.linalg.norm(forward, axis=1, keepdims=True), 1e-9)
    visible = np.minimum(quality, ENOUGH) @ area
    return int((visible * facing(place, forward).clip(0, 1) ** SQUARELY).argmax())


def choose(
    quality: FloatArray,
    residual: FloatArray,
    focus: FloatArray,
    appearance: FloatArray,
    neighbours: csr_matrix,
    face: FloatArray,
    portrait: int | None,
) -> FloatArray:
    """Return each key frame's share in the detail of each vertex; rows sum to 1, or 0 where none sees it. [V, K]

    Args:
        quality: of the K key frames; 0 = hidden. [K, V]
        residual: how far their colours are from what the others show there, of 255. [K, V]
        focus: how sharp they are there, on any scale. [K, V]
        appearance: the colours at the vertices, in the same light, 0 to 255. [K, V, 3]
        neighbours: of each vertex. [V, V]
        face: vertices (weight > 0.5) that the portrait paints as far as it sees them: a face put together from
            several photographs is nobody's. [V]
        portrait: position of that frame among the K, or None.
    """
    spread, sharpness, misfit = (
        smoothed(values, neighbours, SPREAD) for values in (quality.T, focus.T, np.minimum(residual.T / FITTING, 1))
    )
    visible = quality.T > 0
    spread = np.where(visible, spread, 0)
    cost = 1 - spread / np.maximum(spread.max(axis=1, keepdims=True), 1e-9)
    cost += FOCUS * (1 - sharpness / np.maximum(np.where(visible, sharpness, 0).max(axis=1, keepdims=True), 1e-9))
    cost += RESIDUAL * misfit
    cost = np.where(visible, cost, HIDDEN)
    if portrait is not None:
        bound = (face > 0.5) & visible[:, portrait]
        cost[bound] += NOT_THE_PORTRAIT
        cost[bound, portrait] -= NOT_THE_PORTRAIT
    edges = np.stack(triu(neighbours).nonzero(), axis=1)
    # what is hidden shows nothing: it neither matches nor differs
    seen = np.where(visible.T[:, :, None], appearance, 0).transpose(1, 0, 2) / FITTING
    labels = label(cost.astype(np.float32), edges, seen.astype(np.float32), CHANGE)

    shares = np.zeros_like(spread)
    shares[np.arange(len(labels)), labels] = 1
    shares *= visible
    shares = smoothed(shares, neighbours, BLEND) * visible
    return np.asarray(shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-9), dtype=np.float32)
