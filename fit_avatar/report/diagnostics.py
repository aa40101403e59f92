"""Diagnostics of a finished fit: sides that the clip does not show, and frames that the body does not match."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fit_avatar.body import rotation
from fit_avatar.body.model import Body
from fit_avatar.body.skinning import local_rotations, pose_body
from fit_avatar.body.state import BodyState
from fit_avatar.capture.assemble import given_files
from fit_avatar.capture.types import Capture
from fit_avatar.errors import NoPersonError
from fit_avatar.report.metrics import Agreement

SIDES = ("front", "left side", "back", "right side")
"""Each a quarter turn from the one before."""


@dataclass(frozen=True)
class DiagnosticsConfig:
    """Thresholds of warnings and of failures. All are chosen by hand."""

    unseen_rad: float = math.radians(60)
    """A side is unseen if no view is nearer to it than this angle."""
    still_rad: float = math.radians(90)
    """A person whose views all lie within this angle has hardly turned."""
    poor_iou: float = 0.85
    """A frame with a lower silhouette IoU is reported as not matching."""
    unlike_iou: float = 0.945
    """A known avatar with a lower median IoU is not of the person in the clip. On rendered clips, people have 0.96 to
    0.98 with their own avatar, and 0.88 to 0.93 with that of somebody else."""
    failed_iou: float = 0.75
    """The fit has failed if most frames have a lower silhouette IoU."""
    failed_keypoint_error: float = 0.025
    """The fit has failed if the median keypoint error is a larger fraction of the person's height in the picture:
    masks that contradict the keypoints can be met well and still give a wrong body."""
    hidden_cover: float = 0.9
    """Where the body covers more than this part of the mask, and more than the mask, something may hide the person …"""
    hidden_keypoint_error: float = 0.05
    """… if the keypoint error is a smaller fraction of the person's height: of hidden points the detector has only an
    idea."""
    motionless_rad: float = math.radians(4)
    """Views within this angle, while no joint moves by more, are of a still picture: nobody stands so still while being
    filmed."""


DIAGNOSTICS = DiagnosticsConfig()


def view_angles(body: Body, state: BodyState) -> Tensor:
    """Return the direction from which the camera sees the body: 0 in front, +π/2 at its left, ±π behind. [T] radians"""
    with torch.no_grad():
        pelvis = pose_body(body, state).joints[:, 0]
        across, _, ahead = (rotation.exp(state.global_orient).transpose(1, 2) @ -pelvis[..., None])[..., 0].unbind(-1)
    return torch.atan2(across, ahead)


def turn_warnings(angles: Tensor, config: DiagnosticsConfig = DIAGNOSTICS, any_motion: bool = False) -> tuple[str, ...]:
    """Return a warning about the sides that no view shows, if there are any.

    Args:
        angles: [T] as :func:`view_angles`.
        config: thresholds.
        any_motion: whether the clip was fitted for its motion, whose looks another clip can show.
    """
    better = "take the looks from a clip of one full turn (--avatar)" if any_motion else "film one full turn"
    covered = 2 * math.pi - _largest_gap(angles)
    turns = torch.arange(len(SIDES), device=angles.device) * (math.pi / 2)
    apart = torch.remainder(angles[:, None] - turns + math.pi, 2 * math.pi).sub(math.pi).abs().amin(0)
    missing = [side for side, nearest in zip(SIDES, apart.tolist(), strict=True) if nearest > config.unseen_rad]
    if covered < config.still_rad:
        return (
            f"The person hardly turns ({math.degrees(covered):.0f}° are seen): depth and the sides that are not seen "
            f"are an estimate from average people; for the best avatar {better}.",
        )
    if missing:
        names = " and ".join(missing)
        shown = f"The clip does not show the person's {names}: an estimate stands there"
        return (f"{shown}; for the best avatar {better}.",)
    return ()


def diagnose(
    body: Body,
    state: BodyState,
    capture: Capture,
    agreement: Agreement,
    config: DiagnosticsConfig = DIAGNOSTICS,
    shape_known: bool = False,
    any_motion: bool = False,
) -> tuple[str, ...]:
    """Return warnings about a fit to a video, one sentence each.

    Args:
        body: the body.
        state: shape and the poses of the capture's T frames.
        capture: masks, keypoints and camera.
        agreement: of the two.
        config: thresholds.
        shape_known: whether the shape comes from elsewhere, so that the person need not turn or move.
        any_motion: whether the method is one for any motion, in which something may hide a part of the person.

    Raises:
        NoPersonError: the person does not move, or body, masks and keypoints contradict each other in most frames.
    """
    count, poor = len(agreement.iou), int((agreement.iou < config.poor_iou).sum())
    error = agreement.keypoint_error_px / _heights(body, state, capture)
    failed = agreement.iou < config.failed_iou
    covered = np.zeros(count) if agreement.covered is None or not any_motion else agreement.covered
    hidden = (
        (agreement.iou < config.poor_iou) & (covered > config.hidden_cover) & (error < config.hidden_keypoint_error)
    )
    if (failed & ~hidden).sum() > count / 2:
        raise NoPersonError(_no_agreement(float(agreement.iou.mean()), given_files(capture.sources), shape_known))
    contradiction = np.where(hidden, 0.0, error)[np.isfinite(error)]
    median = float(np.median(contradiction)) if len(contradiction) else 0.0
    if median > config.failed_keypoint_error:
        raise NoPersonError(_contradiction(100 * median, given_files(capture.sources)))
    warnings = _likeness(agreement, config) if shape_known else _sides(body, state, config, any_motion)
    if hidden.any():
        warnings += (
            f"In {hidden.sum()} of {count} frames the body goes on where the mask shows nobody, as if something hid "
            "the person: what is hidden is a guess.",
        )
    if poor:
        warnings += (
            f"In {poor} of {count} frames body and mask overlap by less than {100 * config.poor_iou:.0f} %; "
            "see silhouette_iou in metrics.json.",
        )
    return warnings


def _heights(body: Body, state: BodyState, capture: Capture) -> NDArray[np.float64]:
    """Return the person's height in each frame, in pixels: the mask's, or the body's where that is cut off. [T]"""
    heights = np.array([np.ptp(np.flatnonzero(mask.any(1))) + 1 if mask.any() else np.nan for mask in capture.masks])
    cut = np.isin(capture.frame_indices, [frame.frame_index for frame in capture.cut_off])
    if cut.any():
        with torch.no_grad():
            rows = capture.camera.project(pose_body(body, state).vertices)[..., 1].cpu().double().numpy()
        heights = np.where(cut, np.maximum(np.nan_to_num(heights), np.ptp(rows, axis=1)), heights)
    return heights


