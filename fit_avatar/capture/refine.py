"""Refining a coarse person mask at the frame's full resolution, with what is known of the whole clip.

Log odds of the person are summed: from the coarse mask (signed distance to its boundary), from the clean plate where
the camera stands still, and where the plate is unknown from the colours of person and background, near the pixel and
in the whole clip. Edge-aware smoothing (Min et al., "Fast Global Image Smoothing Based on Weighted Least Squares",
TIP 2014) follows; the boundary itself is then placed by :mod:`~fit_avatar.capture.edge`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.background import DEFAULT_BACKGROUND, Background, BackgroundConfig, estimate_background
from fit_avatar.capture.box import Box, bounding_box, mask_height
from fit_avatar.capture.edge import DEFAULT_EDGE, EdgeConfig, refine_edge
from fit_avatar.capture.feet import lowest_of_feet
from fit_avatar.capture.palette import DEFAULT_PALETTE, Palette, PaletteConfig
from fit_avatar.capture.points import Points
from fit_avatar.capture.smoothing import smooth_within_edges
from fit_avatar.capture.types import PERSON_LEVEL, Image, Mask

Probability = NDArray[np.uint8]
"""Probability of the person as 0..255 over the whole frame, at any smaller size. [h, w]"""

FOOT_BONES = ((11, 24), (24, 22), (11, 22), (14, 21), (21, 19), (14, 19))
"""Pairs of BODY_25 points between ankle, heel and big toe."""


@dataclass(frozen=True)
class RefinementConfig:
    """Settings of the masks' refinement. Lengths in heights are fractions of the person's height in the picture."""

    work_height_px: int = 600
    """Height of the person at which evidence is gathered, in pixels; larger crops are scaled down, and only the
    boundary is treated at full size. Chosen by hand."""
    edge_band: float = 0.002
    """Half-width of the band in which the boundary is placed, in heights. Chosen by hand."""
    min_edge_band_px: int = 2
    """Lower bound of that half-width, in pixels. Chosen by hand."""
    crop_margin: float = 0.08
    """Margin of the crop around the coarse mask, in heights. Chosen by hand."""
    max_distance: float = 0.06
    """Pixels further outside the coarse mask than this, in heights, are background. Chosen by hand."""
    coarse_slack: float = 0.008
    """Distance from the coarse boundary that is worth one unit of log odds, in heights. Chosen by hand."""
    coarse_against: float = 3.0
    """Bound on the coarse mask's log odds against the person. Chosen by hand."""
    coarse_for: float = 7.0
    """Bound on the coarse mask's log odds for the person. Chosen by hand."""
    coarse_for_on_plate: float = 3.0
    """The same where the clean plate is known, which is the better witness. Chosen by hand."""
    plate_sigmas: float = 3.5
    """Distance from the clean plate, in standard deviations, at which person and background are equally likely. Chosen
    by hand."""
    plate_against: float = 4.0
    """Bound on the clean plate's log odds against the person. Chosen by hand."""
    plate_for: float = 5.0
    """Bound on the clean plate's log odds for the person. Chosen by hand."""
    plate_slope: float = 2.25
    """Factor on the relative squared distance beyond ``plate_sigmas`` that gives log odds for the person. Chosen by
    hand."""
    colour_weight_on_plate: float = 0.3
    """Weight of the colours' log odds where the clean plate is known. Chosen by hand."""
    colour_window: float = 0.05
    """Side of the window of local colours, in heights. Chosen by hand."""
    seed_log_odds: float = 1.5
    """Log odds for or against the person beyond which a pixel teaches the local colours … Chosen by hand."""
    seed_conflict: float = 1.0
    """… unless its colour contradicts with clip-wide log odds beyond this … Chosen by hand."""
    seed_coarse_log_odds: float = 2.5
    """… and the coarse mask's log odds are within this bound. Chosen by hand."""
    smoothness: float = 5.0
    """Strength (λ) of the edge-aware smoothing. Chosen by hand."""
    smoothing_colour_sigma: float = 15.0
    """Difference in colour at which the smoothing stops (σ), in grey levels. Chosen by hand."""
    floor_top: float = 0.15
    """Height above the soles below which a row begins to show the floor, in heights. Chosen by hand."""
    floor_certain: float = 0.07
    """Height above the soles below which it certainly does, in heights. Chosen by hand."""
    foot_radius: float = 0.008
    """Half-thickness of the bones that are drawn inside the feet, in heights. Chosen by hand."""
    foot_min_confidence: float = 0.5
    """Both ends of such a bone must have more confidence than this. Chosen by hand."""
    foot_log_odds: float = 6.0
    """Log odds of the person on these bones: shoes often look like the floor and stand in their own shadow. Chosen by
    hand."""
    below_feet: float = 0.05
    """Pixels further below the lowest point of both feet than this, in heights, are the floor: its reflections and
    shadows look like feet. The soles are up to 0.04 below that point. Chosen on benchmarks/mirror_floor.py."""
    palette_samples: int = 800
    """Pixels of each frame from which the colour clusters are made. Chosen by hand."""
    coarse_margins: tuple[float, float] = (0.02, 0.035)
    """Widths inside and outside a coarse boundary from which nothing is learnt, in heights. Chosen by hand."""
    refined_margins: tuple[float, float] = (0.004, 0.008)
    """The same at a refined boundary. Chosen by hand."""
    background: BackgroundConfig = DEFAULT_BACKGROUND
    palette: PaletteConfig = DEFAULT_PALETTE
    edge: EdgeConfig = DEFAULT_EDGE


