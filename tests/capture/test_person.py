from __future__ import annotations

import numpy as np
from cardboard import person

from fit_avatar.capture.person import body_size, is_person, track_person
from fit_avatar.capture.points import BODY, FACE, hand_points, join_parts


def test_only_the_body_counts_as_a_person() -> None:
    points = join_parts(person()[1], np.full((70, 3), 500, np.float32))
    assert body_size(points) == body_size(points[BODY])
    points[BODY, 2] = 0
    assert not is_person(points) and (points[FACE, 2] > 0).all()
    assert track_person({0: points[None]}, [0]) == {}
    assert hand_points(points[None]) is None


def test_tracks_the_largest_then_the_nearest() -> None:
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


def test_a_false_detection_in_the_first_frame_is_not_tracked() -> None:
    people = {t: person(t * 2.0, 400, 512)[1][None] for t in range(12)}
    people[0] = person(2000.0, 400, 1024)[1][None]  # larger, and nowhere near
    assert list(track_person(people, range(12))) == list(range(1, 12))
