"""Which pixels of a frame show the face, and whether from the front: from the true joints, whatever the fit is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.evaluate.regions import FACE_RADIUS_M
from lib.true_clip import TrueClip

FRONTAL_DEG = 35.0
"""A face turned so far from the camera at most, about the vertical, counts as seen from the front. Chosen by hand."""
_NOSE, *_EARS = (BODY_25.index(name) for name in ("nose", "right_ear", "left_ear"))


def turned_deg(truth: TrueClip, frame: int) -> float:
    """Return the angle about the vertical between the direction of a frame's face and the line from it to the camera.

    The face points from the middle between the ears to the nose.
    """
    nose = truth.keypoints[frame, _NOSE]
    forward = nose - truth.keypoints[frame, _EARS].mean(0)
    level = [v - truth.up * (v @ truth.up) / (truth.up @ truth.up) for v in (forward, -nose)]
    cosine = level[0] @ level[1] / max(1e-12, float(np.prod([np.linalg.norm(v) for v in level])))
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def face_window(truth: TrueClip, frame: int) -> NDArray[np.bool_] | None:
    """Return the disc of pixels of ``FACE_RADIUS_M`` around the nose [H, W]; None where the face is turned away."""
    if turned_deg(truth, frame) > FRONTAL_DEG:
        return None
    x, y, z = truth.keypoints[frame, _NOSE]
    camera = truth.camera
    columns = np.arange(camera.width) + 0.5 - (camera.fx * x / z + camera.cx)
    rows = np.arange(camera.height) + 0.5 - (camera.fy * y / z + camera.cy)
    return np.asarray(np.hypot(columns[None], rows[:, None]) < camera.fx * FACE_RADIUS_M / z)
