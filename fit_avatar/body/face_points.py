"""Where on the default body's skin the points of a face lie that the detector finds, as the detector sees that body."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fit_avatar.body.default_body import NAMES
from fit_avatar.body.model import Body
from fit_avatar.errors import BadInputError
from fit_avatar.io.arrays import ArraysError, read_npz, shape_fault

FILE = Path(__file__).parent / "data" / "face_points.npz"
NUM_POINTS = 468
USUAL_SIGMA_M = 0.0025
"""Noise of points that a file tells without one; that of the median point of the default body."""
NO_FEATURES = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150),
    *(136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
    *(151, 108, 69, 104, 68, 71, 139, 337, 299, 333, 298, 301, 368),
)
"""Of the 468 points, the face's rim and forehead: nothing is to be seen there, so that the detector guesses them; on
rendered people up to 2 cm below the top of the surface's forehead."""
_EMBEDDING = {"landmark_indices": ("N",), "lmk_face_idx": ("N",), "lmk_b_coords": ("N", 3)}
"""The arrays of FLAME's and SMPL-X's MediaPipe embedding: which points, in which triangle, where in it."""


@dataclass(frozen=True, eq=False)
class RestingFace:
    """The points on a mean face at rest, around their middle. float64"""

    points: Tensor
    """[N, 3] metres"""
    normals: Tensor
    """Of the skin. [N, 3]"""
    precision: Tensor
    """Of each point against that of the median point. [N]"""

    def to(self, device: str | torch.device) -> RestingFace:
        """Return the same on ``device``."""
        return RestingFace(self.points.to(device), self.normals.to(device), self.precision.to(device))


@dataclass(frozen=True, eq=False)
class FacePoints:
    """N of the 468 points of a face (Kartynnik et al. 2019) on the skin of a body."""

    index: NDArray[np.int64]
    """Which of the 468 points each is, in rising order. [N]"""
    corners: NDArray[np.int64]
    """Vertices of the triangle in which it lies. [N, 3]"""
    weights: NDArray[np.float64]
    """Barycentric coordinates in that triangle; their sum is 1. [N, 3]"""
    sigma_m: NDArray[np.float64]
    """How far the detector strays from it along the skin, over shapes of the body and views. [N] metres"""
    rest: RestingFace | None = None
    """The points on the mean body; None: the body is not known."""

    def every(self, stride: int) -> FacePoints:
        """Return every so many-th of the points, which cover the face as well as all of them do."""
        return self._chosen(np.arange(0, len(self.index), stride))

    def features(self) -> FacePoints:
        """Return the points on brows, eyes, nose, cheeks and mouth, without forehead and rim."""
        return self._chosen(np.flatnonzero(~np.isin(self.index, NO_FEATURES)))

    def _chosen(self, some: NDArray[np.int64]) -> FacePoints:
        rest = self.rest
        if rest is not None:
            which = torch.from_numpy(some).to(rest.points.device)
            rest = RestingFace(rest.points[which], rest.normals[which], rest.precision[which])
        return FacePoints(self.index[some], self.corners[some], self.weights[some], self.sigma_m[some], rest)

    def resting(self, body: Body) -> FacePoints:
        """Return the points with how they lie on the mean body."""
        template = body.template.double().cpu()
        first, second, third = template[torch.from_numpy(self.corners)].unbind(1)
        normals = torch.nn.functional.normalize(torch.linalg.cross(second - first, third - first), dim=-1)
        points = torch.from_numpy(self.on(template.numpy()))
        precision = torch.from_numpy((self.sigma_m / np.median(self.sigma_m)) ** -2.0)
        return replace(self, rest=RestingFace(points - points.mean(0), normals, precision))

    def on(self, vertices: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the points on a mesh of the body. [V, 3] → [N, 3]"""
        return np.asarray((self.weights[..., None] * vertices[self.corners]).sum(1))


@cache
def default_face_points() -> FacePoints:
    """Return the points on the default body's mesh, which ``tools/build_face_points.py`` measures."""
    with np.load(FILE) as arrays:
        index, corners = (arrays[name].astype(np.int64) for name in ("index", "corners"))
        weights, sigma = (arrays[name].astype(np.float64) for name in ("weights", "sigma_m"))
    return FacePoints(index, corners, weights / weights.sum(1, keepdims=True), sigma)


def face_points(body: Body) -> FacePoints | None:
    """Return the points on a body's skin, and on its mean shape; None where nobody has measured them."""
    return default_face_points().resting(body) if body.name in NAMES else None


def read_face_points(path: Path, body: Body) -> FacePoints:
    """Read where the points lie on a body, as the file ``mediapipe_landmark_embedding`` of FLAME and SMPL-X tells it.

    Args:
        path: of an .npz file with ``landmark_indices`` [N], ``lmk_face_idx`` [N] and ``lmk_b_coords`` [N, 3].
        body: that the triangles are of.

    Raises:
        BadInputError: the file cannot be read, or it is of another mesh.
    """
    try:
        arrays = read_npz(path, _EMBEDDING)
    except ArraysError as error:
        raise BadInputError(f"{path} cannot be read: {error}; give the file as it was published") from None
    missing = [name for name in _EMBEDDING if name not in arrays]
    fault = f"no {', '.join(missing)}" if missing else shape_fault(arrays, _EMBEDDING)
    if fault is not None:
        raise BadInputError(
            f"{path} has {fault}: give an .npz file with landmark_indices [N], lmk_face_idx [N] and lmk_b_coords [N, 3]"
        )
    index, triangle, weights = (arrays[name] for name in _EMBEDDING)
    for values, size, what in ((index, NUM_POINTS, "points of a face"), (triangle, len(body.faces), "triangles")):
        if len(values) and not (values.min() >= 0 and values.max() < size):
            raise BadInputError(
                f"{path} names {what} that do not exist on the body {body.name}: choose the body's file"
            )
    corners = body.faces.cpu().numpy()[triangle.astype(np.int64)]
    order = np.argsort(index, kind="stable")
    sigma = np.full(len(index), USUAL_SIGMA_M)
    return FacePoints(index.astype(np.int64)[order], corners[order], weights.astype(np.float64)[order], sigma)
