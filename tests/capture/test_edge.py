from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fit_avatar.capture.edge import refine_edge

ROWS, WIDTH = 40, 60
WALL = (190, 200, 200)


def picture(edge: float, blur: float, person: NDArray[np.float64]) -> NDArray[np.uint8]:
    """A person left of u = edge before a wall; their colour is given per column. [ROWS, WIDTH, 3]"""
    x = np.arange(WIDTH) + 0.5
    alpha = np.clip((edge - x) / blur + 0.5, 0, 1)[None, :, None]
    return np.repeat(alpha * person + (1 - alpha) * WALL, ROWS, 0).astype(np.uint8)


def score(edge: float) -> NDArray[np.float32]:
    return np.where(np.arange(WIDTH) < edge, 3.0, -3.0)[None].repeat(ROWS, 0).astype(np.float32)


@pytest.mark.parametrize("start", [29, 31])
def test_edge_moves_to_half_mixing(start: int) -> None:
    # A straight edge at u = 30.3 px, seen with blur, found from masks that are about 1 px off either way.
    frame = picture(30.3, 3.0, np.full((1, WIDTH, 3), (30.0, 40.0, 120.0)))
    assert (refine_edge(frame, score(start), None, None, 2)[5:35].sum(1) == 30).all()


def test_edge_is_found_where_the_rim_is_shaded() -> None:
    # The person pales towards the edge, as skin does at a grazing angle: colours from far inside would mislead.
    pale = np.clip(1 - (30.3 - np.arange(WIDTH) - 0.5) / 12, 0, 1)[None, :, None]
    frame = picture(30.3, 2.0, (1 - pale) * (60, 60, 90) + pale * (150, 160, 170))
    assert (refine_edge(frame, score(30), None, None, 2)[5:35].sum(1) == 30).all()


def test_clean_plate_overrides_colours_outside() -> None:
    # Just outside the mask is a dark stripe of the background, which the clean plate shows as well.
    plate = np.full((ROWS, WIDTH, 3), WALL, np.uint8)
    plate[:, 33:40] = (40, 50, 60)
    alpha = np.clip((30.3 - np.arange(WIDTH) - 0.5) / 3.0 + 0.5, 0, 1)[None, :, None]
    frame = (alpha * (30, 40, 120) + (1 - alpha) * plate).astype(np.uint8)
    mask = refine_edge(frame, score(30), plate, np.ones((ROWS, WIDTH), bool), 2)
    assert (mask[5:35].sum(1) == 30).all()


def test_where_colours_are_alike_the_score_decides() -> None:
    frame = np.full((ROWS, WIDTH, 3), WALL, np.uint8)
    assert (refine_edge(frame, score(28), None, None, 2)[5:35].sum(1) == 28).all()


def test_floor_in_the_shadow_of_the_feet_is_no_shoe() -> None:
    # The floor beside the shoe is darker than in the clean plate, in the lower half of the picture.
    lit = np.ones((ROWS, 1, 1))
    lit[ROWS // 2 :] = 0.55
    alpha = np.clip((30.3 - np.arange(WIDTH) - 0.5) / 3.0 + 0.5, 0, 1)[None, :, None]
    frame = (alpha * (30, 40, 60) + (1 - alpha) * lit * WALL).astype(np.uint8)
    plate, known = np.full((ROWS, WIDTH, 3), WALL, np.uint8), np.ones((ROWS, WIDTH), bool)
    on_floor = (np.arange(ROWS) >= ROWS // 2).astype(np.float32)
    mask = refine_edge(frame, score(31), plate, known, 2, floor=on_floor)
    assert (mask[5:18].sum(1) == 30).all() and (mask[24:35].sum(1) == 30).all()
    assert (refine_edge(frame, score(31), plate, known, 2)[25:35].sum(1) > 30).all()


def test_outlines_are_right_on_average() -> None:
    # Edges in the middle of a pixel, on its left, on its right, seen with the blur of a lens and a codec.
    edges = 30 + np.arange(20) / 20
    plate, known, widths = np.full((ROWS, WIDTH, 3), WALL, np.uint8), np.ones((ROWS, WIDTH), bool), []
    for edge in edges:
        alpha = 1 / (1 + np.exp((np.arange(WIDTH) + 0.5 - edge) / 0.85))[None, :, None]
        frame = np.repeat(alpha * (60, 90, 130) + (1 - alpha) * WALL, ROWS, 0).astype(np.uint8)
        widths.append(refine_edge(frame, score(31), plate, known, 2)[20].sum())
    assert np.mean(widths) == pytest.approx(edges.mean(), abs=0.1)


def test_gaps_between_fingers_are_opened() -> None:
    # Fingers with the wall between them, which smoothing has given to the person. Clothes of the wall's colour stay.
    fingers = np.ones((ROWS, WIDTH), bool)
    fingers[10:, 27:33], fingers[:, 52:] = False, False
    alpha = cv2.GaussianBlur(fingers.astype(np.float32), (5, 5), 0.8)[..., None]
    frame = (alpha * (90, 120, 170) + (1 - alpha) * WALL).astype(np.uint8)
    plate, known = np.full((ROWS, WIDTH, 3), WALL, np.uint8), np.ones((ROWS, WIDTH), bool)
    doubtful = ~cv2.dilate(fingers.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    closed = refine_edge(frame, score(52), plate, known, 2)
    opened = refine_edge(frame, score(52), plate, known, 2, doubtful=doubtful)
    assert closed[12:38, 27:33].all() and not opened[12:38, 27:33].any()
    assert (opened[2:8, :50]).all() and (opened[12:38, [25, 26, 33, 34]]).all()
    frame[:, 20:40] = WALL  # the person's clothes, too
    assert refine_edge(frame, score(52), plate, known, 2, doubtful=doubtful)[12:38, 22:38].all()
