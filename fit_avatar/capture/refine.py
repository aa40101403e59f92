"""Refining a coarse person mask at the frame's full resolution, with what is known of the whole clip.

Log odds of the person are summed: from the coarse mask (signed distance to its boundary), from the clean plate where
the camera stands still, and where the plate is unknown from the colours of person and background, near the pixel and
in the whole clip. Edge-aware smoothing (Min et al., "Fast Global Image Smoothing Based on Weighted Least Squares",
TIP 2014) follows; the boundary itself is then placed by :mod:`~fit_avatar.capture.edge`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.background import Background, estimate_background
from fit_avatar.capture.box import Box, bounding_box, mask_height
from fit_avatar.capture.edge import refine_edge
from fit_avatar.capture.feet import (
    depth_below_feet,
    draw_body,
    draw_feet,
    in_crop,
    lowest_of_feet,
)
from fit_avatar.capture.floor import floor_shines
from fit_avatar.capture.palette import Palette
from fit_avatar.capture.points import Points
from fit_avatar.capture.refine_config import DEFAULT_REFINEMENT, RefinementConfig
from fit_avatar.capture.smoothing import smooth_within_edges
from fit_avatar.capture.types import PERSON_LEVEL, Image, Mask
from fit_avatar.io.threads import in_threads

Probability = NDArray[np.uint8]
"""Probability of the person as 0..255 over the whole frame, at any smaller size. [h, w]"""


@dataclass(frozen=True)
class MaskRefiner:
    """What was learnt from frames of a clip; refines one frame at a time."""

    palette: Palette
    background: Background | None
    """``None`` if the camera moved."""
    config: RefinementConfig = DEFAULT_REFINEMENT
    shining: bool = False
    """Whether the floor reflects the person."""
    crowded: bool = False
    """Whether other people are seen in the clip, in these frames or in others."""

    @staticmethod
    def learn(
        samples: Sequence[tuple[Image, Probability]],
        keypoints: Sequence[Points] = (),
        config: RefinementConfig = DEFAULT_REFINEMENT,
        still: bool = True,
    ) -> MaskRefiner:
        """Learn colours and the clean plate from some frames, spread over the clip.

        First from the coarse masks, then from the same frames' refined masks, which uncover more of the background.

        Args:
            samples: BGR frames [H, W, 3] with the probability of the person, as 0..255, at any smaller size [h, w].
            keypoints: BODY_25 points in each of these frames, which tell whether the floor shines. [25, 3] each
            config: settings.
            still: the camera may stand still, so that there may be a clean plate.
        """
        coarse = [(frame, _resize_to(frame, probability) > PERSON_LEVEL) for frame, probability in samples]
        palette = Palette.cluster(_sample_colours(coarse, config.palette_samples), config.palette)
        first = _learn(coarse, palette, config.coarse_margins, config, still)
        del coarse  # the masks of large pictures are large
        masks = in_threads(lambda sample: first.refine(*sample), samples)
        refined = [(frame, mask) for (frame, _), mask in zip(samples, masks, strict=True)]
        refiner = _learn(refined, first.palette, config.refined_margins, config, still)
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
        evidence, image = self._score(frame, probability, box, size, height * scale, points, elsewhere)
        score = cv2.resize(self._smooth(evidence, image), crop.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        doubtful = cv2.resize(evidence, crop.shape[1::-1], interpolation=cv2.INTER_LINEAR) < 0.0
        plate = self.background.mean[box] if self.background else None
        known = self.background.known[box] if self.background else None
        reach = max(self.config.min_edge_band_px, round(self.config.edge_band * height))
        on_floor = self._floor(score > 0.0, height)
        mask[box] = refine_edge(crop, score, plate, known, reach, self.config.edge, on_floor, doubtful)
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
    ) -> tuple[NDArray[np.float32], Image]:
        """Return the log odds of the person in a crop at the working size (width, height) [h, w], and the crop."""
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
            bones = draw_body(points, size, height, c.feet)
            contested = (coarse > 0.0) & _dilate(bones, c.flesh * height)
            coarse[others] = np.where(contested, 0.0, -c.coarse_against)[others]
            coarse[bones] = c.foot_log_odds
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
        return np.asarray(coarse + np.where(known, plate, 0.0) + weight * colours, np.float32), image

    def _coarse_log_odds(self, probability: Probability, height: float) -> NDArray[np.float32]:
        """Turn the signed distance to the coarse boundary into log odds. [h, w]"""
        c, person = self.config, (probability > PERSON_LEVEL).astype(np.uint8)
        distance = cv2.distanceTransform(person, cv2.DIST_L2, 3) - cv2.distanceTransform(1 - person, cv2.DIST_L2, 3)
        log_odds = np.clip(distance / (c.coarse_slack * height), -c.coarse_against, c.coarse_for)
        reach = c.max_distance_in_crowd if self.crowded else c.max_distance
        log_odds[distance < -reach * height] = -20.0  # no evidence outweighs it
        return np.asarray(log_odds, np.float32)

    def _plate_log_odds(
        self, image: Image, box: Box, floor: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], Mask, Mask]:
        """Turn the distance from the clean plate into log odds.

        Returns:
            Log odds, the distance, where they are known, and where the floor may only be lit otherwise. 4 × [h, w]
        """
        relit, nothing = np.zeros(image.shape[:2], bool), np.zeros(image.shape[:2], np.float32)
        if self.background is None:
            return nothing, nothing, relit, relit
        c = self.config
        compared = self.background.compare(image, box)
        distance, known = compared.distance(floor), compared.known
        excess = (distance / c.plate_sigmas) ** 2 - 1.0
        plate = np.clip(excess * np.where(excess > 0, c.plate_slope, c.plate_against), -c.plate_against, c.plate_for)
        first = int(np.argmax(floor > 0.0)) if floor.any() else len(floor)
        if first < len(floor):
            relit[first:] = compared.relit(first) & (plate[first:] > 0.0)
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
    masks: Sequence[tuple[Image, Mask]],
    palette: Palette,
    margins: tuple[float, float],
    config: RefinementConfig,
    still: bool,
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
    plate = estimate_background(maybe_person, config.background) if still else None
    return MaskRefiner(learnt, plate, config)


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
