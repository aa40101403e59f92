from __future__ import annotations

import numpy as np
from cardboard import person

from fit_avatar.body.keypoint_sets import BODY_25_MIRROR
from fit_avatar.capture.person import GROUPS, body_size, fix_left_right, is_person, rivals, track_person, undo_swaps
from fit_avatar.capture.points import BODY, FACE, LEFT_HAND, RIGHT_HAND, face_of, hands_of, whole


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


def test_a_detector_that_errs_as_long_as_the_back_is_seen() -> None:
    track = turning(count=120, noise=1.0)
    broken = track.copy()
    broken[42:80] = broken[42:80][:, list(BODY_25_MIRROR)]
    fixed, swapped = undo_swaps(broken, np.arange(len(track)))
    assert np.flatnonzero(swapped.any(1)).tolist() == list(range(42, 80))
    assert np.allclose(fixed, track)


def test_a_good_track_stays_as_it_is() -> None:
    track = turning(count=120, noise=1.0)
    for every in (1, 3, 8):
        fixed, swapped = fix_left_right(track[::every], np.arange(0, 120, every))
        assert (fixed == track[::every]).all() and not swapped.any()


def test_points_gone_astray_lose_their_confidence() -> None:
    track = turning(count=120, noise=1.0)
    rng = np.random.default_rng(5)
    broken = track.copy()
    wrong = rng.random((120, 25)) < 0.2
    broken[wrong, :2] = rng.uniform(0, 400, (int(wrong.sum()), 2))
    fixed, _ = fix_left_right(broken, np.arange(120))
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
    fixed, swapped = fix_left_right(broken, np.arange(120))
    apart = np.linalg.norm(fixed[..., :2] - track[..., :2], axis=-1) > 0.1 * body_size(track[0])
    assert not swapped.any() and not (apart & (fixed[..., 2] > 0)).any()


def test_exchanged_frames_are_counted() -> None:
    track = turning(count=120, noise=1.0)
    broken = track.copy()
    for t in (3, 20, 61, 100):  # far from where left and right cross over
        broken[t] = broken[t, list(BODY_25_MIRROR)]
    fixed, swapped = fix_left_right(broken, np.arange(120))
    assert np.flatnonzero(swapped).tolist() == [3, 20, 61, 100]
    assert (fixed[..., 2] > 0).sum() > 0.99 * (track[..., 2] > 0).sum()


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
    assert track_person({0: points[None]}, [0]) == {}
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
    track = track_person(people, range(7))
    assert list(track) == [0, 1, 2, 4, 5]
    assert all(np.allclose(track[t], person(t * 2.0, 400, 512)[1]) for t in track)


def test_who_leaves_and_comes_back_is_the_same_person() -> None:
    def at(shift: float) -> np.ndarray:
        return person(shift, 400, 512)[1][None]

    here = {t: at(-100 + 2.0 * t) for t in range(10)}
    back = {t: at(1500 - 2.0 * t) for t in range(20, 30)}  # far from where they left
    small = {t: person(0.0, 96, 128)[1][None] for t in range(12, 18)}
    glimpse = {40: at(900)}
    assert list(track_person({**here, **small, **back, **glimpse}, range(41))) == [*here, *back]


def test_a_ghost_in_the_first_frame_is_not_followed() -> None:
    people = {t: person(t * 2.0, 400, 512)[1][None] for t in range(12)}
    people[0] = person(2000.0, 400, 1024)[1][None]  # larger, and nowhere near
    assert list(track_person(people, range(12))) == list(range(1, 12))


def test_rivals_are_as_large_and_somewhere_else() -> None:
    main, beside = person(0.0, 400, 512)[1], person(300.0, 400, 512)[1]
    twice, small = person(4.0, 400, 512)[1], person(60.0, 96, 128)[1]
    people = {0: np.stack([main]), 1: np.stack([main, twice, small]), 2: np.stack([main, beside])}
    found = rivals(people, dict.fromkeys(range(3), main))
    assert list(found) == [2] and (found[2] == beside).all()
