"""A still camera that is bumped."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fit_avatar.capture.moves import moved_mask, moved_picture, moved_points, resized_move
from fit_avatar.capture.steady import find_bumps

WIDTH, HEIGHT = 360, 270


def room(seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 40, (HEIGHT // 6, WIDTH // 6))
    large = cv2.resize(noise, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return np.clip(120 + large, 0, 255).astype(np.uint8)


def bump(degrees: float, right: float, down: float) -> np.ndarray:
    move = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), degrees, 1.0)
    return (move + [[0, 0, right], [0, 0, down]]).astype(np.float32)


def film(moves: dict[int, np.ndarray], count: int = 24, rooms: dict[int, np.ndarray] | None = None):  # type: ignore[no-untyped-def]
    """Return pictures and masks of a striped person who moves before a room, at every third frame."""
    pictures, masks = {}, {}
    for t in range(count):
        person = np.zeros((HEIGHT, WIDTH), bool)
        left = 120 + 4 * t
        person[50:250, left : left + 60] = True
        picture = np.where(person, np.uint8(60 * (np.arange(HEIGHT) // 7 % 4))[:, None], (rooms or {}).get(t, room()))
        pictures[3 * t] = moved_picture(picture, moves.get(t))
        masks[3 * t] = moved_mask(person, moves.get(t))[::2, ::2]
    return pictures, masks


def error_px(undo: np.ndarray, move: np.ndarray) -> float:
    corners = np.array([[0, 0, 1], [WIDTH, 0, 1], [0, HEIGHT, 1], [WIDTH, HEIGHT, 1]], np.float32)
    back = moved_points(moved_points(corners, move), undo)
    return float(np.linalg.norm(back - corners, axis=1).max())


@pytest.mark.parametrize("back", [24, 19])
def test_a_bump_is_found_and_undone(back: int) -> None:
    move = bump(0.5, 5, -3)
    steadied = find_bumps(*film(dict.fromkeys(range(14, back), move)))
    assert sorted(steadied.moves) == [3 * t for t in range(14, back)] and steadied.shaken == ()
    assert max(error_px(undo, move) for undo in steadied.moves.values()) < 0.35
    assert "The camera was bumped" in steadied.notes[0] and "frame 42" in steadied.notes[0]


def test_nothing_is_done_where_only_the_person_moves() -> None:
    steadied = find_bumps(*film({}))
    assert not steadied.moves and not steadied.shaken and steadied.notes == () and set(steadied.places.values()) == {0}


def test_the_shadow_on_a_plain_floor_is_no_movement_of_the_camera() -> None:
    """Where a wall has no corners, those of the shadow and of what stands beside the person are followed."""
    pictures, masks = film({}, rooms=dict.fromkeys(range(24), np.full((HEIGHT, WIDTH), 180, np.uint8)))
    rng = np.random.default_rng(4)
    shadow = cv2.resize(rng.integers(60, 140, (10, 8)).astype(np.uint8), (64, 80), interpolation=cv2.INTER_NEAREST)
    for t, index in enumerate(pictures):
        left = 20 + 6 * (t // 8)
        pictures[index] = pictures[index].copy()
        pictures[index][180:260, left : left + 64] = shadow
    steadied = find_bumps(pictures, masks)
    assert not steadied.moves and not steadied.shaken and steadied.notes == () and set(steadied.places.values()) == {0}


def test_frames_in_which_the_camera_is_on_its_way_are_shaken() -> None:
    moves = {11: bump(0, 3, 0), 12: bump(0.3, 9, 2)} | dict.fromkeys(range(13, 30), bump(0.5, 5, -3))
    steadied = find_bumps(*film(moves, 30))
    assert steadied.shaken == (33, 36) and len(steadied.moves) == 11  # the shorter rest is moved


def test_a_moving_camera_is_left_alone() -> None:
    steadied = find_bumps(*film({t: bump(0, 3 * np.sin(t), 2 * np.cos(1.3 * t)) for t in range(24)}))
    assert not steadied.moves and not steadied.shaken


def test_a_cut_to_another_place_is_told_from_a_bump() -> None:
    steadied = find_bumps(*film({}, rooms=dict.fromkeys(range(10, 24), room(1))))
    assert not steadied.moves and not steadied.shaken
    assert [steadied.places[3 * t] for t in (0, 9, 10, 23)] == [1, 1, 0, 0]
    assert "from 2 places of the camera" in steadied.notes[0]


def test_a_zoom_is_not_undone() -> None:
    zoom = np.array([[0.93, 0, 0.035 * WIDTH], [0, 0.93, 0.035 * HEIGHT]], np.float32)
    steadied = find_bumps(*film(dict.fromkeys(range(14, 24), zoom)))
    assert not steadied.moves and [steadied.places[3 * t] for t in (0, 13, 14, 23)] == [0, 0, 2, 2]


def test_brightness_and_a_bare_wall_are_no_bump() -> None:
    pictures, masks = film({})
    darker = {i: p if i < 30 else (p * 0.6).astype(np.uint8) for i, p in pictures.items()}
    assert not find_bumps(darker, masks).moves and len(set(find_bumps(darker, masks).places.values())) == 1
    wall = np.full((HEIGHT, WIDTH), 128, np.uint8)
    bare, masks = film(dict.fromkeys(range(14, 24), bump(0.5, 5, -3)), rooms=dict.fromkeys(range(24), wall))
    assert not find_bumps(bare, masks).moves


def test_pictures_points_and_masks_move_alike_at_any_size() -> None:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[100:104, 200:204] = True
    move = bump(2.0, 12, -7)
    expected = moved_points(np.array([[202.0, 102.0, 1.0]], np.float32), move)[0, :2]
    rows, columns = np.nonzero(moved_mask(mask, move))
    assert np.allclose([columns.mean() + 0.5, rows.mean() + 0.5], expected, atol=0.3)
    half = resized_move(move, 0.5, 0.5)
    assert np.allclose(moved_points(np.array([[101.0, 51.0, 1.0]], np.float32), half)[0, :2], expected / 2, atol=1e-3)
    unseen = np.array([[0.0, 0.0, 0.0]], np.float32)
    assert (moved_points(unseen, move) == 0).all() and moved_picture(mask.astype(np.uint8), None).dtype == np.uint8
