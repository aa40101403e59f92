"""Whether the avatar's forearms are as long as the pictures of a turn show them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from fit_avatar.body import rotation
from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.body.model import Body
from fit_avatar.body.skinning import pose_body
from fit_avatar.body.state import BodyState
from fit_avatar.capture.types import Capture

SIDES = ("left", "right")


@dataclass(frozen=True)
class ForearmConfig:
    """When a forearm is said to be too short."""

    quantile: float = 0.9
    """A forearm is nowhere seen longer than it is. So the pictures show its length in the frames in which it lies
    across the view: what nine in ten frames do not exceed, for keypoints are noisy. On four rendered turns it was 3 %
    below to 6 % above the true length."""
    least_part: float = 0.92
    """A forearm is named that is shorter than this part of what is seen. Of ten forearms of five rendered people, the
    two whose hands were more than 20 mm wrong without the detector seeing it had 0.88 and 0.89, the others 0.94 to
    1.05."""
    least_confidence: float = 0.6
    """Of elbow and wrist, for a frame to count. Chosen by hand."""
    min_frames: int = 10
    """A forearm that fewer frames show is not judged. Chosen by hand."""
    least_turn_rad: float = math.radians(270)
    """Nor is that of somebody who turns less: it may never lie across the view. Chosen by hand."""


FOREARMS = ForearmConfig()


def forearm_warnings(
    body: Body, state: BodyState, capture: Capture, config: ForearmConfig = FOREARMS
) -> tuple[str, ...]:
    """Return a warning for each forearm that is shorter than the pictures show it.

    A forearm that is too short is put more across the view than it is, so that its hand is off towards the camera or
    away from it, which no outline shows.

    Args:
        body: the body.
        state: shape and the poses of the capture's T frames.
        capture: keypoints and the camera.
        config: thresholds.
    """
    if turned(state) < config.least_turn_rad:
        return ()
    with torch.no_grad():
        joints = pose_body(body, state).joints.double().cpu().numpy()
    warnings = []
    for side in SIDES:
        ends = joints[:, [body.joint_names.index(f"{side}_{joint}") for joint in ("elbow", "wrist")]]
        own = float(np.linalg.norm(ends[0, 1] - ends[0, 0]))
        points = capture.keypoints[:, [BODY_25.index(f"{side}_{joint}") for joint in ("elbow", "wrist")]]
        sure = points[..., 2].min(-1) >= config.least_confidence
        if sure.sum() < config.min_frames:
            continue
        pixels = np.linalg.norm(points[:, 1, :2] - points[:, 0, :2], axis=-1)
        seen = float(np.quantile((pixels * ends[..., 2].mean(-1) / capture.camera.fx)[sure], config.quantile))
        if own < config.least_part * seen:
            warnings.append(
                f"The {side} forearm is {1000 * own:.0f} mm long, but the pictures show about {1000 * seen:.0f} mm: "
                f"the {side} hand may be some centimetres off, towards the camera or away from it."
            )
    return tuple(warnings)


def turned(state: BodyState) -> float:
    """Return how far the person turns in all before the camera, in radians; steps are less than half a turn."""
    ahead: NDArray[np.float64] = rotation.exp(state.global_orient.double().cpu())[:, :, 2].numpy()
    return float(np.ptp(np.unwrap(np.arctan2(ahead[:, 0], -ahead[:, 2]))))
