"""Where a frame shows the points of the face, beside where the fitted face has them: a smooth shift in the picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from scipy.spatial import cKDTree

from fit_avatar.body.face_points import FacePoints
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.model import Body
from fit_avatar.capture.types import Camera
from fit_avatar.texture.face_rims import EYES
from fit_avatar.visibility.views import viewing_cosine

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class FaceWarpConfig:
    """How the face's points are followed. All values were chosen by hand."""

    full_m: float = 0.012
    """On the default body's surface, so near to a point of the face the shift counts fully, and the face is painted
    from its own frames."""
    end_m: float = 0.035
    """So far from all of them both have faded out."""
    smoothing: float = 1e-3
    """Of the thin-plate spline through the shifts (Duchon 1977), in units of the face's height: single points have
    noise, of which it takes the larger part away."""
    eyes: float = 0.05
    """Times that for the lids' edges: a millimetre beside them shows."""
    eye_margin: float = 1.1
    """The lids' edges are taken so many times farther from the middle of an eye, so that lids show none of it."""
    min_cosine: float = 0.25
    """Between a point's normal and the line of sight; others lie at the outline or behind it, and are guessed."""
    max_shift: float = 0.25
    """Largest median shift, in heights of the face; beyond it the points are those of another face, or the fit is off,
    and the frame is not used."""
    min_points: int = 40
    """With fewer points that are seen the frame is not used."""


FACE_WARP = FaceWarpConfig()


def face_weight(body: Body, points: FacePoints, config: FaceWarpConfig = FACE_WARP) -> FloatArray:
    """Return how far each vertex belongs to the face that the points tell of, from 0 to 1. [V]"""
    template = body.template.cpu().numpy().astype(np.float64)
    distance = cKDTree(points.on(template)).query(template)[0]
    share = ((config.end_m - distance) / (config.end_m - config.full_m)).clip(0, 1)
    return np.asarray(share * share * (3 - 2 * share), dtype=np.float32)


def face_shift(
    points: FacePoints,
    detected: FloatArray,
    vertices: FloatArray,
    faces: NDArray[np.int64],
    camera: Camera,
    places: FloatArray,
    config: FaceWarpConfig = FACE_WARP,
) -> FloatArray | None:
    """Return how far the picture shows the surface from where the fit projects it, at some places. [N, 2] pixels

    Args:
        points: P points of the face on the body.
        detected: the same in the picture, (u, v, confidence), see :func:`with_lids`. [468, 3]
        vertices: posed, in camera coordinates. [V, 3]
        faces: [F, 3]
        camera: of the picture.
        places: in the picture, pixels. [N, 2]
        config: how closely they are followed.

    Returns:
        None where the points cannot be used.
    """
    on_face = points.on(vertices.astype(np.float64)).astype(np.float32)
    normals = points.on(vertex_normals(vertices, faces).astype(np.float64)).astype(np.float32)
    found = detected[points.index]
    seen = (viewing_cosine(on_face, normals) > config.min_cosine) & (found[:, 2] > 0)
    if seen.sum() < config.min_points:
        return None
    projected = camera.project(on_face)[seen].astype(np.float64)
    shift = found[seen, :2] - projected
    height = float(np.ptp(projected[:, 1]))
    middle = np.median(shift, axis=0)
    if not np.linalg.norm(middle) <= config.max_shift * height:
        return None
    smoothing = np.where(np.isin(points.index[seen], EYES), config.eyes * config.smoothing, config.smoothing)
    places_there, first = np.unique(projected.round(3), axis=0, return_index=True)
    spline = RBFInterpolator(places_there / height, shift[first] - middle, smoothing=smoothing[first])
    bounded = np.clip(places, projected.min(axis=0), projected.max(axis=0))  # splines run away outside their points
    return np.asarray(spline(bounded / height) + middle, dtype=np.float32)


def with_lids(detected: FloatArray, config: FaceWarpConfig = FACE_WARP) -> FloatArray:
    """Return points [..., 468, 3] with those of each eye moved away from its middle, onto the lids."""
    out = detected.copy()
    for eye in EYES:
        at = list(eye)
        middle = detected[..., at, :2].mean(axis=-2, keepdims=True)
        out[..., at, :2] = middle + config.eye_margin * (detected[..., at, :2] - middle)
    return out
