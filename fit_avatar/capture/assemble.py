"""Putting a capture together from what was observed in distorted pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.camera import pinhole, undistort_masks, undistort_points
from fit_avatar.capture.detectors import DETECTORS
from fit_avatar.capture.points import BODY, face_points, hand_points
from fit_avatar.capture.types import Camera, Capture, Mask

REFINED = "MediaPipe, refined"
"""What is said of masks that were not given."""


def assemble_capture(points: NDArray[np.float32], masks: Sequence[Mask], camera: Camera, **fields: Any) -> Capture:
    """Undo the lens distortion of points [T, 137, 3] and masks T of [H, W]; other fields of the capture as given."""
    points = undistort_points(points, camera)
    return Capture(
        keypoints=points[:, BODY],
        face=face_points(points),
        hands=hand_points(points),
        masks=undistort_masks(np.stack(masks), camera),
        camera=pinhole(camera),
        **fields,
    )


def input_sources(keypoints: Path | None, masks: Path | None, detector: str) -> dict[str, Any]:
    """Say where keypoints and masks came from, for the report, which may be passed on: names without folders."""
    return {
        "keypoints": keypoints.name if keypoints else DETECTORS[detector],
        "masks": masks.name if masks else REFINED,
    }


def given_files(sources: Mapping[str, Any]) -> str:
    """Return what the user gave of a capture's sources: "the keypoints in … and the masks in …", or nothing."""
    own = {"keypoints": tuple(DETECTORS.values()), "masks": (REFINED,)}
    given = [f"the {what} in {sources[what]}" for what in own if sources.get(what, own[what][0]) not in own[what]]
    return " and ".join(given)
