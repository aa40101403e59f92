"""keypoints.npz: all points that were observed, in the frames that the avatar was fitted to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from fit_avatar.body.keypoint_sets import POINT_SETS
from fit_avatar.capture.point_sets import WORLD
from fit_avatar.capture.types import Capture
from fit_avatar.io import arrays as arrays_file


def write_keypoints(path: Path, capture: Capture) -> Path:
    """Write every set of points, the names of its points, and the directions of limbs.

    Args:
        path: of the file.
        capture: what was observed; its camera is the pinhole that the points are pixels of.

    Raises:
        BadInputError: the disk is full or the folder cannot be written to.
    """
    camera = capture.camera
    sets = {"body_25": capture.keypoints} | capture.point_sets
    arrays: dict[str, Any] = {
        "frame_indices": capture.frame_indices,
        "times_s": capture.times_s,
        "intrinsics": camera.intrinsics,
        "image_size": np.array([camera.width, camera.height]),
        **sets,
        **{f"{name}_names": np.array(POINT_SETS[name]) for name in sets if name in POINT_SETS},
    }
    if WORLD in sets:
        arrays[f"{WORLD}_names"] = np.array(POINT_SETS["body_33"])
    limbs = capture.limb_directions
    if limbs is not None:
        arrays |= {"limb_names": np.array(limbs.limbs), "limb_directions": limbs.directions}
        arrays["limb_sigma_rad"] = limbs.sigma_rad
    arrays_file.write_npz(path, arrays)
    return path
