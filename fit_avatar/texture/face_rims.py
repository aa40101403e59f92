"""Points around the eyes, moved onto the edges of the body's own lids: there the picture's eyes are to lie."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fit_avatar.appearance.atlas import islands
from fit_avatar.body.face_points import FacePoints
from fit_avatar.body.model import Body

EYES = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
    (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466),
)
"""The edges of the right and left eye's lids among the 468 points of a face (Kartynnik et al. 2019)."""
NEAR_M = 0.02
"""The middle of an eye's points and that of the lids' edge are so near to each other. Chosen by hand: half the distance
to anything else with an edge."""


def on_rims(body: Body, points: FacePoints, inside: NDArray[np.bool_]) -> FacePoints:
    """Return the points with those of the eyes on the lids' edges.

    The detector sees the eyes of a bare body wider than the lids are open, by up to three millimetres: eyes painted by
    these points would show their whites on the lids. Each point goes to the vertex of the edge that it is nearest to
    when the points are scaled to the edge's width and height.

    Args:
        body: the body.
        points: on its surface.
        inside: triangles inside the face, see :func:`~fit_avatar.texture.interior.interior`. [F]
    """
    template, label = body.template.cpu().numpy().astype(np.float64), islands(body)
    faces = body.faces.cpu().numpy()
    places, corners, weights = points.on(template), points.corners.copy(), points.weights.copy()
    outer = np.unique(faces[~inside])
    rims = [np.intersect1d(np.unique(faces[label == each]), outer) for each in np.unique(label[inside])]
    for eye in EYES:
        mine = np.flatnonzero(np.isin(points.index, eye))
        if not len(mine):
            continue
        middle = _middle(places[mine])
        near = [rim for rim in rims if len(rim) and np.linalg.norm(_middle(template[rim]) - middle) < NEAR_M]
        if not near:
            continue
        rim = min(near, key=lambda rim: float(np.linalg.norm(_middle(template[rim]) - middle)))
        scale = np.ptp(template[rim], axis=0) / np.maximum(np.ptp(places[mine], axis=0), 1e-6)
        scaled = (places[mine] - middle) * scale + _middle(template[rim])
        distance = np.linalg.norm((scaled[:, None] - template[rim][None])[..., :2], axis=-1)
        corners[mine] = rim[distance.argmin(axis=1)][:, None]
        weights[mine] = [1, 0, 0]
    return FacePoints(points.index, corners, weights, points.sigma_m)


def _middle(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the middle of the box around places [N, 3]. [3]"""
    return np.asarray((places.min(axis=0) + places.max(axis=0)) / 2)
