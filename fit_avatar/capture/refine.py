"""Refining a coarse person mask at the frame's full resolution, with what is known of the whole clip.

Log odds of the person are summed: from the coarse mask (signed distance to its boundary), from the clean plate where
the camera stands still, and where the plate is unknown from the colours of person and background, near the pixel and
in the whole clip. Edge-aware smoothing (Min et al., "Fast Global Image Smoothing Based on Weighted Least Squares",
TIP 2014) follows; the boundary itself is then placed by :mod:`~fit_avatar.capture.edge`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.background import DEFAULT_BACKGROUND, Background, BackgroundConfig, estimate_background
from fit_avatar.capture.box import Box, bounding_box, mask_height
from fit_avatar.capture.edge import DEFAULT_EDGE, EdgeConfig, refine_edge
from fit_avatar.capture.feet import (
    DEFAULT_FEET,
    FeetConfig,
    depth_below_feet,
    draw_body,
    draw_feet,
    in_crop,
    lowest_of_feet,
)
from fit_avatar.capture.floor import DEFAULT_FLOOR, FloorConfig, floor_shines
from fit_avatar.capture.palette import DEFAULT_PALETTE, Palette, PaletteConfig
from fit_avatar.capture.points import Points
from fit_avatar.capture.smoothing import smooth_within_edges
from fit_avatar.capture.types import PERSON_LEVEL, Image, Mask

Probability = NDArray[np.uint8]
"""Probability of the person as 0..255 over the whole frame, at any smaller size. [h, w]"""


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
    foot_log_odds: float = 3.5
    """Log odds of the person on these bones: shoes often look like the floor and stand in their own shadow. Chosen by
    hand."""
    below_feet: float = 0.05
    """Pixels further below the lowest point of both feet than this, in heights, are the floor: its reflections and
    shadows look like feet. The soles are up to 0.04 below that point. Chosen on benchmarks/mirror_floor.py."""
    sole: float = 0.02
    """Depth below the line from heel to toe at which shoes end on average, in heights. Chosen on benchmarks/masks.py."""
    sole_slack: float = 0.01
    """Depth beyond that which is worth one unit of log odds against the person, in heights. Chosen by hand."""
    certain_floor: float = 0.04
    """Depth below that line from which pixels teach the floor's colours, with what it reflects, in heights. Chosen by
    hand."""
    doubtful_floor: float = 0.005
    """Depth below that line from which the clean plate says little for the person: shadows and reflections differ from
    it, too. Chosen by hand."""
    plate_for_on_floor: float = 1.0
    """Bound on the clean plate's log odds for the person there. Chosen by hand."""
    plate_for_relit: float = 1.5
    """The same where only more or less light would explain the difference. Chosen by hand."""
    colour_weight_on_floor: float = 1.0
    """Weight of the colours' log odds in both places. Chosen by hand."""
    others_margin: float = 0.02
    """Around other people the clean plate says nothing for the person, up to this distance, in heights. Chosen by
    hand."""
    hidden_fraction: float = 0.03
    """If more than this fraction of the coarse mask's inside looks like the clean plate, clothes may have the
    background's colour. Chosen on benchmarks/masks.py."""
    trust_window: float = 0.015
    """Side of the neighbourhood in which that is decided, in heights. Chosen by hand."""
    trusted_sigmas: tuple[float, float] = (0.8, 1.4)
    """Root mean square distance from the clean plate, in standard deviations, up to which it is the background itself,
    and from which it is not: 0.4 to 0.6 in gaps, 0.9 to 4.6 on such clothes. Measured on benchmarks/masks.py."""
    least_trust: float = 0.25
    """How far the clean plate is trusted against the person where it is not. Chosen by hand."""
    palette_samples: int = 800
    """Pixels of each frame from which the colour clusters are made. Chosen by hand."""
    coarse_margins: tuple[float, float] = (0.02, 0.035)
    """Widths inside and outside a coarse boundary from which nothing is learnt, in heights. Chosen by hand."""
    refined_margins: tuple[float, float] = (0.004, 0.008)
    """The same at a refined boundary. Chosen by hand."""
    background: BackgroundConfig = DEFAULT_BACKGROUND
    palette: PaletteConfig = DEFAULT_PALETTE
    edge: EdgeConfig = DEFAULT_EDGE
    feet: FeetConfig = DEFAULT_FEET
    floor: FloorConfig = DEFAULT_FLOOR


DEFAULT_REFINEMENT = RefinementConfig()


