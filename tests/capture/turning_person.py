"""Keypoints of a figure that turns before a camera, with true left and right."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEFT_HALF = {
    5: (0.18, 1.42, 0.0), 6: (0.32, 1.2, 0.0), 7: (0.42, 1.0, 0.03), 12: (0.09, 0.92, 0.0),
    13: (0.1, 0.5, 0.02), 14: (0.12, 0.08, 0.0), 16: (0.03, 1.66, 0.09), 18: (0.075, 1.64, 0.0),
    19: (0.15, 0.02, 0.2), 20: (0.19, 0.02, 0.17), 21: (0.12, 0.03, -0.05),
}  # fmt: skip
"""BODY_25 point → metres to the left, up and to the front."""
RIGHT_OF = {5: 2, 6: 3, 7: 4, 12: 9, 13: 10, 14: 11, 16: 15, 18: 17, 19: 22, 20: 23, 21: 24}
MIDDLE = {0: (0.0, 1.62, 0.12), 1: (0.0, 1.42, 0.0), 8: (0.0, 0.92, 0.0)}


def turning_person(degrees: NDArray[np.float64], noise_px: float = 1.5, feet: bool = True) -> NDArray[np.float32]:
    """Return the BODY_25 points [T, 25, 3] of a person 3 m before a camera 1 m above the floor.

    Args:
        degrees: by how much they are turned to their right, 0 facing the camera. [T]
        noise_px: standard deviation of the points.
        feet: whether toes and heels are seen.
    """
    rest = np.zeros((25, 3))
    for point, place in (MIDDLE | LEFT_HALF).items():
        rest[point] = place
    for left, right in RIGHT_OF.items():
        rest[right] = rest[left] * [-1, 1, 1]
    angles = np.radians(degrees)[:, None]
    left, up, front = rest.T
    across = left * np.cos(angles) - front * np.sin(angles)
    near = left * np.sin(angles) + front * np.cos(angles)
    depth = 3.0 - near
    points = np.ones((len(degrees), 25, 3))
    points[..., 0] = 500 + 1200 * across / depth
    points[..., 1] = 500 + 1200 * (1.0 - up) / depth
    points[..., :2] += np.random.default_rng(0).normal(0, noise_px, (len(degrees), 25, 2))
    cosine, sine = np.cos(angles[:, 0]), np.sin(angles[:, 0])
    points[..., 2] = 0.85
    points[:, 0, 2] *= cosine > -0.2
    for right_point, left_point, limit in ((15, 16, 0.8), (17, 18, 0.3)):
        points[:, right_point, 2] *= (cosine > -0.2) & (sine < limit) if right_point == 15 else sine < limit
        points[:, left_point, 2] *= (cosine > -0.2) & (sine > -limit) if left_point == 16 else sine > -limit
    if not feet:
        points[:, 19:, 2] = 0
    points[points[..., 2] == 0] = 0
    return points.astype(np.float32)
