"""Observations of a clip: from the files that come with it, or detected in the video."""

from __future__ import annotations

import pickle
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fit_avatar.capture import Capture, camera_from, observe
from fit_avatar.fitting import some_frames
from fit_avatar.io.fingerprint import code_identity
from lib.true_clip import TrueClip

INPUTS: dict[str, tuple[str, ...]] = {
    "given": ("keypoints", "masks"),
    "true-masks": ("masks",),
    "true-keypoints": ("keypoints",),
    "raw": (),
}
"""Names of inputs, and which of the clip's folders are handed over. Masks are exact, keypoints have noise."""


@dataclass(frozen=True)
class Observed:
    """Observations, and the seconds that observing took."""

    capture: Capture
    seconds: float


def observe_clip(clip: TrueClip, inputs: str, guessed_camera: bool, kept: Path) -> Observed:
    """Return what is observed in all frames of a clip, and keep it in a folder for the next fit.

    A kept result is used as long as neither the video nor the code that observes changes.
    """
    stamp = f"{(clip.folder / 'video.mp4').stat().st_mtime:.0f}-{code_identity('fit_avatar.capture.observe')[:12]}"
    file = kept / f"{clip.folder.name}-{inputs}-{stamp}.pkl"
    if file.exists():
        observed: Observed = pickle.loads(file.read_bytes())
    else:
        began = time.perf_counter()
        given: dict[str, Any] = {name: clip.folder / name for name in INPUTS[inputs]}
        capture = observe(clip.folder / "video.mp4", camera=clip.camera, frames=10**6, **given)
        observed = Observed(capture, time.perf_counter() - began)
        kept.mkdir(parents=True, exist_ok=True)
        file.write_bytes(pickle.dumps(observed))
    if guessed_camera:  # neither keypoints nor masks depend on the focal length of a camera without distortion
        guess, _ = camera_from(clip.camera.width, clip.camera.height)
        observed = replace(observed, capture=replace(observed.capture, camera=guess))
    return observed


def spread(capture: Capture, count: int) -> Capture:
    """Return evenly spread frames of a capture, all if it has no more."""
    there = len(capture.frame_indices)
    if count >= there:
        return capture
    return some_frames(capture, np.linspace(0, there, count, endpoint=False).round().astype(int))
