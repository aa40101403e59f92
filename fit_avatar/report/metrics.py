"""Agreement of the fit with the observations, and ``metrics.json``."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fit_avatar.body.model import Body
from fit_avatar.body.points import Points
from fit_avatar.body.skinning import pose_points
from fit_avatar.body.state import BodyState
from fit_avatar.capture.camera_path import CameraMotion
from fit_avatar.capture.types import Capture
from fit_avatar.evaluate.image import iou
from fit_avatar.io.atomic import atomic_path
from fit_avatar.progress import StepProgress
from fit_avatar.report.coverage import Region
from fit_avatar.report.limb_check import LimbTrust
from fit_avatar.report.measurements import Measurement
from fit_avatar.visibility.frame_views import FrameViews

PACKAGES = ("fit-avatar", "ai-edge-litert", "av", "numpy", "opencv-python-headless", "scipy", "torch")
"""Packages whose versions ``metrics.json`` records."""
MIN_CONFIDENCE = 0.3
"""Keypoints of lower detection confidence, in [0, 1], are not compared. Chosen by hand."""


@dataclass(frozen=True)
class Agreement:
    """How well the body agrees with the observations of T frames."""

    iou: NDArray[np.float64]
    """Intersection over union of the body's silhouette and the mask. [T]"""
    keypoint_error_px: NDArray[np.float64]
    """Mean distance between the body's keypoints and the detected ones; NaN where none is confident. [T]"""
    unbiased_error_px: NDArray[np.float64] | None = None
    """The same after adding the estimated bias of the detector to the body's keypoints, which is what the fit
    minimised; None if no bias was estimated. [T]"""
    covered: NDArray[np.float64] | None = None
    """The part of the mask that the body covers. [T]"""

    @property
    def sentence(self) -> str:
        """Return the means in words."""
        frames = "1 frame" if len(self.iou) == 1 else f"{len(self.iou)} frames"
        overlap = f"agreement over {frames}: silhouette IoU {self.iou.mean():.3f}"
        known = self.keypoint_error_px[np.isfinite(self.keypoint_error_px)]
        return f"{overlap}, keypoint error {known.mean():.1f} px" if len(known) else overlap


def measure_agreement(
    body: Body,
    state: BodyState,
    capture: Capture,
    progress: StepProgress | None = None,
    frame_views: FrameViews | None = None,
    keypoint_bias: Tensor | None = None,
) -> Agreement:
    """Compare the posed body with all masks and keypoints.

    Args:
        body: the body.
        state: shape and the poses of the capture's T frames.
        capture: masks, keypoints and camera.
        progress: called with (frames done, number of frames).
        frame_views: what each frame shows of the body, if it is computed already.
        keypoint_bias: from the body's keypoints to the detector's, in the bind pose. [K, 3] metres
    """
    frame_views = frame_views or FrameViews(body, state, capture)

    def errors(points: Points) -> NDArray[np.float64]:
        with torch.no_grad():
            pixels = capture.camera.project(pose_points(body, state, points)).cpu().double().numpy()
        return keypoint_errors(pixels, capture.keypoints)

    overlaps, covered = [], []
    for t, (drawn, mask) in enumerate(zip(frame_views.silhouettes(), capture.masks, strict=True)):
        overlaps.append(iou(drawn, mask))
        covered.append(np.count_nonzero(drawn & mask) / max(np.count_nonzero(mask), 1))
        if progress:
            progress(t + 1, len(capture.masks))
    points = body.keypoint_points
    unbiased = None
    if keypoint_bias is not None:
        unbiased = errors(replace(points, template=points.template + keypoint_bias))
    return Agreement(np.array(overlaps), errors(points), unbiased, np.array(covered))


def keypoint_errors(points: NDArray[Any], detected: NDArray[Any]) -> NDArray[np.float64]:
    """Return the mean pixel distance to confidently detected points in each frame, NaN where there is none.

    points [T, K, 2], detected (u, v, confidence) [T, K, 3] → [T]
    """
    counted = detected[..., 2] > MIN_CONFIDENCE
    distance = np.where(counted, np.linalg.norm(points - detected[..., :2], axis=-1), 0.0)
    count = counted.sum(-1)
    errors: NDArray[np.float64] = np.where(count > 0, distance.sum(-1) / np.maximum(count, 1), np.nan)
    return errors


