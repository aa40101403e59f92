"""A contact sheet: a dozen frames of the overlay, cropped to the person."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.types import Capture
from fit_avatar.capture.video import read_frames
from fit_avatar.export.image import image_bytes


@dataclass(frozen=True)
class ContactSheetConfig:
    """Layout of the contact sheet. All values are chosen by hand."""

    max_frames: int = 12
    """Number of pictures."""
    height_px: int = 300
    """Height of a picture."""
    margin: float = 0.06
    """Room around the person, as a fraction of the larger side of the person's bounding box."""


CONTACT_SHEET = ContactSheetConfig()


def contact_sheet(
    overlay: Path, capture: Capture, config: ContactSheetConfig = CONTACT_SHEET
) -> list[tuple[int, bytes]]:
    """Return (position among the used frames, JPEG) of evenly spread frames of ``overlay.mp4``.

    Args:
        overlay: the video of the capture's T frames.
        capture: its masks show where the person is.
        config: layout.
    """
    chosen = spread(len(capture.frame_indices), config.max_frames)
    top, bottom, left, right = _box(capture.masks, config.margin)
    pictures = []
    for t, frame in read_frames(overlay, chosen):
        across, down = frame.shape[1] / capture.camera.width, frame.shape[0] / capture.camera.height
        person = frame[int(top * down) : int(bottom * down) + 1, int(left * across) : int(right * across) + 1]
        width = max(1, round(config.height_px * person.shape[1] / person.shape[0]))
        small = cv2.resize(person, (width, config.height_px), interpolation=cv2.INTER_AREA)
        pictures.append((t, image_bytes(np.asarray(small[..., ::-1], np.uint8), ".jpg")))
    return pictures


def spread(count: int, most: int = CONTACT_SHEET.max_frames) -> list[int]:
    """Return at most ``most`` numbers below ``count``, evenly spread."""
    chosen = min(count, most)
    return sorted({round((k + 0.5) * count / chosen - 0.5) for k in range(chosen)})


def _box(masks: NDArray[np.bool_], margin: float) -> tuple[int, int, int, int]:
    """Return top, bottom, left and right of the union of all masks, with a margin. [T, H, W]"""
    anywhere: NDArray[np.bool_] = np.asarray(masks.any(0))
    rows, columns = np.flatnonzero(anywhere.any(1)), np.flatnonzero(anywhere.any(0))
    if not len(rows):
        return 0, masks.shape[1] - 1, 0, masks.shape[2] - 1
    room = round(margin * max(np.ptp(rows), np.ptp(columns)))
    return (
        max(0, int(rows[0]) - room),
        min(masks.shape[1] - 1, int(rows[-1]) + room),
        max(0, int(columns[0]) - room),
        min(masks.shape[2] - 1, int(columns[-1]) + room),
    )
