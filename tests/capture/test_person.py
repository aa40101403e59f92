from __future__ import annotations

import numpy as np
from cardboard import person

from fit_avatar.capture.person import GROUPS, body_size, follow, is_person, undo_swaps
from fit_avatar.capture.points import BODY, FACE, LEFT_HAND, RIGHT_HAND, face_of, hands_of, whole
from fit_avatar.capture.types import BODY_25_MIRROR


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
    fixed, swapped = undo_swaps(track, np.arange(len(track)))
    assert not swapped.any() and (fixed == track).all()


def test_swapped_frames_are_found() -> None:
    track = turning(noise=1.0)
    broken = track.copy()
    for t in (3, 4, 27, 28, 29):
        broken[t] = broken[t, list(BODY_25_MIRROR)]
    legs = list(GROUPS["lower"])
    broken[50, legs] = broken[50, [BODY_25_MIRROR[i] for i in legs]]
    fixed, swapped = undo_swaps(broken, np.arange(len(track)))
    assert np.flatnonzero(swapped[:, 0]).tolist() == [3, 4, 27, 28, 29]
    assert np.flatnonzero(swapped[:, 1]).tolist() == [3, 4, 27, 28, 29, 50]
    assert np.allclose(fixed, track)


def with_hands_and_face(track: np.ndarray) -> np.ndarray:
    face = np.ones((70, 3), np.float32)
    left, right = np.full((21, 3), 0.4, np.float32), np.full((21, 3), 0.6, np.float32)
    return np.stack([whole(body, face, left, right) for body in track])


def test_hands_are_exchanged_with_the_arms() -> None:
    track = with_hands_and_face(turning(noise=1.0))
    broken = track.copy()
    legs, arms = list(GROUPS["lower"]), list(GROUPS["upper"])
    broken[20, legs] = track[20, [BODY_25_MIRROR[i] for i in legs]]
    broken[30, arms] = track[30, [BODY_25_MIRROR[i] for i in arms]]
    broken[30, LEFT_HAND], broken[30, RIGHT_HAND] = track[30, RIGHT_HAND], track[30, LEFT_HAND]
    fixed, swapped = undo_swaps(broken, np.arange(len(track)))
    assert swapped.sum() == 2 and np.allclose(fixed, track)
    hands = hands_of(fixed)
    assert hands is not None and np.allclose(hands[:, 0], 0.4) and np.allclose(hands[:, 1], 0.6)
    face = face_of(fixed)
    assert face is not None and (face == 1).all()


def test_only_the_body_says_who_is_who() -> None:
    points = whole(person()[1], np.full((70, 3), 500, np.float32))
    assert body_size(points) == body_size(points[BODY])
    points[BODY, 2] = 0
    assert not is_person(points) and (points[FACE, 2] > 0).all()
    assert follow({0: points[None]}, [0]) == {}
    assert hands_of(points[None]) is None


def test_missing_points_and_gaps_do_no_harm() -> None:
    track = turning()
    track[10:14, :, 2] = 0
    keep = np.delete(np.arange(60), [20, 21, 40])
    _, swapped = undo_swaps(track[keep], keep)
    assert not swapped.any()
    assert undo_swaps(track[:2], np.arange(2))[0].shape == (2, 25, 3)


def test_follows_the_largest_then_the_nearest() -> None:
    small = person(0.0, 96, 64)[1]
    people = {}
    for t in range(6):
        main, other = person(t * 2.0, 400, 512)[1], small.copy()
        # The bystander comes near and grows, but never takes over.
        other[:, :2] *= 1.0 + t
        people[t] = np.stack([other, main] if t % 2 else [main, other])
    people[3] = people[3][:0]
    people[6] = np.stack([small])
    track = follow(people, range(7))
    assert list(track) == [0, 1, 2, 4, 5]
    assert all(np.allclose(track[t], person(t * 2.0, 400, 512)[1]) for t in track)
