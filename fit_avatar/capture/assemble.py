"""Putting a capture together from what was observed in distorted pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.camera import pinhole, undistort_masks, undistort_points
from fit_avatar.capture.detectors import DETECTORS
from fit_avatar.capture.limb_directions import limb_directions, undistort_limbs, undistort_world
from fit_avatar.capture.limb_errors import without_bias
from fit_avatar.capture.point_sets import WORLD, split_parts
from fit_avatar.capture.points import BODY, face_points, hand_points
from fit_avatar.capture.types import Camera, Capture, Mask

REFINED = "MediaPipe, refined"
"""What is said of masks that were not given."""
MATTE = "the clip's transparency"
NONE: Mapping[str, NDArray[np.float32]] = MappingProxyType({})


def assemble_capture(
    points: NDArray[np.float32],
    masks: Iterable[Mask],
    camera: Camera,
    others: Mapping[str, NDArray[np.float32]] = NONE,
    **fields: Any,
) -> Capture:
    """Undo the lens distortion of everything that was observed.

    Args:
        points: all points that the fit reads. [T, 137, 3]
        masks: T of [H, W]
        camera: of the pictures as they are.
        others: further sets of points, by name, see :data:`~fit_avatar.capture.point_sets.PointSets`.
        fields: other fields of the capture.
    """
    points = undistort_points(points, camera)
    sets = {name: undistort_points(each, camera) for name, each in others.items() if name != WORLD}
    sets |= split_parts(points)
    limbs = None
    if WORLD in others:
        seen = without_bias(limb_directions(others[WORLD]), others[WORLD])
        limbs = undistort_limbs(seen, others["body_33"], camera)
        sets[WORLD] = undistort_world(others[WORLD], others["body_33"], camera)
    stacked = np.empty((len(points), camera.height, camera.width), bool)
    for place, mask in zip(stacked, masks, strict=True):  # one by one: those of large pictures fill the memory
        place[:] = mask
    return Capture(
        point_sets=sets,
        limb_directions=limbs,
        keypoints=points[:, BODY],
        face=face_points(points),
        hands=hand_points(points, sets),
        masks=undistort_masks(stacked, camera),
        camera=pinhole(camera),
        **fields,
    )


def input_sources(
    keypoints: Path | None, masks: Path | None, detector: str, pose_model: Path | None = None, matte: bool = False
) -> dict[str, Any]:
    """Say where keypoints and masks came from, for the report, which may be passed on: names without folders."""
    found_by = DETECTORS[detector] + (f", {pose_model.name}" if pose_model else "")
    return {
        "keypoints": keypoints.name if keypoints else found_by,
        "masks": masks.name if masks else MATTE if matte else REFINED,
    }


def given_files(sources: Mapping[str, Any]) -> str:
    """Return what the user gave of a capture's sources: "the keypoints in … and the masks in …", or nothing."""
    detected = any(str(sources.get("keypoints", name)).startswith(name) for name in DETECTORS.values())
    own = {"keypoints": detected, "masks": sources.get("masks", REFINED) in (REFINED, MATTE)}
    return " and ".join(f"the {what} in {sources[what]}" for what, ours in own.items() if not ours)
