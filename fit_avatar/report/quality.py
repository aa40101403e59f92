"""Which part of the avatar is measured and which is a guess: coverage and confidence of every vertex.

A vertex is known if several frames saw it, and if little speaks for an error there: see
:mod:`fit_avatar.report.expected_error`.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from torch import Tensor

from fit_avatar.body.garment import is_garment
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.model import Body
from fit_avatar.body.operators import smoothed
from fit_avatar.body.skinning import weighted_sum
from fit_avatar.body.state import BodyState
from fit_avatar.capture.types import Camera, Capture
from fit_avatar.progress import StepProgress
from fit_avatar.report.expected_error import (
    EXPECTED_ERROR,
    ExpectedErrorConfig,
    expected_error,
    from_pelvis,
    limb_differences,
)
from fit_avatar.report.limb_check import limb_trust
from fit_avatar.visibility.frame_views import FrameViews

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class QualityConfig:
    """How coverage and contours become confidence. All values are chosen by hand."""

    enough_frames: int = 5
    """Confidence grows with the number of frames that saw a vertex, up to this many."""
    grazing_cosine: float = 0.2
    """Cosine between surface normal and line of sight below which a vertex does not count as seen."""
    square_cosine: float = 0.7
    """Such a cosine from which a vertex is seen as well as possible."""
    rim_cosine: float = 0.3
    """Largest such cosine at the body's own contour."""
    rim_distance: float = 0.003
    """Rim vertices are at most this far from the contour of the drawn body, as a fraction of the picture's longer
    side."""
    half_error_m: float = 0.0075
    """Expected error that halves the confidence, in metres."""
    rings: int = 3
    """The distance of a contour that is reported is shared with vertices this many edges away."""
    expected: ExpectedErrorConfig = EXPECTED_ERROR
    """What speaks for an error."""


QUALITY = QualityConfig()


@dataclass(frozen=True)
class Quality:
    """How well each of V vertices is known."""

    frames: NDArray[np.int64]  # [V] number of frames that saw it
    best_cosine: FloatArray  # [V] largest cosine between normal and line of sight; 0 if no frame saw it
    contour_error_m: FloatArray  # [V] root mean square distance from the contours; NaN where none was near
    expected_error_m: FloatArray  # [V] distance from the true surface that is to be expected
    confidence: FloatArray  # [V] in [0, 1]


def measure_quality(
    body: Body,
    state: BodyState,
    capture: Capture,
    progress: StepProgress | None = None,
    frame_views: FrameViews | None = None,
    config: QualityConfig = QUALITY,
) -> Quality:
    """Measure coverage and contour distance in every frame.

    Args:
        body: the body.
        state: shape and the poses of the capture's T frames.
        capture: masks and camera.
        progress: called with (frames done, number of frames).
        frame_views: what each frame shows of the body, if it is computed already.
        config: thresholds.
    """
    frame_views = frame_views or FrameViews(body, state, capture)
    count = len(body.template)
    normals = vertex_normals(frame_views.vertices, body.faces)
    frames, best = torch.zeros_like(normals[0, :, 0], dtype=torch.int64), torch.zeros_like(normals[0, :, 0])
    on_rim: list[tuple[Tensor, ...]] = []
    for t, view in enumerate(frame_views.views()):
        viewed = view.at(frame_views.vertices[t], normals[t], capture.camera)
        seen = view.seen & (viewed.cosine > config.grazing_cosine) & (viewed.confidence > 0)
        frames += seen
        best = torch.maximum(best, torch.where(seen, viewed.cosine, 0.0))
        on_rim.append((view.seen & (viewed.cosine.abs() < config.rim_cosine), viewed.pixels, viewed.depth))
    edge_on, pixels, depth = (torch.stack(each).cpu().numpy() for each in zip(*on_rim, strict=True))
    distances, squares, contacts = (np.zeros(count, np.float32) for _ in range(3))
    for t, (mask, drawn) in enumerate(zip(capture.masks, frame_views.silhouettes(), strict=True)):
        rim, distance = rim_errors(edge_on[t], pixels[t], depth[t], drawn, mask, capture.camera, config)
        distances[rim] += distance
        squares[rim] += distance**2
        contacts[rim] += 1
        if progress:
            progress(t + 1, len(capture.masks))
    error = np.sqrt(_spread(squares, contacts, frame_views.neighbours, config.rings))
    around = _spread(distances, contacts, frame_views.neighbours, config.expected.rings)
    rest, seen_by, frontal = (a.cpu().numpy() for a in (frame_views.bind_vertices, frames, best))
    joints = np.asarray((body.joint_template + weighted_sum(body.joint_basis, state.betas)).detach().cpu())
    limbs = limb_differences(body, rest, joints, limb_trust(body, state, capture), config.expected)
    away = from_pelvis(body, rest, joints)
    steep, cloth = steepness(frontal, config), is_garment(body)
    expected = expected_error(around, steep, away, limbs, cloth, config.expected)
    return Quality(seen_by, frontal, error, expected, confidence(seen_by, expected, config))