DEFAULT_REFINEMENT = RefinementConfig()


@dataclass(frozen=True)
class MaskRefiner:
    """What was learnt from frames of a clip; refines one frame at a time."""

    palette: Palette
    background: Background | None
    """``None`` if the camera moved."""
    config: RefinementConfig = DEFAULT_REFINEMENT

    @staticmethod
    def learn(
        samples: Sequence[tuple[Image, Probability]], config: RefinementConfig = DEFAULT_REFINEMENT
    ) -> MaskRefiner:
        """Learn colours and the clean plate from some frames, spread over the clip.

        First from the coarse masks, then from the same frames' refined masks, which uncover more of the background.

        Args:
            samples: BGR frames [H, W, 3] with the probability of the person, as 0..255, at any smaller size [h, w].
            config: settings.
        """
        coarse = [(frame, _resize_to(frame, probability) > PERSON_LEVEL) for frame, probability in samples]
        palette = Palette.cluster(_sample_colours(coarse, config.palette_samples), config.palette)
        first = _learn(coarse, palette, config.coarse_margins, config)
        del coarse  # the masks of large pictures are large
        refined = [(frame, first.refine(frame, probability)) for frame, probability in samples]
        return _learn(refined, first.palette, config.refined_margins, config)

    def refine(self, frame: Image, probability: Probability, keypoints: Points | None = None) -> Mask:
        """Refine the coarse mask of one frame.

        Args:
            frame: BGR. [H, W, 3]
            probability: of the person, as 0..255, at any smaller size. [h, w]
            keypoints: BODY_25 points in pixels of the frame, whose visible feet count as the person's. [25, 3]

        Returns:
            True on the person. [H, W]
        """
        mask = np.zeros(frame.shape[:2], bool)
        floor = self._floor_below(probability, frame.shape[0], keypoints)
        probability = probability.copy()
        probability[math.ceil(floor * len(probability) / len(frame)) :] = 0
        found = _crop(probability, frame.shape[:2], self.config.crop_margin)
        if found is None:
            return mask
        box, height = found
        crop = frame[box]
        scale = min(1.0, self.config.work_height_px / height)
        size = max(1, round(crop.shape[1] * scale)), max(1, round(crop.shape[0] * scale))
        feet = self._draw_feet(keypoints, box, size, height * scale) if keypoints is not None else None
        score = self._score(frame, probability, box, size, height * scale, feet)
        score = cv2.resize(score, crop.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        plate = self.background.mean[box] if self.background else None
        known = self.background.known[box] if self.background else None
        reach = max(self.config.min_edge_band_px, round(self.config.edge_band * height))
        mask[box] = refine_edge(crop, score, plate, known, reach, self.config.edge)
        mask[floor:] = False
        return mask

    def _floor_below(self, probability: Probability, rows: int, keypoints: Points | None) -> int:
        """Return below which of a frame's rows there is only floor, by the feet; all rows if they are not seen."""
        lowest = None if keypoints is None else lowest_of_feet(keypoints, self.config.foot_min_confidence)
        box = bounding_box(probability > PERSON_LEVEL)
        if lowest is None or box is None:
            return rows
        height = max(lowest - float(box[0].start) * rows / len(probability), 0.0)
        return min(rows, math.ceil(lowest + self.config.below_feet * height))

    def _score(
        self,
        frame: Image,
        probability: Probability,
        box: Box,
        size: tuple[int, int],
        height: float,
        feet: Mask | None,
    ) -> NDArray[np.float32]:
        """Return the log odds of the person in a crop at the working size (width, height). [h, w]"""
        c = self.config
        image = cv2.resize(frame[box], size, interpolation=cv2.INTER_AREA)
        coarse = self._coarse_log_odds(_resize_box(probability, frame.shape[:2], box, size), height)
        plate, known = self._plate_log_odds(image, box, self._floor(coarse > 0.0, height))
        coarse = np.where(known, np.minimum(coarse, c.coarse_for_on_plate), coarse)
        if feet is not None:
            coarse[feet] = np.maximum(coarse[feet], c.foot_log_odds)
        labels = self.palette.labels(image)
        clip_colours = self.palette.clip_log_ratio()[labels]
        score = coarse + np.where(known, plate, clip_colours)
        person = (score > c.seed_log_odds) & ((clip_colours > -c.seed_conflict) | (coarse > c.seed_coarse_log_odds))
        background = (score < -c.seed_log_odds) & (
            (clip_colours < c.seed_conflict) | (coarse < -c.seed_coarse_log_odds)
        )
        window = round(c.colour_window * height)
        colours = clip_colours + self.palette.local_log_ratio(labels, person, background, window)
        return self._smooth(coarse + np.where(known, plate + c.colour_weight_on_plate * colours, colours), image)

    def _coarse_log_odds(self, probability: Probability, height: float) -> NDArray[np.float32]:
        """Turn the signed distance to the coarse boundary into log odds. [h, w]"""
        c, person = self.config, (probability > PERSON_LEVEL).astype(np.uint8)
        distance = cv2.distanceTransform(person, cv2.DIST_L2, 3) - cv2.distanceTransform(1 - person, cv2.DIST_L2, 3)
        log_odds = np.clip(distance / (c.coarse_slack * height), -c.coarse_against, c.coarse_for)
        log_odds[distance < -c.max_distance * height] = -20.0  # no evidence outweighs it
        return np.asarray(log_odds, np.float32)

    def _plate_log_odds(self, image: Image, box: Box, floor: NDArray[np.float32]) -> tuple[NDArray[np.float32], Mask]:
        """Turn the distance from the clean plate into log odds [h, w], and return where they are known [h, w]."""
        if self.background is None:
            return np.zeros(image.shape[:2], np.float32), np.zeros(image.shape[:2], bool)
        c = self.config
        distance, known = self.background.distance(image, box, floor)
        excess = (distance / c.plate_sigmas) ** 2 - 1.0
        return np.clip(
            excess * np.where(excess > 0, c.plate_slope, c.plate_against), -c.plate_against, c.plate_for
        ), known

    def _floor(self, coarse: Mask, height: float) -> NDArray[np.float32]:
        """Return to what degree each row of a coarse mask [h, w] shows the floor at the feet, 0..1. [h]"""
        box = bounding_box(coarse)
        soles = len(coarse) if box is None else box[0].stop
        above = (soles - np.arange(len(coarse))) / height
        return np.asarray(np.interp(above, (self.config.floor_certain, self.config.floor_top), (1.0, 0.0)), np.float32)

    def _draw_feet(self, keypoints: Points, box: Box, size: tuple[int, int], height: float) -> Mask:
        """Draw the bones of visible feet in a crop at the working size (width, height). [h, w]"""
        rows, columns = box
        drawn = np.zeros(size[::-1], np.uint8)
        scale = np.array(size) / (columns.stop - columns.start, rows.stop - rows.start)
        points = np.round((keypoints[:, :2] - (columns.start, rows.start)) * scale).astype(int)
        thickness = max(1, round(2 * self.config.foot_radius * height))
        for a, b in FOOT_BONES:
            if min(keypoints[a, 2], keypoints[b, 2]) > self.config.foot_min_confidence:
                cv2.line(drawn, points[a].tolist(), points[b].tolist(), 1, thickness)
        return np.asarray(drawn > 0)

    def _smooth(self, score: NDArray[np.float32], image: Image) -> NDArray[np.float32]:
        certainty, c = np.tanh(score / 2.0).astype(np.float32), self.config
        return np.asarray(4.0 * smooth_within_edges(certainty, image, c.smoothness, c.smoothing_colour_sigma))


def _learn(
    masks: Sequence[tuple[Image, Mask]], palette: Palette, margins: tuple[float, float], config: RefinementConfig
) -> MaskRefiner:
    """Learn colours and background from everything that is not within the margins (in heights) of a mask's boundary."""
    inner, outer = margins
    maybe_person: list[tuple[Image, Mask]] = []

    def examples() -> Iterator[tuple[Image, Mask, Mask]]:
        for frame, mask in masks:
            height = max(mask_height(mask), 1)
            maybe = _dilate(mask, outer * height)
            maybe_person.append((frame, maybe))
            yield frame, ~_dilate(~mask, inner * height), _dilate(maybe, 2.0 * outer * height) & ~maybe

    learnt = palette.learn(examples())
    return MaskRefiner(learnt, estimate_background(maybe_person, config.background), config)


def _dilate(mask: Mask, radius: float) -> Mask:
    """Dilate by a radius in pixels."""
    distance = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 3)
    return np.asarray(distance <= radius)


