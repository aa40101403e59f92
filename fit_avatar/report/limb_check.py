"""Comparing the limbs of a fit with their directions in 3D, as the detector saw them in single frames.

Agreement in 2D does not show a limb that points to the camera instead of away from it; the detector's directions, from
which the fit is independent, do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.body.model import Body
from fit_avatar.body.skinning import pose_points
from fit_avatar.body.state import BodyState
from fit_avatar.capture.types import Capture, LimbDirections

NAMES = {
    "shoulder-elbow": "upper arm", "elbow-wrist": "forearm", "hip-knee": "thigh", "knee-ankle": "shin",
}  # fmt: skip
"""What limbs are called, by their ends without the side."""


@dataclass(frozen=True)
class LimbConfig:
    """When a limb is said to be wrong. Chosen on rendered clips whose fit is known to be right or wrong."""

    max_sigma_rad: float = math.radians(20)
    """Directions with more noise are not compared."""
    wrong_rad: float = math.radians(50)
    """A limb that is further off is wrong in this frame: three times the noise and more."""
    wrong_part: float = 0.25
    """A limb is named that is wrong in a larger part of the frames that show it."""
    min_frames: int = 5
    """Limbs that fewer frames show are not judged."""


LIMBS = LimbConfig()


def limb_angles(body: Body, state: BodyState, limbs: LimbDirections) -> NDArray[np.float64]:
    """Return the angle between each limb of the body and its detected direction; NaN where unseen. [T, L] radians"""
    ends = [BODY_25.index(end) for limb in limbs.limbs for end in limb.split("-")]
    with torch.no_grad():
        points = pose_points(body, state, body.keypoint_points.take(torch.tensor(ends, device=body.template.device)))
    pairs = points.double().cpu().numpy().reshape(len(points), -1, 2, 3)
    along = pairs[:, :, 1] - pairs[:, :, 0]
    along /= np.maximum(np.linalg.norm(along, axis=-1, keepdims=True), 1e-9)
    angles = np.arccos(np.clip((along * limbs.directions).sum(-1), -1, 1))
    return np.where(np.isfinite(limbs.sigma_rad), angles, np.nan)


def limb_warnings(body: Body, state: BodyState, capture: Capture, config: LimbConfig = LIMBS) -> tuple[str, ...]:
    """Return a warning for each limb that often points elsewhere than the detector has seen, one sentence each."""
    limbs = capture.limb_directions
    if limbs is None:
        return ()
    angles = limb_angles(body, state, limbs)
    angles[limbs.sigma_rad > config.max_sigma_rad] = np.nan
    shown, wrong = np.isfinite(angles).sum(0), (angles > config.wrong_rad).sum(0)
    return tuple(
        f"The {_words(limb)} is more than {math.degrees(config.wrong_rad):.0f}° off the direction that the detector "
        f"sees in {wrong[k]} of {shown[k]} frames: it may be in the wrong place."
        for k, limb in enumerate(limbs.limbs)
        if _words(limb) and shown[k] >= config.min_frames and wrong[k] > config.wrong_part * shown[k]
    )


def _words(limb: str) -> str:
    """Return what people call a limb, such as "left forearm"; "" for the lines across shoulders and hips."""
    side = limb.split("_")[0]
    name = NAMES.get(limb.replace(f"{side}_", ""), "")
    return f"{side} {name}" if name else ""
