"""Which part of the avatar is measured and which is a guess: coverage and confidence, vertex by vertex.

A place counts as known if several frames saw it, at least one of them squarely, and if the outlines of the
masks agree with the surface where it is the body's rim. Every one of the three can only lower the confidence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.model import Body
from fit_avatar.body.operators import smoothed
from fit_avatar.body.state import BodyState
from fit_avatar.capture.types import Camera, Capture
from fit_avatar.visibility.frame_views import FrameViews

FloatArray = NDArray[np.float32]
Progress = Callable[[int, int], None]

ENOUGH_FRAMES = 5
"""So many frames make a place as well known as frames can."""
GRAZING, SQUARE = 0.2, 0.7
"""Cosines between surface normal and line of sight: not counted as seen below the first, seen well from the second."""
RIM = 0.3
"""Largest such cosine at the body's own outline."""
NEAR_RIM = 0.003
"""Rim vertices are this near to the outline of the drawn body, as a part of the picture's longer side."""
AGREES_M = 0.010
"""Root mean square distance between outline and surface that halves the confidence."""
UNTOUCHED = 0.6
"""Factor where no outline ever touched: the shape there follows from what is around it and from the body model."""
RINGS = 3
"""An outline's evidence reaches so many edges along the surface."""


@dataclass(frozen=True)
class Quality:
    """What the frames tell about each of V vertices."""

    frames: NDArray[np.int64]  # [V] how many frames saw it
    best_cosine: FloatArray  # [V] of the frame that looked most squarely; 0 if none saw it
    contour_error_m: FloatArray  # [V] root mean square distance from the outlines; NaN where none touched
    confidence: FloatArray  # [V] in [0, 1]


def measure_quality(
    body: Body,
    state: BodyState,
    capture: Capture,
    progress: Progress | None = None,
    frame_views: FrameViews | None = None,
) -> Quality:
    """Look at the posed body in every frame.

    Args:
        body: the body.
        state: shape and the poses of the capture's T frames.
        capture: masks and camera.
        progress: called with (frames done, frames in all).
        frame_views: what the frames show of the body, where others have use for it, too.
    """
    frame_views = frame_views or FrameViews(body, state, capture)
    faces, count = body.faces.cpu().numpy(), len(body.template)
    frames = np.zeros(count, np.int64)
    best, squares, touches = (np.zeros(count, np.float32) for _ in range(3))
    for t, mask in enumerate(capture.masks):
        vertices, view = frame_views.vertices[t].cpu().numpy(), frame_views.view(t)
        viewed = view.at(vertices, vertex_normals(vertices, faces), capture.camera)
        seen = view.seen & (viewed.cosine > GRAZING) & (viewed.confidence > 0)
        frames += seen
        best = np.maximum(best, np.where(seen, viewed.cosine, 0))
        edge_on = view.seen & (np.abs(viewed.cosine) < RIM)
        drawn = frame_views.silhouette(t)
        rim, distance = rim_errors(edge_on, viewed.pixels, viewed.depth, drawn, mask, capture.camera)
        squares[rim] += distance**2
        touches[rim] += 1
        if progress:
            progress(t + 1, len(capture.masks))
    error = _spread(squares, touches, frame_views.neighbours)
    return Quality(frames, best, error, confidence(frames, best, error))


def confidence(frames: NDArray[np.int64], best_cosine: FloatArray, contour_error_m: FloatArray) -> FloatArray:
    """Return how far each place can be trusted, 0 (a guess) to 1 (measured). Arguments as in :class:`Quality`. [V]"""
    often = np.minimum(frames / ENOUGH_FRAMES, 1)
    squarely = np.clip((best_cosine - GRAZING) / (SQUARE - GRAZING), 0, 1)
    agrees = 1 / (1 + (contour_error_m / AGREES_M) ** 2)
    return np.asarray(often * squarely * np.where(np.isnan(agrees), UNTOUCHED, agrees), np.float32)


def rim_errors(
    edge_on: NDArray[np.bool_],
    pixels: FloatArray,
    depth: FloatArray,
    drawn: NDArray[np.bool_],
    mask: NDArray[np.bool_],
    camera: Camera,
) -> tuple[NDArray[np.int64], FloatArray]:
    """Return the vertices on the body's outline [N] and their distances from the mask's outline in metres [N].

    Args:
        edge_on: vertices that may be on the outline. [V]
        pixels: where the vertices fall in the picture. [V, 2]
        depth: metres. [V]
        drawn: True on the fitted body. [H, W]
        mask: True on the person; where the picture's border cuts it there is no outline. [H, W]
        camera: of the picture.
    """
    column, row = np.floor(pixels).astype(np.int64).T
    inside = (column >= 0) & (column < camera.width) & (row >= 0) & (row < camera.height)
    rim = np.flatnonzero(edge_on & inside)
    rim = rim[_to_outline(drawn, row[rim], column[rim]) <= NEAR_RIM * max(camera.width, camera.height)]
    if not len(rim) or mask.all() or not mask.any():
        return rim[:0], np.zeros(0, np.float32)
    error_px = (_to_outline(mask, row[rim], column[rim]) - 0.5).clip(0)
    return rim, np.asarray(error_px * depth[rim] / min(camera.fx, camera.fy), np.float32)


def _to_outline(mask: NDArray[np.bool_], row: NDArray[np.int64], column: NDArray[np.int64]) -> FloatArray:
    """Return the distances of N pixels from the nearest pixel on the other side of a mask's outline. [N]"""
    if not len(row):
        return np.zeros(0, np.float32)
    # what lies around the mask and the pixels is enough
    rows, columns = np.r_[np.flatnonzero(mask.any(1)), row], np.r_[np.flatnonzero(mask.any(0)), column]
    top, left = max(rows.min() - 1, 0), max(columns.min() - 1, 0)
    solid = mask[top : rows.max() + 2, left : columns.max() + 2].astype(np.uint8)
    within, beyond = (cv2.distanceTransform(side, cv2.DIST_L2, 5) for side in (solid, 1 - solid))
    return np.asarray((within + beyond)[row - top, column - left], np.float32)


def _spread(squares: FloatArray, touches: FloatArray, neighbours: csr_matrix) -> FloatArray:
    """Return the root mean square distance around each vertex, NaN where no outline touched nearby. [V]"""
    squares, touches = (smoothed(values, neighbours, RINGS) for values in (squares, touches))
    return np.where(touches > 0, np.sqrt(squares / np.maximum(touches, 1e-12)), np.nan).astype(np.float32)
