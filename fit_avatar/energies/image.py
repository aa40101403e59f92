"""Terms that compare the posed body with the image: keypoints and outlines.

Residuals are in pixels, unweighted and unreduced.
"""

from __future__ import annotations

from torch import Tensor

from fit_avatar.capture.types import Camera
from fit_avatar.silhouettes.rays import project


def keypoint_reprojection(points: Tensor, keypoints: Tensor, camera: Camera) -> Tensor:
    """Projected minus detected keypoints. points [T, K, 3], keypoints [T, K, 2] → [T, K, 2] pixels

    Source: Bogo et al. 2016 (SMPLify), section 3.2.
    """
    return project(points, camera) - keypoints


def contour_distance(points: Tensor, contour: Tensor, normals: Tensor, camera: Camera) -> Tensor:
    """Distance of rim points from their outline points along the outline's normal, positive outside.

    points [T, C, 3], contour and normals [T, C, 2] → [T, C] pixels
    """
    return ((project(points, camera) - contour) * normals).sum(-1)