@dataclass(frozen=True)
class MaskRefiner:
    """What was learnt from frames of a clip; refines one frame at a time."""

    palette: Palette
    background: Background | None
    """``None`` if the camera moved."""
    config: RefinementConfig = DEFAULT_REFINEMENT
    shining: bool = False
    """Whether the floor reflects the person."""

    @staticmethod
    def learn(
        samples: Sequence[tuple[Image, Probability]],
        keypoints: Sequence[Points] = (),
        config: RefinementConfig = DEFAULT_REFINEMENT,
    ) -> MaskRefiner:
        """Learn colours and the clean plate from some frames, spread over the clip.

        First from the coarse masks, then from the same frames' refined masks, which uncover more of the background.

        Args:
            samples: BGR frames [H, W, 3] with the probability of the person, as 0..255, at any smaller size [h, w].
            keypoints: BODY_25 points in each of these frames, which tell whether the floor shines. [25, 3] each
            config: settings.
        """
        coarse = [(frame, _resize_to(frame, probability) > PERSON_LEVEL) for frame, probability in samples]
        palette = Palette.cluster(_sample_colours(coarse, config.palette_samples), config.palette)
        first = _learn(coarse, palette, config.coarse_margins, config)
        refined = [(frame, first.refine(frame, probability)) for frame, probability in samples]
        refiner = _learn(refined, first.palette, config.refined_margins, config)
        if refiner.background is None or not keypoints:
            return refiner
        seen = [(frame, points) for (frame, _), points in zip(samples, keypoints, strict=True)]
        return replace(refiner, shining=floor_shines(refiner.background, seen, config.floor, config.feet))

    def refine(
        self,
        frame: Image,
        probability: Probability,
        keypoints: Points | None = None,
        others: Probability | None = None,
    ) -> Mask:
        """Refine the coarse mask of one frame.

        Args:
            frame: BGR. [H, W, 3]
            probability: of the person, as 0..255, at any smaller size. [h, w]
            keypoints: BODY_25 points in pixels of the frame, whose visible feet count as the person's. [25, 3]
            others: probability of other people, like that of the person. [h, w]

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
        points = None if keypoints is None else in_crop(keypoints, box, size)
        elsewhere = None if others is None else _resize_box(others, frame.shape[:2], box, size) > PERSON_LEVEL
        score = self._score(frame, probability, box, size, height * scale, points, elsewhere)
        score = cv2.resize(score, crop.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        plate = self.background.mean[box] if self.background else None
        known = self.background.known[box] if self.background else None
        reach = max(self.config.min_edge_band_px, round(self.config.edge_band * height))
        mask[box] = refine_edge(crop, score, plate, known, reach, self.config.edge)
        mask[floor:] = False
        return mask

    def _floor_below(self, probability: Probability, rows: int, keypoints: Points | None) -> int:
        """Return below which of a frame's rows there is only floor, by the feet; all rows if they are not seen."""
        if keypoints is None or (self.background is not None and not self.shining):
            return rows  # the clean plate shows what is floor
        lowest = lowest_of_feet(keypoints, self.config.feet.min_confidence)
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
        points: Points | None,
        others: Mask | None,
    ) -> NDArray[np.float32]:
        """Return the log odds of the person in a crop at the working size (width, height). [h, w]"""
        c = self.config
        image = cv2.resize(frame[box], size, interpolation=cv2.INTER_AREA)
        coarse = self._coarse_log_odds(_resize_box(probability, frame.shape[:2], box, size), height)
        plate, distance, known, relit = self._plate_log_odds(image, box, self._floor(coarse > 0.0, height))
        plate = self._trust_plate(plate, distance, coarse, height)
        coarse = np.where(known, np.minimum(coarse, c.coarse_for_on_plate), coarse)
        below = np.full(coarse.shape, -np.inf, np.float32)
        if points is not None:
            feet = draw_feet(points, size, height, c.feet)
            coarse[feet] = np.maximum(coarse[feet], c.foot_log_odds)
        if points is not None and self.shining:
            below = depth_below_feet(points, size, height, c.feet)
            ends = np.maximum((c.sole - below) / c.sole_slack, -c.coarse_against)
            coarse = np.minimum(coarse, np.where(below > c.below_feet, -20.0, ends))
        crowded = np.zeros(coarse.shape, bool)
        if others is not None and points is not None:
            crowded = _dilate(others, c.others_margin * height)
            coarse[others] = np.minimum(coarse[others], np.where(coarse[others] > 0.0, 0.0, -c.coarse_against))
            coarse[draw_body(points, size, height, c.feet)] = c.foot_log_odds
            plate = np.where(crowded, np.minimum(plate, 0.0), plate)
        plate = np.where(below > c.doubtful_floor, np.minimum(plate, c.plate_for_on_floor), plate)
        labels = self.palette.labels(image)
        clip_colours = self.palette.clip_log_ratio()[labels]
        score = coarse + np.where(known, plate, clip_colours)
        person = (score > c.seed_log_odds) & ((clip_colours > -c.seed_conflict) | (coarse > c.seed_coarse_log_odds))
        background = (score < -c.seed_log_odds) & (
            (clip_colours < c.seed_conflict) | (coarse < -c.seed_coarse_log_odds)
        )
        person &= below < c.certain_floor
        background |= below > c.certain_floor
        window = round(c.colour_window * height)
        colours = clip_colours + self.palette.local_log_ratio(labels, person, background, window)
        sure = known & ~relit & ~crowded & (below < c.doubtful_floor)
        weight = np.where(sure, c.colour_weight_on_plate, np.where(known, c.colour_weight_on_floor, 1.0))
        return self._smooth(coarse + np.where(known, plate, 0.0) + weight * colours, image)

    def _coarse_log_odds(self, probability: Probability, height: float) -> NDArray[np.float32]:
        """Turn the signed distance to the coarse boundary into log odds. [h, w]"""
        c, person = self.config, (probability > PERSON_LEVEL).astype(np.uint8)
        distance = cv2.distanceTransform(person, cv2.DIST_L2, 3) - cv2.distanceTransform(1 - person, cv2.DIST_L2, 3)
        log_odds = np.clip(distance / (c.coarse_slack * height), -c.coarse_against, c.coarse_for)
        log_odds[distance < -c.max_distance * height] = -20.0  # no evidence outweighs it
        return np.asarray(log_odds, np.float32)

    def _plate_log_odds(
        self, image: Image, box: Box, floor: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], Mask, Mask]:
        """Turn the distance from the clean plate into log odds; return them, the distance, where they are known, and
        where the floor may only be lit otherwise than in the plate. 4 × [h, w]"""
        relit, nothing = np.zeros(image.shape[:2], bool), np.zeros(image.shape[:2], np.float32)
        if self.background is None:
            return nothing, nothing, relit, relit
        c = self.config
        distance, known = self.background.distance(image, box, floor)
        excess = (distance / c.plate_sigmas) ** 2 - 1.0
        plate = np.clip(excess * np.where(excess > 0, c.plate_slope, c.plate_against), -c.plate_against, c.plate_for)
        first = int(np.argmax(floor > 0.0)) if floor.any() else len(floor)
        if first < len(floor):
            relit[first:] = self.background.relit(image, box, first) & (plate[first:] > 0.0)
        return np.where(relit, np.minimum(plate, c.plate_for_relit), plate), distance, known, relit

    def _trust_plate(
        self, plate: NDArray[np.float32], distance: NDArray[np.float32], coarse: NDArray[np.float32], height: float
    ) -> NDArray[np.float32]:
        """Return the plate's log odds, weaker against the person where clothes may only have the background's colour.

        What shows the background itself differs from the plate by no more than the camera's noise, in all of a
        neighbourhood. All [h, w]: log odds of the plate, distance from it, log odds of the coarse mask.
        """
        c = self.config
        inside = coarse > c.seed_coarse_log_odds
        if np.count_nonzero(inside & (plate < 0.0)) <= c.hidden_fraction * np.count_nonzero(inside):
            return plate
        side = max(round(c.trust_window * height), 1)
        around = np.sqrt(cv2.blur(np.minimum(distance, c.plate_sigmas) ** 2, (side, side)))
        low, high = c.trusted_sigmas
        trust = np.clip((high - around) / (high - low), c.least_trust, 1.0)
        return np.where(coarse > 0.0, np.maximum(plate, -c.plate_against * trust), plate)

    def _floor(self, coarse: Mask, height: float) -> NDArray[np.float32]:
        """Return to what degree each row of a coarse mask [h, w] shows the floor at the feet, 0..1. [h]"""
        box = bounding_box(coarse)
        soles = len(coarse) if box is None else box[0].stop
        above = (soles - np.arange(len(coarse))) / height
        return np.asarray(np.interp(above, (self.config.floor_certain, self.config.floor_top), (1.0, 0.0)), np.float32)

    def _smooth(self, score: NDArray[np.float32], image: Image) -> NDArray[np.float32]:
        certainty, c = np.tanh(score / 2.0).astype(np.float32), self.config
        return np.asarray(4.0 * smooth_within_edges(certainty, image, c.smoothness, c.smoothing_colour_sigma))


def _learn(
    masks: Sequence[tuple[Image, Mask]], palette: Palette, margins: tuple[float, float], config: RefinementConfig
) -> MaskRefiner:
    """Learn colours and background from everything that is not within the margins (in heights) of a mask's boundary."""
    inner, outer = margins
    examples, maybe_person = [], []
    for frame, mask in masks:
        height = max(mask_height(mask), 1)
        maybe = _dilate(mask, outer * height)
        examples.append((frame, ~_dilate(~mask, inner * height), _dilate(maybe, 2.0 * outer * height) & ~maybe))
        maybe_person.append((frame, maybe))
    return MaskRefiner(palette.learn(examples), estimate_background(maybe_person, config.background), config)


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
