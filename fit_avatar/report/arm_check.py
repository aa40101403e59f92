"""Whether the avatar's arms are as long as the pictures of a turn show them."""

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

LIMBS = tuple(
    (f"{side}_{a}", f"{side}_{b}") for side in ("left", "right") for a, b in (("shoulder", "elbow"), ("elbow", "wrist"))
)
"""Joints, and keypoints of the same names, at both ends of upper arms and forearms."""


@dataclass(frozen=True)
class ArmConfig:
    """When arms are said to be too short."""

    quantile: float = 0.9
    """A limb is nowhere seen longer than it is. So the pictures show its length in the frames in which it lies across
    the view: what nine in ten frames do not exceed, for keypoints are noisy. On four rendered turns this was 3 % below
    to 6 % above a forearm's true length; on three others, up to 12 % above."""
    least_part: float = 0.93
    """Arms are named that are shorter than this part of what is seen: upper arms and forearms of both sides together,
    for detectors differ in where along the arm an elbow is. Of ten rendered people, the one whose wrists were
    40 mm off had 0.90, the others 0.95 to 1.06; wrists of six of them were scored, and 17 to 29 mm off."""
    least_confidence: float = 0.6
    """Of both ends, for a frame to count. Chosen by hand."""
    min_frames: int = 10
    """Arms are not judged if fewer frames show one of their limbs. Chosen by hand."""
    least_turn_rad: float = math.radians(270)
    """Nor are those of somebody who turns less: they may never lie across the view. Chosen by hand."""


ARMS = ArmConfig()


def arm_warnings(body: Body, state: BodyState, capture: Capture, config: ArmConfig = ARMS) -> tuple[str, ...]:
    """Return a warning if the arms are shorter than the pictures show them.

    An arm that is too short lies more across the view than the person's, so that its hand is off towards the camera or
    away from it, which no outline shows.

    Args:
        body: the body; of one without SMPL's names of joints nothing is said.
        state: shape and the poses of the capture's T frames.
        capture: keypoints and the camera.
        config: thresholds.
    """
    named = {name for limb in LIMBS for name in limb} <= set(body.joint_names)
    if not named or turned(state) < config.least_turn_rad:
        return ()
    with torch.no_grad():
        joints = pose_body(body, state).joints.double().cpu().numpy()
    own = seen = 0.0
    for limb in LIMBS:
        ends = joints[:, [body.joint_names.index(name) for name in limb]]
        points = capture.keypoints[:, [BODY_25.index(name) for name in limb]]
        sure = points[..., 2].min(-1) >= config.least_confidence
        if sure.sum() < config.min_frames:
            return ()
        pixels = np.linalg.norm(points[:, 1, :2] - points[:, 0, :2], axis=-1)
        metres = pixels * ends[..., 2].mean(-1) / capture.camera.fx
        seen += float(np.quantile(metres[sure], config.quantile)) / 2
        own += float(np.linalg.norm(ends[0, 1] - ends[0, 0])) / 2
    if own >= config.least_part * seen:
        return ()
    return (
        f"The arms are {100 * own:.0f} cm long from shoulder to wrist, but pictures show about {100 * seen:.0f} cm: "
        "both hands may be some centimetres off, towards the camera or away from it.",
    )


def turned(state: BodyState) -> float:
    """Return how far the person turns in all before the camera, in radians; steps are less than half a turn."""
    ahead: NDArray[np.float64] = rotation.exp(state.global_orient.double().cpu())[:, :, 2].numpy()
    return float(np.ptp(np.unwrap(np.arctan2(ahead[:, 0], -ahead[:, 2]))))
