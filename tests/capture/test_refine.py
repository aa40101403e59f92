from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from cardboard import person, scene
from numpy.typing import NDArray

from fit_avatar.capture.background import estimate_background
from fit_avatar.capture.refine import MaskRefiner

SIZE = (288, 384)
SHIFTS = (-60, -40, -20, 0, 20, 40, 60)


def render(shift: float, seed: int, pan: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """A figure with soft edges and noise before the scene, and its true mask."""
    mask, _ = person(shift, *SIZE)
    wide = scene(SIZE[0] + 96, SIZE[1])[:, 48 + pan : 48 + pan + SIZE[0]]
    person_colour = np.where(np.arange(SIZE[1])[:, None, None] > 198, (150, 70, 40), (40, 50, 190))
    alpha = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.8)[..., None]
    noise = np.random.default_rng(seed).normal(0, 2, wide.shape)
    return np.clip(alpha * person_colour + (1 - alpha) * wide + noise, 0, 255).astype(np.uint8), mask


def coarse(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """What a detector that sees little would say: small, blurred, and a little too large."""
    small = cv2.resize(mask.astype(np.float32), (72, 96), interpolation=cv2.INTER_AREA)
    return np.clip(cv2.GaussianBlur(small, (0, 0), 1.2) * 340, 0, 255).astype(np.uint8)


def iou(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return float((a & b).sum() / (a | b).sum())


@pytest.mark.parametrize("pan", [0, 6])
def test_refined_masks_are_much_better(pan: int) -> None:
    clip = [render(s, i, pan=i * pan) for i, s in enumerate(SHIFTS)]
    samples = [(picture, coarse(mask)) for picture, mask in clip]
    refiner = MaskRefiner.learn(samples)
    assert (refiner.background is None) == bool(pan)
    for (picture, mask), (_, probability) in zip(clip, samples, strict=True):
        before = cv2.resize(probability, SIZE, interpolation=cv2.INTER_LINEAR) > 127
        after = refiner.refine(picture, probability)
        assert iou(before, mask) < 0.93 < 0.97 < iou(after, mask)
        assert after.sum() == pytest.approx(mask.sum(), rel=0.02)


def test_nobody_gives_an_empty_mask() -> None:
    picture, mask = render(0, 0)
    refiner = MaskRefiner.learn([(picture, coarse(mask))])
    assert not refiner.refine(picture, np.zeros((96, 72), np.uint8)).any()


def test_plate_is_the_scene_where_it_was_seen() -> None:
    clip = [render(s, i) for i, s in enumerate(SHIFTS)]
    background = estimate_background([(f, cv2.dilate(m.astype(np.uint8), np.ones((9, 9))) > 0) for f, m in clip])
    assert background is not None
    truth = scene(SIZE[0] + 96, SIZE[1])[:, 48 : 48 + SIZE[0]]
    error = np.abs(background.mean.astype(float) - truth)[background.known]
    assert background.known.mean() > 0.85 and error.mean() < 1.5
    assert estimate_background([]) is None


def test_fingers_beyond_the_coarse_mask_are_found_before_a_known_background() -> None:
    clip, truth = [], []
    for i, shift in enumerate(SHIFTS):
        picture, mask = render(shift, i)
        finger = np.zeros_like(mask)
        rows, cols = np.nonzero(mask)
        tip, row = int(cols.max()), int(rows[cols == cols.max()].mean())
        finger[row - 2 : row + 3, tip : tip + 12] = True
        picture[finger] = (100, 120, 165)  # about 30 grey levels from the scene
        clip.append((picture, coarse(mask)))
        truth.append(finger)
    refiner = MaskRefiner.learn(clip)
    found = [refiner.refine(*frame)[finger].mean() for frame, finger in zip(clip, truth, strict=True)]
    assert np.mean(found) > 0.7


def test_a_gap_narrower_than_the_coarse_mask_sees_is_cleared_before_a_known_background() -> None:
    clip, truth = [], []
    for i, shift in enumerate(SHIFTS):
        picture, mask = render(shift, i)
        middle = int(np.nonzero(mask[210:300])[1].mean())
        legs = np.zeros_like(mask)
        legs[215:300, middle - 30 : middle + 30] = True
        gap = np.zeros_like(mask)
        gap[215:300, middle - 3 : middle + 3] = True
        wall, _ = render(shift + 1000.0, i)
        picture[legs], picture[gap] = (150, 70, 40), wall[gap]
        clip.append((picture, coarse((mask | legs) & ~gap)))
        truth.append(gap)
    refiner = MaskRefiner.learn(clip)
    left = [refiner.refine(*frame)[gap].mean() for frame, gap in zip(clip, truth, strict=True)]
    assert np.mean(left) < 0.25


def test_a_reflection_on_the_floor_is_no_foot() -> None:
    clip = [render(s, i) for i, s in enumerate(SHIFTS)]
    soles = int(np.flatnonzero(clip[0][1].any(1))[-1]) + 1
    samples = []
    for picture, mask in clip:
        seen = mask.copy()
        seen[soles - 4 :] = mask[soles - 8]
        picture[seen & ~mask] = picture[soles - 8][mask[soles - 8]].mean(0)
        samples.append((picture, coarse(seen)))
    every = [person(shift, *SIZE)[1] for shift in SHIFTS]
    refiner = MaskRefiner.learn(samples, every)
    assert refiner.shining
    for (picture, probability), (_, mask), points in zip(samples, clip, every, strict=True):
        assert refiner.refine(picture, probability)[-5].any()
        refined = refiner.refine(picture, probability, points)
        assert not refined[soles + 20 :].any() and iou(refined, mask) > 0.95


def test_a_shadow_on_the_floor_is_no_foot() -> None:
    samples, truth, every = [], [], []
    for i, shift in enumerate(SHIFTS):
        picture, mask = render(shift, i)
        soles = int(np.flatnonzero(mask.any(1))[-1])
        dark = np.zeros(mask.shape, np.float32)
        middle = int(np.nonzero(mask[soles])[0].mean())
        cv2.ellipse(dark, (middle + 20, soles - 4), (60, 12), 0, 0, 360, 1.0, -1)
        dark = cv2.GaussianBlur(dark * ~mask, (0, 0), 2)
        picture = (picture * (1 - 0.6 * dark[..., None])).astype(np.uint8)
        near = cv2.dilate(mask.astype(np.uint8), np.ones((17, 17))) > 0
        samples.append((picture, coarse(mask | ((dark > 0.5) & near))))
        truth.append(mask)
        every.append(person(shift, *SIZE)[1])
    refiner = MaskRefiner.learn(samples, every)
    assert not refiner.shining and refiner.background is not None
    blind = replace(refiner.background, config=replace(refiner.background.config, relit=(1.0, 1.0)))
    now, before = (
        np.mean([iou(r.refine(*x, points), mask) for x, points, mask in zip(samples, every, truth, strict=True)])
        for r in (refiner, replace(refiner, background=blind))
    )
    assert now > 0.96 and now > before + 0.003


def test_clothes_like_the_wall_stay() -> None:
    wall = render(1000.0, 0)[0].astype(np.float32)
    samples, truth = [], []
    for i, shift in enumerate(SHIFTS):
        picture, mask = render(shift, i)
        noise = np.random.default_rng(i).normal(0, 12, (*mask.shape, 1)).astype(np.float32)
        grain = cv2.GaussianBlur(noise, (0, 0), 2)[..., None] * 2.5
        rows = np.arange(SIZE[1])[:, None]
        shirt = mask & (rows > 90) & (rows < 190)
        picture = np.where(shirt[..., None], np.roll(wall, 40, 1) + grain, picture).clip(0, 255).astype(np.uint8)
        samples.append((picture, coarse(mask)))
        truth.append(shirt)
    refiner = MaskRefiner.learn(samples)
    trusting = replace(refiner, config=replace(refiner.config, hidden_fraction=1.0))
    kept, lost = (
        np.mean([r.refine(*sample)[shirt].mean() for sample, shirt in zip(samples, truth, strict=True)])
        for r in (refiner, trusting)
    )
    assert kept > 0.93 and kept > lost


def test_the_plate_is_trusted_where_the_difference_is_noise() -> None:
    picture, mask = render(0, 0)
    refiner = MaskRefiner.learn([(picture, coarse(mask))])
    distance = np.full((40, 60), 0.5, np.float32)
    distance[:, 30:] = 2.0  # alike, but not the same
    plate = np.full_like(distance, -4.0)
    trusted = refiner._trust_plate(plate, distance, np.full_like(distance, 5.0), 300.0)
    assert (trusted[:, :25] == -4.0).all() and (trusted[:, 35:] == -1.0).all()
    outside = refiner._trust_plate(plate, distance, np.full_like(distance, -1.0), 300.0)
    assert (outside == -4.0).all()


def test_a_second_person_who_is_known_is_cut_away() -> None:
    samples, truth, others, every = [], [], [], []
    for i, shift in enumerate(SHIFTS):
        picture, mask = render(shift, i)
        other = person(shift + 62, *SIZE)[0] & ~mask
        picture[other] = (60, 160, 60)
        samples.append((picture, coarse(mask | (other & (np.random.default_rng(i).random() > 0.3)))))
        truth.append(mask)
        others.append(coarse(other))
        every.append(person(shift, *SIZE)[1])
    refiner = replace(MaskRefiner.learn(samples, every), crowded=True)
    known, unknown = (
        np.mean(
            [
                iou(refiner.refine(*sample, points, other if given else None), mask)
                for sample, points, other, mask in zip(samples, every, others, truth, strict=True)
            ]
        )
        for given in (True, False)
    )
    assert known > 0.93 and known > unknown + 0.1