def build_metrics(
    *,
    options: Mapping[str, Any],
    capture: Capture,
    agreement: Agreement,
    stages: Sequence[Mapping[str, Any]],
    solves: Sequence[tuple[str, Mapping[str, Any]]],
    scale_source: str,
    height_m: float,
    peak_memory_gb: float,
    warnings: Sequence[str],
    measurements: Sequence[Measurement] = (),
    regions: Sequence[Region] = (),
    limbs: Sequence[LimbTrust] = (),
) -> dict[str, Any]:
    """Return the content of ``metrics.json`` as JSON values.

    Args:
        options: of the run.
        capture: the observations.
        agreement: of the fit with them.
        stages: name and seconds of every stage, and whether an earlier run computed it.
        solves: name and summary of every solve.
        scale_source: how the metric scale was determined, in words.
        height_m: the avatar's height in the pose that is exported.
        peak_memory_gb: of this run.
        warnings: one sentence each.
        measurements: of the avatar.
        regions: how well each part of the body is known.
        limbs: how far each can be trusted over the clip.
    """
    frames = [
        {
            "frame_index": int(index),
            "silhouette_iou": _number(overlap, 4),
            "keypoint_error_px": _number(error, 2),
            "weight": _number(weight, 3),
        }
        for index, overlap, error, weight in zip(
            capture.frame_indices, agreement.iou, agreement.keypoint_error_px, capture.frame_weights, strict=True
        )
    ]
    errors = {"mean": _mean(agreement.keypoint_error_px)}
    if agreement.unbiased_error_px is not None:
        errors["without_bias"] = _mean(agreement.unbiased_error_px)
    return {
        "silhouette_iou": {"mean": _number(agreement.iou.mean(), 4), "min": _number(agreement.iou.min(), 4)},
        "keypoint_error_px": errors,
        "height_m": _number(height_m, 4),
        "scale_source": scale_source,
        "measurements": [_rounded(asdict(each), 4) for each in measurements],
        "regions": [_rounded(asdict(region), 3) for region in regions],
        "limbs": [_rounded(asdict(limb), 1) for limb in limbs],
        "camera": {**asdict(capture.camera), "k": list(capture.camera.k)},
        "camera_motion": _camera_motion(capture.camera_motion),
        "sources": capture.sources,
        "frames_used": len(frames),
        "frames_left_out": [asdict(left_out) for left_out in capture.left_out],
        "frames_cut_off": [asdict(frame) for frame in capture.cut_off],
        "frames": frames,
        "seconds": {"total": round(sum(float(stage["seconds"]) for stage in stages), 2), "stages": list(stages)},
        "solves": [{"stage": name, **summary} for name, summary in solves],
        "peak_memory_gb": round(peak_memory_gb, 2),
        "warnings": list(warnings),
        "options": dict(options),
        "versions": versions(),
    }


def _camera_motion(motion: CameraMotion | None) -> dict[str, Any] | None:
    """Return how the camera moved, if that was looked for."""
    if motion is None:
        return None
    return {
        "mode": motion.mode,
        "known": motion.told,
        "extent_deg": _number(motion.extent_deg, 2),
        "confidence": _number(motion.confidence, 3),
    }


def write_metrics(path: Path, metrics: Mapping[str, Any]) -> Path:
    """Write the metrics as JSON.

    Raises:
        BadInputError: the disk is full or the folder cannot be written to.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(metrics, indent=1, ensure_ascii=False, default=str) + "\n", encoding="utf-8")
    return path


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that a result depends on."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def _rounded(values: Mapping[str, Any], digits: int) -> dict[str, Any]:
    return {name: round(value, digits) if isinstance(value, float) else value for name, value in values.items()}


def _mean(errors: NDArray[np.float64]) -> float | None:
    """Return the mean of the finite errors."""
    known = errors[np.isfinite(errors)]
    return _number(known.mean(), 2) if len(known) else None


def _number(value: Any, digits: int) -> float | None:
    """Return a rounded number, None for NaN, which JSON does not have."""
    return round(float(value), digits) if np.isfinite(value) else None
