"""Frames whose mask may hold a part of somebody else."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.camera import undistort_masks
from fit_avatar.capture.cut_off import name_frames
from fit_avatar.capture.types import PERSON_LEVEL, Camera, Mask


@dataclass(frozen=True)
class CrowdConfig:
    """Settings of the doubts about masks in clips that show several people."""

    min_agreement: float = 0.92
    """Intersection over union of coarse and refined mask below which one of them may hold somebody else: at least 0.93
    in frames where they are well apart, 0.84 to 0.92 where one walks behind the other. Measured on
    benchmarks/masks.py."""
    weight: float = 0.3
    """Weight of such a frame. Chosen by hand."""


DEFAULT_CROWD = CrowdConfig()


def is_doubtful(mask: Mask, probability: NDArray[np.uint8], config: CrowdConfig = DEFAULT_CROWD) -> bool:
    """Return whether a mask [H, W] and the coarse one [h, w], as 0..255, disagree about whom they show."""
    coarse = cv2.resize(probability, mask.shape[::-1], interpolation=cv2.INTER_LINEAR) > PERSON_LEVEL
    either = np.count_nonzero(mask | coarse)
    return np.count_nonzero(mask & coarse) < config.min_agreement * either


def others_in(probabilities: Sequence[NDArray[np.uint8] | None], camera: Camera) -> NDArray[np.bool_] | None:
    """Return where other people are seen, without the lens distortion; ``None`` if no frame shows any.

    Args:
        probabilities: of everybody else in each of T frames, as 0..255; None where there is nobody. [h, w] each
        camera: of the frames.

    Returns:
        [T, h, w]
    """
    known = [probability for probability in probabilities if probability is not None]
    if not any((probability > PERSON_LEVEL).any() for probability in known):
        return None
    height, width = known[0].shape
    nobody = np.zeros((height, width), np.uint8)
    seen = np.stack([(nobody if p is None else p) > PERSON_LEVEL for p in probabilities])
    return undistort_masks(seen, camera.fitted_to(width, height))


def crowd_warning(doubtful: Collection[int]) -> tuple[str, ...]:
    """Return what the user is told of the frames that count less."""
    if not doubtful:
        return ()
    return (
        f"Somebody else is close to the person in {len(doubtful)} of the frames used ({name_frames(list(doubtful))}), "
        "which count less; give masks if the avatar shows parts of them.",
    )
