from __future__ import annotations

import numpy as np
import pytest
from cardboard import person
from turning_person import turning_person

from fit_avatar.body.keypoint_sets import BODY_25_MIRROR
from fit_avatar.capture.left_right import GROUPS, fix_left_right, undo_left_right_swaps
from fit_avatar.capture.person import body_size
from fit_avatar.capture.points import LEFT_HAND, RIGHT_HAND, face_points, hand_points, join_parts


def turning(count: int = 60, noise: float = 0.0) -> np.ndarray:
    """BODY_25 points of a figure that turns once on the spot: left and right really cross over, twice."""
    _, rest = person(0.0, 400, 512)
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    depth = np.random.default_rng(2).normal(0, 12, 25)
    track = np.repeat(rest[None], count, 0)
    track[..., 0] = 200 + (rest[:, 0] - 200) * np.cos(angles)[:, None] + depth * np.sin(angles)[:, None]
    track[..., :2] += np.random.default_rng(3).normal(0, noise, (count, 25, 2)) if noise else 0
    return track.astype(np.float32)


def test_a_turning_person_is_left_alone() -> None:
    track = turning(noise=1.0)
    fixed, swapped = undo_left_right_swaps(track, np.arange(len(track)) / 30)
    assert not swapped.any() and (fixed == track).all()


def test_swapped_frames_are_found() -> None:
    track = turning(noise=1.0)
    broken = track.copy()
    for t in (3, 4, 27, 28, 29):
        broken[t] = broken[t, list(BODY_25_MIRROR)]
    legs = list(GROUPS["lower"])
    broken[50, legs] = broken[50, [BODY_25_MIRROR[i] for i in legs]]
    fixed, swapped = undo_left_right_swaps(broken, np.arange(len(track)) / 30)
    assert np.flatnonzero(swapped[:, 0]).tolist() == [3, 4, 27, 28, 29]
    assert np.flatnonzero(swapped[:, 1]).tolist() == [3, 4, 27, 28, 29, 50]
    assert np.allclose(fixed, track)


def test_swaps_as_long_as_the_back_is_seen_are_found() -> None:
    track = turning(count=120, noise=1.0)
    broken = track.copy()
    broken[42:80] = broken[42:80][:, list(BODY_25_MIRROR)]
    fixed, swapped = undo_left_right_swaps(broken, np.arange(len(track)) / 30)
    assert np.flatnonzero(swapped.any(1)).tolist() == list(range(42, 80))
    assert np.allclose(fixed, track)


def test_a_good_track_stays_as_it_is() -> None:
    track = turning(count=120, noise=1.0)
    for every in (1, 3, 8):
        fixed, swapped = fix_left_right(track[::every], np.arange(0, 120, every) / 30)
        assert (fixed == track[::every]).all() and not swapped.any()


def test_outliers_lose_their_confidence() -> None:
    track = turning(count=120, noise=1.0)
    rng = np.random.default_rng(5)
    broken = track.copy()
    wrong = rng.random((120, 25)) < 0.2
    broken[wrong, :2] = rng.uniform(0, 400, (int(wrong.sum()), 2))
    fixed, _ = fix_left_right(broken, np.arange(120) / 30)
    shown = (fixed[..., 2] > 0) & (track[..., 2] > 0)
    far = np.linalg.norm(fixed[..., :2] - track[..., :2], axis=-1) > 0.1 * body_size(track[0])
    assert (far & shown).sum() < 0.02 * shown.sum()
    assert shown.sum() > 0.7 * (track[..., 2] > 0).sum()


def test_single_points_are_exchanged_back() -> None:
    track = turning(count=120, noise=1.0)
    broken = track.copy()
    for t in range(4, 116, 7):  # one elbow and one knee at a time
        for a, b in ((3, 6), (10, 13)):
            broken[t, [a, b]] = track[t, [b, a]]
    fixed, swapped = fix_left_right(broken, np.arange(120) / 30)
    apart = np.linalg.norm(fixed[..., :2] - track[..., :2], axis=-1) > 0.1 * body_size(track[0])
    assert not swapped.any() and not (apart & (fixed[..., 2] > 0)).any()


def test_exchanged_frames_are_counted() -> None:
    track = turning(count=120, noise=1.0)
    broken = track.copy()
    for t in (3, 20, 61, 100):  # far from where left and right cross over
        broken[t] = broken[t, list(BODY_25_MIRROR)]
    fixed, swapped = fix_left_right(broken, np.arange(120) / 30)
    assert np.flatnonzero(swapped).tolist() == [3, 20, 61, 100]
    assert (fixed[..., 2] > 0).sum() > 0.99 * (track[..., 2] > 0).sum()


def with_hands_and_face(track: np.ndarray) -> np.ndarray:
    face = np.ones((70, 3), np.float32)
    left, right = np.full((21, 3), 0.4, np.float32), np.full((21, 3), 0.6, np.float32)
    return np.stack([join_parts(body, face, left, right) for body in track])


