"""The colour of a small patch of a person, as it is compared with the face's."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.types import Image, Mask


def colour_around(
    picture: Image, mask: Mask, middle: NDArray[np.float32], radius: float, fewest_pixels: int
) -> NDArray[np.float64] | None:
    """Return the median colour of the person in a disc, in CIE Lab; None if fewer pixels of it are seen. [3]"""
    low, high = np.floor(middle - radius).astype(int).clip(0), np.ceil(middle + radius).astype(int) + 1
    box = slice(low[1], max(high[1], 0)), slice(low[0], max(high[0], 0))
    pixels, person = picture[box], mask[box]
    rows, columns = np.indices(person.shape)
    near = np.hypot(columns + low[0] + 0.5 - middle[0], rows + low[1] + 0.5 - middle[1]) <= radius
    if (near & person).sum() < fewest_pixels:
        return None
    lab = cv2.cvtColor(pixels[near & person][None].astype(np.float32) / 255, cv2.COLOR_BGR2Lab)
    return np.asarray(np.median(lab[0], axis=0), np.float64)
