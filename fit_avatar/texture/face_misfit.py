"""How far a fitted face has its features beside those of the person, the same in all frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fit_avatar.body.face_points import FacePoints
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.capture.types import Camera
from fit_avatar.visibility.views import viewing_cosine

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class FaceMisfitConfig:
    """How the points of all frames together tell it. All values were chosen by hand."""

    min_cosine: float = 0.3
    """Between a point's normal and the line of sight: others lie at the outline, and are guessed."""
    prior_m: float = 0.03
    """Prior on a point's misfit: frames from one side say nothing of its depth."""
    noise_m: float = 0.006
    """Noise of a point in one frame: mostly that of the head's pose, which all points share."""


FACE_MISFIT = FaceMisfitConfig()


def face_misfit(
    points: FacePoints,
    found: FloatArray,
    vertices: FloatArray,
    faces: NDArray[np.int64],
    camera: Camera,
    config: FaceMisfitConfig = FACE_MISFIT,
) -> float:
    """Return the median distance in metres between the points on the fitted face and where the frames show them.

    Each point's shift in the head's axes is the one that explains it in all frames best, by least squares.

    Args:
        points: P points of the face on the body.
        found: the same in the frames that show the face, (u, v, confidence). [T, 468, 3]
        vertices: posed in these, in camera coordinates. [T, V, 3]
        faces: [F, 3]
        camera: of the frames.
        config: how far points are believed.
    """
    still = points.on(vertices[0].astype(np.float64))
    normal, right = np.tile(np.eye(3) / config.prior_m**2, (len(still), 1, 1)), np.zeros((len(still), 3))
    for posed, shown in zip(vertices, found, strict=True):
        there = points.on(posed.astype(np.float64))
        outwards = points.on(vertex_normals(posed, faces).astype(np.float64))
        cosine = viewing_cosine(there.astype(np.float32), outwards.astype(np.float32))
        detected = shown[points.index].astype(np.float64)
        off = (detected[:, :2] - camera.project(there)) * there[:, 2:] / [camera.fx, camera.fy]
        weight = np.where(cosine > config.min_cosine, detected[:, 2], 0) / config.noise_m**2
        across = _rotation(still, there)[:2]
        normal += weight[:, None, None] * (across.T @ across)
        right += weight[:, None] * (off @ across)
    shift = np.linalg.solve(normal, right[..., None])[..., 0]
    return float(np.median(np.linalg.norm(shift, axis=1)))


def _rotation(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rotation that takes one set of points [N, 3] to another as well as can be (Kabsch 1976). [3, 3]"""
    u, _, vt = np.linalg.svd((source - source.mean(axis=0)).T @ (target - target.mean(axis=0)))
    flip = np.diag([1, 1, np.sign(np.linalg.det(vt.T @ u.T))])
    return np.asarray(vt.T @ flip @ u.T)