def test_hands_are_exchanged_with_the_arms() -> None:
    track = with_hands_and_face(turning(noise=1.0))
    broken = track.copy()
    legs, arms = list(GROUPS["lower"]), list(GROUPS["upper"])
    broken[20, legs] = track[20, [BODY_25_MIRROR[i] for i in legs]]
    broken[30, arms] = track[30, [BODY_25_MIRROR[i] for i in arms]]
    broken[30, LEFT_HAND], broken[30, RIGHT_HAND] = track[30, RIGHT_HAND], track[30, LEFT_HAND]
    fixed, swapped = undo_left_right_swaps(broken, np.arange(len(track)) / 30)
    assert swapped.sum() == 2 and np.allclose(fixed, track)
    hands = hand_points(fixed)
    assert hands is not None and np.allclose(hands[:, 0], 0.4) and np.allclose(hands[:, 1], 0.6)
    face = face_points(fixed)
    assert face is not None and (face == 1).all()


def test_missing_points_and_gaps_are_no_swaps() -> None:
    track = turning()
    track[10:14, :, 2] = 0
    keep = np.delete(np.arange(60), [20, 21, 40])
    _, swapped = undo_left_right_swaps(track[keep], keep / 30)
    assert not swapped.any()
    assert undo_left_right_swaps(track[:2], np.arange(2) / 30)[0].shape == (2, 25, 3)


TURN = turning_person(np.arange(0, 360, 3.0))
WITHOUT_FEET = turning_person(np.arange(0, 360, 3.0), feet=False)
GAPS = [(first, first + lost) for lost in (7, 15, 30) for first in range(10, 95, 15) if first + lost < 115]


@pytest.mark.parametrize("track", [TURN, WITHOUT_FEET], ids=["feet", "no feet"])
def test_a_gap_exchanges_nothing(track: np.ndarray) -> None:
    for first, last in GAPS:
        keep = np.r_[0:first, last:120]
        assert not undo_left_right_swaps(track[keep], keep / 30)[1].any(), (first, last)


def test_a_jump_cut_exchanges_nothing() -> None:
    for first, last in [gap for gap in GAPS if gap[1] - gap[0] > 10]:
        keep = np.r_[0:first, last:120]
        assert not undo_left_right_swaps(TURN[keep], np.arange(len(keep)) / 30)[1].any(), (first, last)


@pytest.mark.parametrize("track", [TURN, WITHOUT_FEET], ids=["feet", "no feet"])
def test_what_is_exchanged_beside_a_gap_is_found(track: np.ndarray) -> None:
    for first, last in ((25, 36), (50, 70), (80, 100)):
        keep = np.r_[0:first, last:120]
        for part in (slice(0, first), slice(first, None), slice(first, first + 12)):
            broken = track[keep].copy()
            broken[part] = broken[part][:, list(BODY_25_MIRROR)]
            fixed, _ = undo_left_right_swaps(broken, keep / 30)
            wrong = (np.abs(fixed - track[keep]).max((1, 2)) > 20).sum()
            assert wrong <= 1, (first, last, part)


def test_a_clip_whose_sides_are_all_exchanged_is_put_right() -> None:
    fixed, swapped = undo_left_right_swaps(TURN[:, list(BODY_25_MIRROR)], np.arange(120) / 30)
    assert swapped.all() and (fixed == TURN).all()


def test_legs_of_a_kick_stay_as_detected() -> None:
    """A leg that swings past the other one, up and back, seen from the side: its foot in the air is no evidence."""
    body = turning_person(np.full(60, 80.0), noise_px=1.0)
    swing = np.radians(80 * np.exp(-(((np.arange(60) - 30) / 5.0) ** 2)))
    for points, knee in (((13,), 1.0), ((14, 19, 20, 21), 1.0)):
        for point in points:
            arm = body[:, point, :2] - body[:, 12, :2]
            turned = [
                arm[:, 0] * np.cos(swing) - arm[:, 1] * np.sin(swing),
                arm[:, 0] * np.sin(swing) + arm[:, 1] * np.cos(swing),
            ]
            body[:, point, :2] = body[:, 12, :2] + knee * np.stack(turned, 1)
    fixed, swapped = fix_left_right(body, np.arange(60) / 30)
    assert not swapped.any()
    assert (fixed[..., 2] == body[..., 2]).all(), "a fast limb is no outlier"


@pytest.mark.parametrize("every", [1, 2])
def test_repeated_and_uneven_frames_change_nothing(every: int) -> None:
    """What counts is the time between frames, not their numbers in the file."""
    track = turning(count=120, noise=1.0)
    broken = track.copy()
    broken[42:80] = broken[42:80][:, list(BODY_25_MIRROR)]
    keep = np.flatnonzero(np.arange(120) % 3 < 3 - every)
    fixed, swapped = undo_left_right_swaps(broken[keep], keep / 30)
    assert np.flatnonzero(swapped.all(1)).tolist() == [i for i, k in enumerate(keep) if 42 <= k < 80]
    assert np.allclose(fixed, track[keep])
