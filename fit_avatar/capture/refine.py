"""A coarse person mask sharpened to the pixels of the full-size frame, with what the whole clip knows.

Evidence adds up as log odds: the coarse mask (signed distance to its edge), the clean plate where the camera stands
still, and where the plate is silent the colours that the person and the background have around the pixel and in the
clip. An edge-aware smoother ties neighbours of like colour together; the last two pixels are matted (:mod:`edge`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.background import Background, estimate_background
from fit_avatar.capture.edge import sharpen
from fit_avatar.capture.palette import Palette

Mask = NDArray[np.bool_]
Points = NDArray[np.float32]
Image = NDArray[np.uint8]
Box = tuple[slice, slice]

WORK_HEIGHT = 600
"""Height of the person, in pixels, at which evidence is gathered; only the edge is treated at full size."""
EDGE_BAND = 0.002
"""Half-width of the band in which the edge is treated, as a part of the person's height."""
EDGE_SLACK = 0.008
"""Distance from the coarse edge, as a part of the person's height, that is worth one unit of log odds."""
FAR = 0.06
"""Nothing further out than this part of the height is the person."""
MARGIN = 0.08
"""The crop is this part of the height larger than the coarse mask on each side."""
PLATE_SIGMAS = 3.5
"""A pixel this many standard deviations from the plate is as likely person as background."""
PLATE_AGAINST, PLATE_FOR, PLATE_SLOPE = 4.0, 5.0, 2.25
"""Log odds of the plate's strongest word against and for the person, and their rise beyond ``PLATE_SIGMAS``."""
PRIOR_AGAINST, PRIOR_FOR, PRIOR_FOR_ON_PLATE = 3.0, 7.0, 3.0
"""Log odds of the coarse mask's strongest word; where the plate is known it counts less."""
COLOURS_ON_PLATE = 0.3
"""Weight of the colours where the plate is known."""
WINDOW = 0.05
"""Side of the window for local colours, as a part of the height."""
SMOOTHNESS, COLOUR_SIGMA = 5.0, 15.0
"""Of the edge-aware smoother: its strength, and the step in colour (grey levels) that stops it."""
FLOOR_TOP, FLOOR_SURE = 0.15, 0.07
"""Height above the soles, as a part of the person's, below which a row begins to count as floor, and does fully."""
FOOT_BONES = ((11, 24), (24, 22), (11, 22), (14, 21), (21, 19), (14, 19))
"""Ankle, heel and toe: shoes often look like the floor, and stand in their own shadow."""
FOOT_RADIUS = 0.008
"""Half-thickness of the bones that are surely inside a foot, as a part of the height."""
SURE = 6.0
"""Log odds there."""
SAMPLES = 800
"""Pixels per frame from which the palette is made."""


