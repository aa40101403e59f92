"""Whether the avatar's hands are where the detector sees them, by the middle of the palm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from fit_avatar.body.joints import FINGERS
from fit_avatar.body.model import Body
from fit_avatar.body.skinning import pose_body
from fit_avatar.body.state import BodyState
from fit_avatar.capture.types import Capture

SIDES = ("left", "right")
PALM = (0, 5, 9, 13, 17)
"""Wrist and knuckles among a hand's 21 points."""


@dataclass(frozen=True)
class HandConfig:
    """When a hand is said to be in the wrong place."""

    wrist_share: float = 0.25
    """The detector's middle of the palm lies so far from the knuckles to the wrist: its wrist lies 10 mm towards the
    fingers of the body's, its knuckles 9 mm towards the wrist. Measured on two rendered people of the default body."""
    max_distance_m: float = 0.011
    """A hand is named whose palm is farther from the detector's than this, in the median of the frames. Of ten hands of
    five rendered people, the four that were more than 20 mm wrong were 11 to 15 mm away, the six others, which were 7
    to 13 mm wrong, 7 to 10 mm."""
    min_frames: int = 5
    """A hand that fewer frames show is not judged."""
    min_px: float = 40.0
    """Nor one that is smaller in the picture. Chosen by hand."""


HANDS = HandConfig()


def hand_warnings(body: Body, state: BodyState, capture: Capture, config: HandConfig = HANDS) -> tuple[str, ...]:
    """Return a warning for each hand that is not where the detector sees it.

    Args:
        body: the body.
        state: shape and the poses of the capture's T frames.
        capture: with the points of hands, or nothing is told.
        config: thresholds.
    """
    if capture.hands is None:
        return ()
    palms = palm_centres(body, state, config.wrist_share)
    own = capture.camera.project(palms)
    metres = palms[..., 2] / capture.camera.fx
    warnings = []
    for k, side in enumerate(SIDES):
        points = capture.hands[:, k]
        size = np.ptp(points[..., :2], axis=1).max(-1)
        seen = (points[:, list(PALM), 2] > 0).all(-1) & (size >= config.min_px)
        if seen.sum() < config.min_frames:
            continue
        away = np.linalg.norm(points[:, list(PALM), :2].mean(1) - own[:, k], axis=-1) * metres[:, k]
        typical = float(np.median(away[seen]))
        if typical > config.max_distance_m:
            warnings.append(
                f"The {side} hand is {1000 * typical:.0f} mm from where the detector sees its palm, in the median of "
                f"{int(seen.sum())} frames: it may be some centimetres off, most of all towards the camera or away "
                "from it."
            )
    return tuple(warnings)


def palm_centres(body: Body, state: BodyState, wrist_share: float) -> NDArray[np.float64]:
    """Return where the middles of both palms are, in metres in the camera's axes. [T, 2, 3]"""
    with torch.no_grad():
        joints = pose_body(body, state).joints.double().cpu().numpy()
    names, palms = body.joint_names, []
    for side in SIDES:
        fingers = [f"{side}_{finger}1" for finger in FINGERS if finger != "thumb"]
        knuckles = [names.index(name) for name in fingers if name in names] or [names.index(f"{side}_hand")]
        wrist = joints[:, names.index(f"{side}_wrist")]
        palms.append(wrist_share * wrist + (1 - wrist_share) * joints[:, knuckles].mean(1))
    return np.stack(palms, 1)
