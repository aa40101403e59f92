"""Which frames paint which triangle: a few good ones for the colour, as few as possible for the detail."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from fit_avatar.texture.graph import averaging

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

SLOTS = 12
"""Frames that a triangle is painted from."""
DETAIL_SLOTS = 2
"""How many of them may give detail; they come first."""
COLOUR_FRAMES = 10
"""How many frames give a vertex its colour: the best, each by how much it is better than the next that does not."""
MAX_KEY_FRAMES = 16
PORTRAIT = 4.0
"""How much the portrait counts in the face's colour, against all others together."""
ENOUGH = 0.1
"""Quality from which a vertex counts as seen where it matters how much of the face a frame sees."""
KEY_GAIN = 0.02
"""Another key frame is taken only if it improves the detail of the whole body by this much."""
SPREAD, BLEND = 12, 3
"""Rounds of smoothing over the mesh: of the quality before the choice, for large patches, and of the
patches' borders, for soft ones."""


@dataclass(frozen=True)
class Choice:
    """The frames that paint each triangle."""

    frames: IntArray  # [F, SLOTS] positions in the T frames, -1 for none
    colour: FloatArray  # [V, T] weight of each frame in a vertex's colour; continuous over the mesh
    detail: FloatArray  # [V, T] share of each key frame in a vertex's detail; rows sum to 1, or 0 if unseen
    key_frames: tuple[int, ...]


def choose_frames(
    quality: FloatArray,
    faces: IntArray,
    neighbours: csr_matrix,
    area: FloatArray,
    face: FloatArray,
    portrait: int | None,
) -> Choice:
    """Choose frames for every triangle.

    Args:
        quality: of each frame at each vertex; 0 = hidden. [T, V]
        faces: [F, 3]
        neighbours: of each vertex. [V, V]
        area: of each vertex's surroundings. [V]
        face: vertices (weight > 0.5) that take their detail from one frame as far as it sees them: a face
            put together from several photographs is nobody's. [V]
        portrait: that frame, or None.
    """
    smooth = averaging(neighbours)
    spread = quality.T.copy()
    for _ in range(SPREAD):
        spread = smooth @ spread
    # where a frame does not see a vertex it may not win it, however good it is around
    spread = np.where(quality.T > 0, spread, 0)
    key_frames = _key_frames(spread, area)
    detail = np.zeros_like(spread)
    if key_frames:
        if portrait is not None:
            key_frames = [portrait, *(t for t in key_frames if t != portrait)]
            spread[:, portrait] += np.where((face > 0.5) & (spread[:, portrait] > 0), spread.max(), 0)
        best = np.asarray(key_frames)[spread[:, key_frames].argmax(axis=1)]
        detail[np.arange(len(best)), best] = spread.max(axis=1) > 0
        for _ in range(BLEND):
            detail = smooth @ detail
        detail = np.where(quality.T > 0, detail, 0)
        detail /= np.maximum(detail.sum(axis=1, keepdims=True), 1e-9)

    colour = _excess(quality.T, COLOUR_FRAMES)
    if portrait is not None:
        soft = face[:, None] * np.minimum(quality[portrait, :, None] / ENOUGH, 1)
        for _ in range(BLEND):
            soft = smooth @ soft
        colour[:, portrait] += PORTRAIT * colour.sum(axis=1) * soft[:, 0] * (quality[portrait] > 0)
    # detail first, then the best of the rest
    share, merit = detail[faces].mean(axis=1), colour[faces].mean(axis=1)
    order = np.argsort(-share, axis=1, kind="stable")[:, :DETAIL_SLOTS]
    wanted = np.take_along_axis(share, order, axis=1) > 0
    np.put_along_axis(merit, order, np.where(wanted, np.inf, np.take_along_axis(merit, order, axis=1)), axis=1)
    best = np.argsort(-merit, axis=1, kind="stable")[:, :SLOTS]
    frames = np.full((len(faces), SLOTS), -1)
    frames[:, : best.shape[1]] = np.where(np.take_along_axis(merit, best, axis=1) > 0, best, -1)
    return Choice(frames, colour, detail.astype(np.float32), tuple(key_frames))


def _excess(quality: FloatArray, count: int) -> FloatArray:
    """Keep the ``count`` best frames of each vertex, by how much they exceed the next. [V, T]

    A frame that enters or leaves the best does so with weight 0, so that no border shows.
    """
    if quality.shape[1] <= count:
        return quality
    threshold = -np.partition(-quality, count, axis=1)[:, count : count + 1]
    return np.asarray(np.maximum(quality - threshold, 0))


def _key_frames(quality: FloatArray, area: FloatArray) -> list[int]:
    """Take frames one by one, each time the one that improves the body's best quality most. quality [V, T]"""
    weighted = quality * area[:, None]
    total = float(weighted.max(axis=1).sum())
    best, chosen = np.zeros(len(weighted), weighted.dtype), []
    for _ in range(min(MAX_KEY_FRAMES, weighted.shape[1])):
        gain = np.maximum(weighted - best[:, None], 0).sum(axis=0)
        frame = int(gain.argmax())
        if gain[frame] <= KEY_GAIN * total or total == 0:
            break
        chosen.append(frame)
        best = np.maximum(best, weighted[:, frame])
    return chosen