@dataclass(frozen=True)
class MaskRefiner:
    """What was learnt from a clip's frames; refines one frame at a time."""

    palette: Palette
    background: Background | None
    """``None`` if the camera moved."""

    @staticmethod
    def learn(samples: Sequence[tuple[Image, NDArray[np.uint8]]]) -> MaskRefiner:
        """Learn colours and the clean plate from some frames, spread over the clip.

        First from the coarse masks, then again from these frames' own refined masks, which show more of the plate.

        Args:
            samples: BGR frames [H, W, 3] with the person's probability, 0..255, at any smaller size [h, w].
        """
        coarse = [(frame, _resize_to(frame, probability) > 127) for frame, probability in samples]
        first = _learn(coarse, Palette.of(_sample_colours(coarse)), inner=0.02, outer=0.035)
        better = [(frame, first.refine(frame, probability)) for frame, probability in samples]
        return _learn(better, first.palette, inner=0.004, outer=0.008)

    def refine(self, frame: Image, probability: NDArray[np.uint8], keypoints: Points | None = None) -> Mask:
        """Refine one frame's coarse mask.

        Args:
            frame: BGR. [H, W, 3]
            probability: of the person, 0..255, at any smaller size. [h, w]
            keypoints: BODY_25 points in pixels of the frame; seen feet are then surely the person's. [25, 3]

        Returns:
            True on the person. [H, W]
        """
        mask = np.zeros(frame.shape[:2], bool)
        found = _crop(probability, frame.shape[:2])
        if found is None:
            return mask
        (rows, cols), height = found
        crop = frame[rows, cols]
        scale = min(1.0, WORK_HEIGHT / height)
        size = max(1, round(crop.shape[1] * scale)), max(1, round(crop.shape[0] * scale))
        bones = _feet(keypoints, (rows, cols), size, height * scale) if keypoints is not None else None
        score = self._score(frame, probability, (rows, cols), size, height * scale, bones)
        score = cv2.resize(score, crop.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        plate = self.background.mean[rows, cols] if self.background else None
        known = self.background.known[rows, cols] if self.background else None
        mask[rows, cols] = sharpen(crop, score, plate, known, max(2, round(EDGE_BAND * height)))
        return mask

    def _score(
        self,
        frame: Image,
        probability: NDArray[np.uint8],
        box: Box,
        size: tuple[int, int],
        height: float,
        bones: Mask | None,
    ) -> NDArray[np.float32]:
        """Gather the evidence of a crop at the working size (width, height). [h, w]"""
        image = cv2.resize(frame[box], size, interpolation=cv2.INTER_AREA)
        prior = _prior(_resize_box(probability, frame.shape[:2], box, size), height)
        plate, known = self._plate_evidence(image, box, _floor(prior > 0.0, height))
        prior = np.where(known, np.minimum(prior, PRIOR_FOR_ON_PLATE), prior)
        if bones is not None:
            prior[bones] = np.maximum(prior[bones], SURE)
        labels = self.palette.labels(image)
        overall = self.palette.overall()[labels]
        score = prior + np.where(known, plate, overall)
        person = (score > 1.5) & ((overall > -1.0) | (prior > 2.5))
        behind = (score < -1.5) & ((overall < 1.0) | (prior < -2.5))
        colours = overall + self.palette.local(labels, person, behind, round(WINDOW * height))
        return _smooth(prior + np.where(known, plate + COLOURS_ON_PLATE * colours, colours), image)

    def _plate_evidence(self, image: Image, box: Box, floor: NDArray[np.float32]) -> tuple[NDArray[np.float32], Mask]:
        if self.background is None:
            return np.zeros(image.shape[:2], np.float32), np.zeros(image.shape[:2], bool)
        distance, known = self.background.distance(image, box, floor)
        excess = (distance / PLATE_SIGMAS) ** 2 - 1.0
        return np.clip(excess * np.where(excess > 0, PLATE_SLOPE, PLATE_AGAINST), -PLATE_AGAINST, PLATE_FOR), known


def _learn(masks: Sequence[tuple[Image, Mask]], palette: Palette, inner: float, outer: float) -> MaskRefiner:
    """Learn with everything closer than ``inner``/``outer`` (parts of the height) to a mask's edge left aside."""
    examples, clear = [], []
    for frame, mask in masks:
        height = max(int(np.ptp(np.flatnonzero(mask.any(1)))), 1) if mask.any() else 1
        maybe = _grow(mask, outer * height)
        examples.append((frame, ~_grow(~mask, inner * height), _grow(maybe, 2.0 * outer * height) & ~maybe))
        clear.append((frame, maybe))
    return MaskRefiner(palette.learn(examples), estimate_background(clear))


def _grow(mask: Mask, radius: float) -> Mask:
    """Dilate by a radius in pixels."""
    distance = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 3)
    return np.asarray(distance <= radius)


def _sample_colours(masks: Sequence[tuple[Image, Mask]]) -> Image:
    random = np.random.default_rng(0)
    picked = []
    for frame, mask in masks:
        rows, cols = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        if len(rows):
            around = frame[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1].reshape(-1, 3)
            picked.append(around[random.integers(0, len(around), SAMPLES)])
    return np.concatenate(picked) if picked else np.zeros((1, 3), np.uint8)


