"""Square, rotated regions of a picture, in which the models look at a person."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

MARGIN = 1.25
"""Side of the region relative to the diameter of the circle around the person; MediaPipe's value."""


@dataclass(frozen=True)
class Region:
    """A square in a picture, in pixels; positions inside it run from 0 to 1 along its own, rotated sides."""

    x: float
    """Of the centre."""
    y: float
    """Of the centre."""
    side: float
    angle: float = 0.0
    """Clockwise, in radians: positive if the person leans to the picture's right."""

    @classmethod
    def around(cls, height: int, width: int) -> Region:
        """Return the upright square around a whole picture."""
        return cls(width / 2.0, height / 2.0, float(max(height, width)))

    @classmethod
    def of_person(cls, centre: NDArray[np.float64], top: NDArray[np.float64]) -> Region:
        """Return the square around a person.

        Args:
            centre: middle of the hips, in pixels. [2]
            top: point of the circle around the person that lies above the head, in pixels. [2]
        """
        x, y = top - centre
        return cls(float(centre[0]), float(centre[1]), 2.0 * MARGIN * math.hypot(x, y), math.atan2(x, -y))

    @classmethod
    def enclosing(cls, points: NDArray[np.float64], up: NDArray[np.float64], scale: float, rise: float = 0.0) -> Region:
        """Return a square around points, upright along a direction.

        Args:
            points: in pixels of the picture. [N, 2]
            up: direction in the picture that is upwards in the square. [2]
            scale: side of the square per longer side of the box around the points.
            rise: by how much the square is moved upwards, per height of that box.
        """
        region = cls(0.0, 0.0, 1.0, math.atan2(up[0], -up[1]))
        inside = points @ region.rotation
        low, high = inside.min(0), inside.max(0)
        width, height = high - low
        x, y = region.rotation @ ((low + high) / 2.0 - (0.0, rise * height))
        return cls(float(x), float(y), scale * float(max(width, height)), region.angle)

    @property
    def rotation(self) -> NDArray[np.float64]:
        """Return the rotation from the square's axes to the picture's. [2, 2]"""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        return np.array([[cos, -sin], [sin, cos]])

    def of_picture(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map the picture's pixels to positions in the square, 0 to 1. [..., 2]"""
        return (points - (self.x, self.y)) @ self.rotation / self.side + 0.5

    def to_picture(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map positions in the square, 0 to 1, to the picture's pixels. [..., 2]"""
        return (points - 0.5) * self.side @ self.rotation.T + (self.x, self.y)

    def crop(self, picture: NDArray[np.uint8], size: int, border: int) -> NDArray[np.uint8]:
        """Resample the square to ``size`` × ``size`` pixels. [H, W, 3] → [size, size, 3]

        The models were made for pictures that are resampled without the usual half pixel: pixel 0 is at position 0.
        ``border`` is OpenCV's rule for what lies outside the picture.
        """
        matrix = np.column_stack([self.rotation * (self.side / size), self.to_picture(np.zeros(2))])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return np.asarray(cv2.warpAffine(picture, matrix, (size, size), flags=flags, borderMode=border), np.uint8)

    def paste(self, values: NDArray[np.float32], height: int, width: int, scale: float) -> NDArray[np.float32]:
        """Resample values over the square to a picture of another scale; outside the square they are 0.

        Args:
            values: over the square. [S, S]
            height: of the result, in pixels.
            width: of the result, in pixels.
            scale: pixels of the result per pixel of the picture.

        Returns:
            Values over the picture. [height, width]
        """
        size = len(values)
        inverse = self.rotation.T * (size / self.side / scale)
        # Pixel k of the result is at (k + 0.5) / scale - 0.5 in the picture, counted as in crop().
        first = 0.5 - scale * (np.array([self.x, self.y]) + 0.5)
        origin = inverse @ first + size / 2.0
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return np.asarray(cv2.warpAffine(values, np.column_stack([inverse, origin]), (width, height), flags=flags))