def _likeness(agreement: Agreement, config: DiagnosticsConfig) -> tuple[str, ...]:
    """Return a warning if the outline of a known person is not that of the person in the clip."""
    overlap = float(np.median(agreement.iou))
    if overlap >= config.unlike_iou:
        return ()
    return (
        f"The avatar's outline agrees with that of the person in the clip less than it does for the same person (IoU "
        f"{overlap:.2f}): the clip shows another person or other clothes, or the masks are poor; compare overlay.mp4.",
    )


def _sides(body: Body, state: BodyState, config: DiagnosticsConfig, any_motion: bool) -> tuple[str, ...]:
    """Return warnings of the sides that no frame shows, of a person who moves.

    Raises:
        NoPersonError: the person does not move.
    """
    angles = view_angles(body, state)
    if max(2 * math.pi - _largest_gap(angles), _limb_motion(body, state)) < config.motionless_rad:
        raise NoPersonError("the person does not move: film one full turn, or give a single picture with --image")
    return turn_warnings(angles, config, any_motion)


def _limb_motion(body: Body, state: BodyState) -> float:
    """Return the standard deviation of the joint that moves most, in radians."""
    with torch.no_grad():
        turns = local_rotations(state)[:, 1:]
        mean = rotation.nearest(turns.mean(0))
        return float(rotation.log(mean.transpose(-1, -2) @ turns).square().sum(-1).mean(0).sqrt().max())


def _no_agreement(iou: float, given: str, shape_known: bool) -> str:
    found = f"the body agrees with the person's outline in too few frames (silhouette IoU {iou:.2f} on average)"
    if given:
        return f"{found}: check that {given} {'are both' if ' and ' in given else 'are'} of this video, frame by frame"
    if shape_known:
        return (
            f"{found}: check that the clip shows the person of the avatar, alone and before a calm background, or give "
            "masks of your own with --masks"
        )
    return (
        f"{found}: film one person who stands upright, arms held away from the body, before a calm background, or give "
        "masks of your own with --masks"
    )


def _contradiction(percent: float, given: str) -> str:
    found = f"the body that fits the masks is {percent:.1f} % of the person's height away from the keypoints"
    if given:
        return f"{found}: check that {given} {'are both' if ' and ' in given else 'are'} of this video, frame by frame"
    return (
        f"{found}, so that the detector is wrong in this clip: film in better light before a calm background, or give "
        "keypoints of another detector with --keypoints"
    )


def _largest_gap(angles: Tensor) -> float:
    """Return the largest angle between two neighbouring views."""
    ordered = angles.sort().values
    return float((torch.cat([ordered[1:], ordered[:1] + 2 * math.pi]) - ordered).max())