def _resize_to(frame: Image, probability: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(probability, frame.shape[1::-1], interpolation=cv2.INTER_LINEAR))


def _crop(probability: NDArray[np.uint8], shape: tuple[int, ...]) -> tuple[Box, float] | None:
    """Return the crop in full-size pixels and the person's height, or ``None`` if nobody is there."""
    sure = probability > 127
    if not sure.any():
        return None
    scale_y, scale_x = shape[0] / sure.shape[0], shape[1] / sure.shape[1]
    rows, cols = np.flatnonzero(sure.any(1)), np.flatnonzero(sure.any(0))
    height = (rows[-1] + 1 - rows[0]) * scale_y
    margin = MARGIN * height
    top, bottom = rows[0] * scale_y - margin, (rows[-1] + 1) * scale_y + margin
    left, right = cols[0] * scale_x - margin, (cols[-1] + 1) * scale_x + margin
    box = (slice(max(int(top), 0), min(int(bottom), shape[0])), slice(max(int(left), 0), min(int(right), shape[1])))
    return box, height


def _resize_box(
    probability: NDArray[np.uint8], shape: tuple[int, ...], box: Box, size: tuple[int, int]
) -> NDArray[np.uint8]:
    """Sample a small picture of the whole frame over a crop given in full-size pixels. [h, w]"""
    sx, sy = probability.shape[1] / shape[1], probability.shape[0] / shape[0]
    step_x, step_y = (box[1].stop - box[1].start) / size[0], (box[0].stop - box[0].start) / size[1]
    warp = np.array(
        [
            [step_x * sx, 0.0, (box[1].start + 0.5 * step_x) * sx - 0.5],
            [0.0, step_y * sy, (box[0].start + 0.5 * step_y) * sy - 0.5],
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(probability, warp, size, flags=flags, borderMode=cv2.BORDER_REPLICATE))


def _prior(probability: NDArray[np.uint8], height: float) -> NDArray[np.float32]:
    """Turn the signed distance to the coarse edge into log odds. [h, w]"""
    person = (probability > 127).astype(np.uint8)
    distance = cv2.distanceTransform(person, cv2.DIST_L2, 3) - cv2.distanceTransform(1 - person, cv2.DIST_L2, 3)
    prior = np.clip(distance / (EDGE_SLACK * height), -PRIOR_AGAINST, PRIOR_FOR)
    prior[distance < -FAR * height] = -20.0
    return np.asarray(prior, np.float32)


def _floor(coarse: Mask, height: float) -> NDArray[np.float32]:
    """Return how much each row of a crop shows the floor at the feet of a coarse mask [h, w], 0..1. [h]"""
    rows = np.flatnonzero(coarse.any(axis=1))
    soles = rows[-1] + 1 if len(rows) else len(coarse)
    above = (soles - np.arange(len(coarse))) / height
    return np.asarray(np.interp(above, (FLOOR_SURE, FLOOR_TOP), (1.0, 0.0)), np.float32)


def _feet(keypoints: Points, box: Box, size: tuple[int, int], height: float) -> Mask:
    """Mark the cores of the feet that are seen, in a crop shown at the working size (width, height). [h, w]"""
    marked = np.zeros(size[::-1], np.uint8)
    scale = np.array(size) / (box[1].stop - box[1].start, box[0].stop - box[0].start)
    points = np.round((keypoints[:, :2] - (box[1].start, box[0].start)) * scale).astype(int)
    for a, b in FOOT_BONES:
        if min(keypoints[a, 2], keypoints[b, 2]) > 0.5:
            cv2.line(marked, points[a].tolist(), points[b].tolist(), 1, max(1, round(2 * FOOT_RADIUS * height)))
    return np.asarray(marked > 0)


def _smooth(score: NDArray[np.float32], image: Image) -> NDArray[np.float32]:
    certainty = np.tanh(score / 2.0).astype(np.float32)
    return np.asarray(4.0 * cv2.ximgproc.fastGlobalSmootherFilter(image, certainty, SMOOTHNESS, COLOUR_SIGMA))
