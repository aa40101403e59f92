"""A dozen of the overlay's frames, cut to the person, to be taken in at a glance."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.types import Capture
from fit_avatar.capture.video import read_frames
from fit_avatar.export.image import image_bytes

MOST = 12
HEIGHT_PX = 300
MARGIN = 0.06
"""Room around the person, as a part of the person's larger side."""


def contact_sheet(overlay: Path, capture: Capture) -> list[tuple[int, bytes]]:
    """Return (place in the capture, JPEG) of evenly spread frames of ``overlay.mp4``.

    Args:
        overlay: shows the capture's T frames, one after the other.
        capture: its masks say where the person is.
    """
    chosen = spread(len(capture.frame_indices))
    top, bottom, left, right = _box(capture.masks)
    pictures = []
    for t, frame in read_frames(overlay, chosen):
        across, down = frame.shape[1] / capture.camera.width, frame.shape[0] / capture.camera.height
        person = frame[int(top * down) : int(bottom * down) + 1, int(left * across) : int(right * across) + 1]
        width = max(1, round(HEIGHT_PX * person.shape[1] / person.shape[0]))
        small = cv2.resize(person, (width, HEIGHT_PX), interpolation=cv2.INTER_AREA)
        pictures.append((t, image_bytes(np.asarray(small[..., ::-1], np.uint8), ".jpg")))
    return pictures


def spread(count: int) -> list[int]:
    """Return at most :data:`MOST` numbers below ``count``, evenly spread."""
    return sorted({round((k + 0.5) * count / min(count, MOST) - 0.5) for k in range(min(count, MOST))})


def _box(masks: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Return top, bottom, left and right of the person in all masks together, with a margin. [T, H, W]"""
    anywhere = masks.any(0)
    rows, columns = np.flatnonzero(anywhere.any(1)), np.flatnonzero(anywhere.any(0))
    if not len(rows):
        return 0, masks.shape[1] - 1, 0, masks.shape[2] - 1
    room = round(MARGIN * max(np.ptp(rows), np.ptp(columns)))
    return (
        max(0, int(rows[0]) - room),
        min(masks.shape[1] - 1, int(rows[-1]) + room),
        max(0, int(columns[0]) - room),
        min(masks.shape[2] - 1, int(columns[-1]) + room),
    )