def steepness(best_cosine: FloatArray, config: QualityConfig = QUALITY) -> FloatArray:
    """Return how squarely the best frame sees each vertex: 0 (along the surface, or none) to 1. [V]"""
    span = config.square_cosine - config.grazing_cosine
    return np.asarray(np.clip((best_cosine - config.grazing_cosine) / span, 0, 1), np.float32)


def confidence(frames: NDArray[np.int64], expected_error_m: FloatArray, config: QualityConfig = QUALITY) -> FloatArray:
    """Return the confidence of every vertex, 0 (a guess) to 1 (measured). Arguments as in :class:`Quality`. [V]"""
    often = np.minimum(frames / config.enough_frames, 1)
    return np.asarray(often / (1 + (expected_error_m / config.half_error_m) ** 2), np.float32)


def rim_errors(
    edge_on: NDArray[np.bool_],
    pixels: FloatArray,
    depth: FloatArray,
    drawn: NDArray[np.bool_],
    mask: NDArray[np.bool_],
    camera: Camera,
    config: QualityConfig = QUALITY,
) -> tuple[NDArray[np.int64], FloatArray]:
    """Return the vertices on the body's contour [N] and their distances from the mask's contour in metres [N].

    Args:
        edge_on: vertices that may be on the contour. [V]
        pixels: projections of the vertices. [V, 2]
        depth: metres. [V]
        drawn: True on the fitted body. [H, W]
        mask: True on the person; there is no contour where the border of the picture cuts it. [H, W]
        camera: of the picture.
        config: thresholds.
    """
    column, row = np.floor(pixels).astype(np.int64).T
    inside = (column >= 0) & (column < camera.width) & (row >= 0) & (row < camera.height)
    rim = np.flatnonzero(edge_on & inside)
    rim = rim[_to_contour(drawn, row[rim], column[rim]) <= config.rim_distance * max(camera.width, camera.height)]
    if not len(rim) or mask.all() or not mask.any():
        return rim[:0], np.zeros(0, np.float32)
    error_px = (_to_contour(mask, row[rim], column[rim]) - 0.5).clip(0)
    return rim, np.asarray(error_px * depth[rim] / min(camera.fx, camera.fy), np.float32)


def _to_contour(mask: NDArray[np.bool_], row: NDArray[np.int64], column: NDArray[np.int64]) -> FloatArray:
    """Return the distances of N pixels from the nearest pixel on the other side of a mask's contour. [N]"""
    if not len(row):
        return np.zeros(0, np.float32)
    # the distance transform is only needed around the mask and the pixels
    rows, columns = np.r_[np.flatnonzero(mask.any(1)), row], np.r_[np.flatnonzero(mask.any(0)), column]
    top, left = max(rows.min() - 1, 0), max(columns.min() - 1, 0)
    solid = mask[top : rows.max() + 2, left : columns.max() + 2].astype(np.uint8)
    within, beyond = (cv2.distanceTransform(side, cv2.DIST_L2, 5) for side in (solid, 1 - solid))
    return np.asarray((within + beyond)[row - top, column - left], np.float32)


def _spread(sums: FloatArray, contacts: FloatArray, neighbours: csr_matrix, rings: int) -> FloatArray:
    """Return the mean around each vertex, NaN where no contour was near. sums, contacts [V] → [V]"""
    sums, contacts = (smoothed(values, neighbours, rings) for values in (sums, contacts))
    return np.where(contacts > 0, sums / np.maximum(contacts, 1e-12), np.nan).astype(np.float32)