def _sample_colours(masks: Sequence[tuple[Image, Mask]], count: int) -> Image:
    """Return BGR colours of ``count`` random pixels in each mask's bounding box. [N, 3]"""
    random = np.random.default_rng(0)
    samples = []
    for frame, mask in masks:
        box = bounding_box(mask)
        if box is not None:
            pixels = frame[box].reshape(-1, 3)
            samples.append(pixels[random.integers(0, len(pixels), count)])
    return np.concatenate(samples) if samples else np.zeros((1, 3), np.uint8)


def _resize_to(frame: Image, probability: Probability) -> Probability:
    return np.asarray(cv2.resize(probability, frame.shape[1::-1], interpolation=cv2.INTER_LINEAR))


def _crop(probability: Probability, shape: tuple[int, ...], margin: float) -> tuple[Box, float] | None:
    """Return the crop in full-size pixels and the person's height there, or ``None`` if nobody is there."""
    box = bounding_box(probability > PERSON_LEVEL)
    if box is None:
        return None
    rows, columns = box
    scale_y, scale_x = shape[0] / probability.shape[0], shape[1] / probability.shape[1]
    height = (rows.stop - rows.start) * scale_y
    top, bottom = rows.start * scale_y - margin * height, rows.stop * scale_y + margin * height
    left, right = columns.start * scale_x - margin * height, columns.stop * scale_x + margin * height
    crop = (slice(max(int(top), 0), min(int(bottom), shape[0])), slice(max(int(left), 0), min(int(right), shape[1])))
    return crop, height


def _resize_box(probability: Probability, shape: tuple[int, ...], box: Box, size: tuple[int, int]) -> Probability:
    """Resample a crop, given in full-size pixels, of a small picture of the whole frame. [h, w]"""
    rows, columns = box
    scale_x, scale_y = probability.shape[1] / shape[1], probability.shape[0] / shape[0]
    step_x, step_y = (columns.stop - columns.start) / size[0], (rows.stop - rows.start) / size[1]
    warp = np.array(
        [
            [step_x * scale_x, 0.0, (columns.start + 0.5 * step_x) * scale_x - 0.5],
            [0.0, step_y * scale_y, (rows.start + 0.5 * step_y) * scale_y - 0.5],
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(probability, warp, size, flags=flags, borderMode=cv2.BORDER_REPLICATE))
