"""Which frames give the texture's detail, and where: few of them, each where its view is best, with hidden seams."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, triu
from torch import Tensor
from torch.nn.functional import normalize

from fit_avatar.body.operators import smoothed
from fit_avatar.texture.alpha_expansion import alpha_expansion
from fit_avatar.visibility.views import viewing_cosine

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class ViewSelectionConfig:
    """How key frames are selected and assigned to the surface.

    Costs are per vertex; the best possible view costs 0 and the worst 1. All values were chosen by hand.
    """

    max_key_frames: int = 20
    """Key frames at most; more take longer and make more seams."""
    min_gain: float = 0.01
    """Another key frame is taken only if it improves the quality of the whole body by this fraction."""
    full_quality: float = 0.1
    """Quality from which a vertex counts as fully seen, where it matters how much of the face a frame sees."""
    frontal_power: float = 4.0
    """Power of the cosine between the face's direction and the line of sight in the choice of the portrait."""
    smoothing_rounds: int = 4
    """Rounds of smoothing of the costs over the mesh; more give larger patches."""
    blend_rounds: int = 3
    """Rounds of smoothing of the patches' borders; more blend over a wider strip."""
    disagreement_cost: float = 0.5
    """Cost of a frame whose colours disagree with those of the others."""
    blur_cost: float = 0.4
    """Cost of a frame that is blurred where another one is sharp."""
    colour_scale: float = 25.0
    """Colour difference, in grey levels of 255, that counts as full disagreement and as a unit of the seams' cost."""
    hidden_cost: float = 20.0
    """Cost of a frame that does not see the vertex."""
    face_cost: float = 3.0
    """Cost, on the face, of every frame but the portrait."""
    seam_cost: float = 0.08
    """Cost of each edge that a seam crosses where both frames show the same; a higher one makes seams shorter."""
    sweeps: int = 2
    """Sweeps of α-expansion over all labels, at most; later ones hardly change anything."""


VIEW_SELECTION = ViewSelectionConfig()


def select_key_frames(
    quality: Tensor, area: Tensor, portrait: int | None, config: ViewSelectionConfig = VIEW_SELECTION
) -> list[int]:
    """Select frames greedily, each time the one that improves the body's best quality most; the portrait first.

    Args:
        quality: of each frame at each vertex; 0 = hidden. [T, V]
        area: of each vertex. [V]
        portrait: the frame that the face is painted from, or None.
        config: when to stop.
    """
    weighted = quality * area
    best, selected = torch.zeros_like(weighted[0]), []
    if portrait is not None and bool(weighted[portrait].any()):
        selected, best = [portrait], weighted[portrait]
    total = float(weighted.amax(0).sum())
    while len(selected) < min(config.max_key_frames, len(weighted)):
        gains = (weighted - best).clamp_min(0).sum(1)
        gain, frame = torch.stack([x.double() for x in gains.max(0)]).tolist()
        if gain <= config.min_gain * total or total == 0:
            break
        selected.append(int(frame))
        best = torch.maximum(best, weighted[int(frame)])
    return selected


def select_portrait(
    vertices: Tensor,
    normals: Tensor,
    quality: Tensor,
    area: Tensor,
    config: ViewSelectionConfig = VIEW_SELECTION,
) -> int | None:
    """Return the frame that sees the face, and most frontally; None if the body has no face.

    Args:
        vertices: posed. [T, V, 3]
        normals: of the vertices. [T, V, 3]
        quality: of each frame at each vertex. [T, V]
        area: of each vertex on the face, 0 elsewhere. [V]
        config: how much the angle counts.
    """
    if not bool(area.any()):
        return None
    centre = torch.einsum("v,tvc->tc", area / area.sum(), vertices)
    forward = normalize(torch.einsum("v,tvc->tc", area, normals), dim=1, eps=1e-9)
    visible = quality.clamp_max(config.full_quality) @ area
    return int((visible * viewing_cosine(centre, forward).clamp(0, 1) ** config.frontal_power).argmax())


def select_views(
    quality: FloatArray,
    residual: FloatArray,
    sharpness: FloatArray,
    appearance: FloatArray,
    neighbours: csr_matrix,
    face: FloatArray,
    portrait: int | None,
    config: ViewSelectionConfig = VIEW_SELECTION,
) -> FloatArray:
    """Return each key frame's weight at each vertex; rows sum to 1, or to 0 where none sees it. [V, K]

    A labelling of the mesh with data and seam costs (Lempitsky and Ivanov 2007, section 3), blended at its borders.

    Args:
        quality: of the K key frames; 0 = hidden. [K, V]
        residual: difference of their colours from what the others show, of 255. [K, V]
        sharpness: on any scale. [K, V]
        appearance: the colours at the vertices, in the same light, 0 to 255. [K, V, 3]
        neighbours: of each vertex. [V, V]
        face: vertices (weight > 0.5) that the portrait paints as far as it sees them: a face put together from
            several photographs is nobody's. [V]
        portrait: position of that frame among the K, or None.
        config: the costs.
    """
    visible = quality.T > 0
    cost = _data_cost(quality.T, residual.T, sharpness.T, neighbours, config)
    if portrait is not None:
        bound = (face > 0.5) & visible[:, portrait]
        cost[bound] += config.face_cost
        cost[bound, portrait] -= config.face_cost
    edges = np.stack(triu(neighbours).nonzero(), axis=1)
    # what is hidden shows nothing: it neither matches nor differs
    shown = np.where(visible.T[:, :, None], appearance, 0).transpose(1, 0, 2) / config.colour_scale
    possible = visible | ~visible.any(axis=1, keepdims=True)  # what no frame shows hides the seams
    labels = alpha_expansion(cost, edges, shown.astype(np.float32), config.seam_cost, config.sweeps, possible)

    weights = np.zeros_like(cost)
    weights[np.arange(len(labels)), labels] = 1
    weights = smoothed(weights * visible, neighbours, config.blend_rounds) * visible
    return np.asarray(weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-9), dtype=np.float32)


def _data_cost(
    quality: FloatArray,
    residual: FloatArray,
    sharpness: FloatArray,
    neighbours: csr_matrix,
    config: ViewSelectionConfig,
) -> FloatArray:
    """Return the cost of painting each vertex from each key frame. [V, K] each"""
    visible = quality > 0
    disagreement = np.minimum(residual / config.colour_scale, 1)
    quality, sharpness, disagreement = (
        smoothed(values, neighbours, config.smoothing_rounds) for values in (quality, sharpness, disagreement)
    )
    quality, sharpest = np.where(visible, quality, 0), np.where(visible, sharpness, 0).max(axis=1, keepdims=True)
    cost = 1 - quality / np.maximum(quality.max(axis=1, keepdims=True), 1e-9)
    cost += config.blur_cost * (1 - sharpness / np.maximum(sharpest, 1e-9))
    cost += config.disagreement_cost * disagreement
    return np.where(visible, cost, config.hidden_cost).astype(np.float32)
