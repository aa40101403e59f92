"""Turning, mirroring and stretching stored pictures as players do, so that they are upright with square pixels."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

MIN_STRETCH = 0.005
"""Pixels whose sides differ by a smaller fraction differ by rounding. Chosen by hand."""
MAX_STRETCH = 4.0
"""Pixels of a larger aspect ratio are a damaged header: anamorphic film has 2. Chosen by hand."""
_TURNS = {
    (True, True, False): (cv2.ROTATE_90_CLOCKWISE, 90),
    (False, True, True): (cv2.ROTATE_180, 180),
    (True, False, True): (cv2.ROTATE_90_COUNTERCLOCKWISE, 270),
}
"""Exchange of axes, mirroring across, mirroring down → OpenCV's code and clockwise degrees."""
_MIRRORED = {(False, True, False): 0, (True, False, False): 270, (False, False, True): 180, (True, True, True): 90}
"""The same for those that mirror: clockwise degrees after mirroring across."""


@dataclass(frozen=True)
class Upright:
    """How a stored picture becomes an upright one."""

    swapped: bool = False
    """Rows become columns; the next two are about the result."""
    across: bool = False
    """Mirrored left and right."""
    down: bool = False
    """Mirrored top and bottom."""
    stretch: Fraction = Fraction(1)
    """Width of a stored pixel over its height."""

    @classmethod
    def of(cls, display_matrix: bytes | None, pixel_aspect: Fraction | None) -> Upright:
        """Read the display matrix (nine 32-bit integers in FFmpeg's order, row by row), and the pixels' aspect ratio.

        Turns that are not by quarters are rounded to them, as players do.
        """
        stretch = pixel_aspect if pixel_aspect and _is_stretched(pixel_aspect) else Fraction(1)
        if display_matrix is None or len(display_matrix) < 36:
            return cls(stretch=stretch)
        # A stored point (x, y) is shown at (a x + c y, b x + d y): ISO 14496-12, "matrix".
        a, b, _, c, d, *_ = np.frombuffer(display_matrix[:36], np.int32).astype(float).tolist()
        if abs(b) + abs(c) > abs(a) + abs(d):
            return cls(True, c < 0, b < 0, stretch)
        return cls(False, a < 0, d < 0, stretch)

    @property
    def rotation(self) -> int:
        """Return the clockwise degrees that remain after mirroring across, if it is mirrored."""
        key = (self.swapped, self.across, self.down)
        return _MIRRORED[key] if self.mirrored else _TURNS.get(key, (0, 0))[1]

    @property
    def mirrored(self) -> bool:
        """Return whether left and right are exchanged."""
        return (self.swapped, self.across, self.down) in _MIRRORED

    def square_size(self, width: int, height: int) -> tuple[int, int]:
        """Return width and height of a stored picture with square pixels; nothing gets smaller."""
        if self.stretch > 1:
            return round(width * self.stretch), height
        return width, round(height / self.stretch)

    def apply(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return a stored picture upright. [H, W] or [H, W, C]"""
        result: Any = picture
        if self.stretch != 1:
            size = self.square_size(picture.shape[1], picture.shape[0])
            result = cv2.resize(result, size, interpolation=cv2.INTER_CUBIC)
        key = (self.swapped, self.across, self.down)
        if key in _TURNS:
            return np.asarray(cv2.rotate(result, _TURNS[key][0]), np.uint8)
        if self.swapped:
            result = cv2.transpose(result)
        if self.across or self.down:
            result = cv2.flip(result, -1 if self.across and self.down else int(self.across))
        return np.asarray(result, np.uint8)


def _is_stretched(aspect: Fraction) -> bool:
    ratio = float(max(aspect, 1 / aspect)) if aspect > 0 else 1.0
    return 1.0 + MIN_STRETCH < ratio <= MAX_STRETCH
