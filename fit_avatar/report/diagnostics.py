"""What a finished fit leaves in doubt: sides that the clip does not show, and frames that the body does not match."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from fit_avatar.body import rotation
from fit_avatar.body.model import Body
from fit_avatar.body.skinning import pose_body
from fit_avatar.body.state import BodyState
from fit_avatar.capture.types import Capture
from fit_avatar.errors import NoPersonError
from fit_avatar.report.metrics import Agreement

SIDES = ("front", "left side", "back", "right side")
"""Each a quarter turn from the one before."""
UNSEEN_RAD = math.radians(60)
"""A side that no view comes nearer to than this has not been seen."""
STILL_RAD = math.radians(90)
"""A person whose views all lie within this has not turned."""
POOR_IOU = 0.85
"""A frame whose body and mask overlap less does not match."""
HOPELESS_IOU = 0.75
"""If most frames overlap less, the result would be nonsense."""
HOPELESS_KEYPOINTS = 0.025
"""Likewise if keypoints are farther from the body than this part of the person's height: a fit that has to follow
masks that contradict them is wrong, however well it meets the masks."""
STANDS_RAD = math.radians(4)
"""Nobody who is filmed stands as still as this."""


def view_angles(body: Body, state: BodyState) -> Tensor:
    """Return from where the camera sees the body in each frame: 0 in front, +π/2 from its left, ±π behind. [T]"""
    with torch.no_grad():
        pelvis = pose_body(body, state).joints[:, 0]
        across, _, ahead = (rotation.exp(state.global_orient).transpose(1, 2) @ -pelvis[..., None])[..., 0].unbind(-1)
    return torch.atan2(across, ahead)


def unseen(angles: Tensor) -> tuple[str, ...]:
    """Return a sentence on the sides that no view shows, if there are any. angles [T] as :func:`view_angles`"""
    covered = 2 * math.pi - _largest_gap(angles)
    turns = torch.arange(len(SIDES), device=angles.device) * (math.pi / 2)
    apart = torch.remainder(angles[:, None] - turns + math.pi, 2 * math.pi).sub(math.pi).abs().amin(0)
    missing = [side for side, nearest in zip(SIDES, apart.tolist(), strict=True) if nearest > UNSEEN_RAD]
    if covered < STILL_RAD:
        return (
            f"The person hardly turns ({math.degrees(covered):.0f}° are seen): depth and the sides that are not seen "
            "are an estimate from average people; film one full turn.",
        )
    if missing:
        names = " and ".join(missing)
        return (f"The clip does not show the person's {names}: an estimate stands there; film one full turn.",)
    return ()


def diagnose(body: Body, state: BodyState, capture: Capture, agreement: Agreement) -> tuple[str, ...]:
    """Return what the user should know about a fit to a video, one sentence each.

    Raises:
        NoPersonError: the person does not move; or body, masks and keypoints do not agree in most frames, so that the
            result would mean nothing.
    """
    count, poor = len(agreement.iou), int((agreement.iou < POOR_IOU).sum())
    if (agreement.iou < HOPELESS_IOU).sum() > count / 2:
        raise NoPersonError(
            f"the body agrees with the masks in too few frames (silhouette IoU {agreement.iou.mean():.2f} on average): "
            "check that video, masks and keypoints belong together and that one person stands upright with arms held "
            "away from the body"
        )
    heights = np.array([np.ptp(np.flatnonzero(mask.any(1))) + 1 if mask.any() else np.nan for mask in capture.masks])
    away = agreement.keypoint_error_px / heights
    middle = float(np.median(away[np.isfinite(away)])) if np.isfinite(away).any() else 0.0
    if middle > HOPELESS_KEYPOINTS:
        raise NoPersonError(
            f"keypoints and masks contradict each other: the body that fits the masks is {100 * middle:.1f} % of the "
            "person's height away from the keypoints, so check that both were made from the same frames of this video"
        )
    angles = view_angles(body, state)
    if 2 * math.pi - _largest_gap(angles) < STANDS_RAD:
        raise NoPersonError("the person does not move: film one full turn, or give a single picture with --image")
    sentences = unseen(angles)
    if poor:
        sentences += (
            f"In {poor} of {count} frames body and mask overlap by less than {100 * POOR_IOU:.0f} %; "
            "see silhouette_iou in metrics.json.",
        )
    return sentences


def _largest_gap(angles: Tensor) -> float:
    """Return the largest turn between two views without another in between."""
    ordered = angles.sort().values
    return float((torch.cat([ordered[1:], ordered[:1] + 2 * math.pi]) - ordered).max())
