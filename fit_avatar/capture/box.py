"""Bounding boxes of masks."""

from __future__ import annotations

import numpy as np

from fit_avatar.capture.types import Mask

Box = tuple[slice, slice]
"""Rows and columns of a crop."""


def bounding_box(mask: Mask) -> Box | None:
    """Return the rows and columns that a mask [H, W] occupies; ``None`` if it is empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def mask_height(mask: Mask) -> int:
    """Return the distance from the highest to the lowest pixel of a mask [H, W], in pixels; 0 if it is empty."""
    box = bounding_box(mask)
    return 0 if box is None else box[0].stop - box[0].start - 1
