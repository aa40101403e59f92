"""Which frames the face is painted from: those that show it from the front and near it, sharp, with the eyes open."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

EYELIDS = ((159, 145), (386, 374))
"""The middles of the upper and lower lid of both eyes among the 468 points of a face (Kartynnik et al. 2019)."""
FACE_HEIGHT = (10, 152)
"""The top of the forehead and the chin among them."""


@dataclass(frozen=True)
class FaceFramesConfig:
    """Which frames show the face well. All values were chosen by hand."""

    reach_deg: float = 40.0
    """Frames in which the face is turned farther away from the camera are not painted from."""
    step_deg: float = 16.0
    """The directions between those limits are divided into steps of this width, and each gives its best frames."""
    frames_per_step: int = 1
    """So many: more gain nothing on rendered people and take longer."""
    frontal_power: float = 4.0
    """Power of the cosine of the angle by which the face is turned away, in a frame's rating."""
    shut: float = 0.6
    """Eyes that are open by this fraction of what is usual in the clip count as shut, and the frame is left out."""
    open: float = 0.9
    """From this fraction on they count as open."""
    min_confidence: float = 0.5
    """Mean confidence of a face's points, at least."""
    min_height_px: float = 24.0
    """Height of the face in the picture, at least: in a smaller one its points say little."""


FACE_FRAMES = FaceFramesConfig()


def select_face_frames(
    centre: FloatArray,
    forward: FloatArray,
    points: FloatArray,
    frame_weights: FloatArray,
    config: FaceFramesConfig = FACE_FRAMES,
) -> dict[int, float]:
    """Return the frames that the face is painted from and their rating in (0, 1], the best one first.

    Args:
        centre: of the face in camera coordinates, metres. [T, 3]
        forward: where it looks, unit vectors. [T, 3]
        points: of the face as (u, v, confidence), pixels. [T, 468, 3]
        frame_weights: confidence in each frame. [T]
        config: what counts as good.
    """
    sight = -centre / np.maximum(np.linalg.norm(centre, axis=1, keepdims=True), 1e-9)
    cosine = np.einsum("tc,tc->t", sight, forward).clip(0, 1)
    angle = np.degrees(np.arccos(cosine)) * np.sign(np.cross(sight, forward)[:, 1])
    height = _between(points, *FACE_HEIGHT)
    rating = cosine**config.frontal_power * _openness(points, height, config) * frame_weights
    known = (points[..., 2].mean(axis=1) >= config.min_confidence) & (height >= config.min_height_px)
    rating *= known & (np.abs(angle) <= config.reach_deg)
    step = np.round(angle / config.step_deg).astype(int)
    chosen: list[int] = []
    for each in np.unique(step[rating > 0]):
        there = np.flatnonzero((step == each) & (rating > 0))
        chosen += there[np.argsort(-rating[there], kind="stable")][: config.frames_per_step].tolist()
    return {t: float(rating[t]) for t in sorted(chosen, key=lambda t: -float(rating[t]))}


def _openness(points: FloatArray, height: FloatArray, config: FaceFramesConfig) -> FloatArray:
    """Return how far the eyes are open, from 0 (shut) to 1. [T]"""
    opening = np.mean([_between(points, *lids) for lids in EYELIDS], axis=0) / np.maximum(height, 1e-6)
    found = points[..., 2].mean(axis=1) >= config.min_confidence
    usual = float(np.median(opening[found])) if found.any() else 1.0
    ratio = opening / max(usual, 1e-6)
    return np.asarray(((ratio - config.shut) / (config.open - config.shut)).clip(0, 1), dtype=np.float32)


def _between(points: FloatArray, one: int, other: int) -> FloatArray:
    """Return the distance between two points in every frame, pixels. [T]"""
    return np.asarray(np.linalg.norm(points[:, one, :2] - points[:, other, :2], axis=1), dtype=np.float32)
