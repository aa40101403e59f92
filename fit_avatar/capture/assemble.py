"""Putting a capture together from what was observed in distorted pictures."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.camera import pinhole, undistort_masks, undistort_points
from fit_avatar.capture.detectors import DETECTORS
from fit_avatar.capture.points import BODY, face_points, hand_points
from fit_avatar.capture.types import Camera, Capture, Mask


def assemble_capture(points: NDArray[np.float32], masks: Iterable[Mask], camera: Camera, **fields: Any) -> Capture:
    """Undo the lens distortion of points [T, 137, 3] and masks T of [H, W]; other fields of the capture as given."""
    points = undistort_points(points, camera)
    stacked = np.empty((len(points), camera.height, camera.width), bool)
    for place, mask in zip(stacked, masks, strict=True):  # one by one: those of large pictures fill the memory
        place[:] = mask
    return Capture(
        keypoints=points[:, BODY],
        face=face_points(points),
        hands=hand_points(points),
        masks=undistort_masks(stacked, camera),
        camera=pinhole(camera),
        **fields,
    )


def input_sources(keypoints: Path | None, masks: Path | None, detector: str) -> dict[str, Any]:
    """Say where keypoints and masks came from, for the report, which may be passed on: names without folders."""
    return {
        "keypoints": keypoints.name if keypoints else DETECTORS[detector],
        "masks": masks.name if masks else "MediaPipe, refined",
    }
