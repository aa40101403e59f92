from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from cardboard import person

from fit_avatar.capture.linking import DEFAULT_LINKING, Sighting, link

RED, BLUE = np.zeros((2, 4), np.float32), np.zeros((2, 4), np.float32)
RED[:, 0] = BLUE[:, 1] = 1.0
SIZE = 400, 512  # of the picture: the figure is about 380 pixels high


def at(index: int, x: float, looks: np.ndarray | None = None, height: int = 512) -> Sighting:
    return Sighting(index, person(x, 400, height)[1], looks)


def places(people: list[dict[int, Sighting]]) -> list[dict[int, float]]:
    return [{i: round(float(s.points[8, 0]) - 200) for i, s in one.items()} for one in people]


def crossing(a: np.ndarray | None, b: np.ndarray | None, hidden: range) -> list[dict[int, float]]:
    """One walks to the right, the other to the left and is hidden for some frames."""
    frames = {}
    for t in range(40):
        here = [at(t, 20.0 * t - 400, a)] + ([] if t in hidden else [at(t, 400 - 20.0 * t, b)])
        frames[t] = here[:: 1 if t % 3 else -1]
    return sorted(places(link(frames)), key=lambda one: one[0])


@pytest.mark.parametrize("hidden", [range(0), range(17, 24), range(12, 28)])
def test_nobody_is_swapped_in_a_crossing(hidden: range) -> None:
    first, second = crossing(RED, BLUE, hidden)
    assert all(x == 20 * t - 400 for t, x in first.items()) and len(first) == 40
    assert all(x == 400 - 20 * t for t, x in second.items()) and len(second) == 40 - len(hidden)


@pytest.mark.parametrize("hidden", [range(0), range(17, 24)])
def test_people_who_look_alike_cross(hidden: range) -> None:
    first, second = crossing(RED, RED, hidden)
    assert all(x == 20 * t - 400 for t, x in first.items()) and len(first) > 25
    assert all(x == 400 - 20 * t for t, x in second.items()) and len(second) > 25


def test_who_comes_back_is_known_by_looks() -> None:
    frames = {t: [at(t, -100.0, RED)] + ([at(t, 100.0, BLUE)] if not 20 <= t < 80 else []) for t in range(40)}
    frames |= {t: [at(t, 300.0, BLUE), at(t, -300.0, RED)] for t in range(100, 120)}  # both went elsewhere
    people = [set(one.values()) for one in places(link(frames))]
    assert people == [{-100, -300}, {100, 300}]


def test_somebody_else_who_comes_is_another_person() -> None:
    frames = {t: [at(t, 0.0, RED)] for t in range(20)} | {t: [at(t, 0.0, BLUE)] for t in range(60, 80)}
    assert [set(one) for one in link(frames)] == [set(range(20)), set(range(60, 80))]


def test_the_largest_is_first_and_passers_by_do_not_count() -> None:
    frames = {
        t: [at(t, 300.0, RED, 300), at(t, -300.0, BLUE), at(t, 0.0, RED, 100)] + ([at(t, 600.0)] if t < 2 else [])
        for t in range(20)
    }
    assert [x.popitem()[1] for x in places(link(frames))] == [-300, 300]
    assert link({}) == [] == link({3: []})


def test_who_is_found_twice_and_comes_back_is_one() -> None:
    """The second one has the same torso and other limbs, and would be the one who comes back."""
    frames = {t: [at(t, -100.0, RED), at(t, 100.0, BLUE)] for t in range(30)}
    frames |= {t: [at(t, -100.0, RED), at(t, 300.0, BLUE)] for t in range(70, 100)}
    for t in (1, 2, 4):
        twice = at(t, 106.0, BLUE)
        twice.points[[3, 4, 6, 7, 10, 11, 13, 14], 0] += 160.0
        frames[t].append(twice)
    people = [set(one.values()) for one in places(link(frames))]
    assert people == [{-100}, {100, 300}]
    for t in (1, 2, 4):  # whoever looks otherwise is somebody else
        frames[t][2] = Sighting(t, frames[t][2].points, RED)
    assert len(link(frames, replace(DEFAULT_LINKING, least_part=0.0, mostly=0.0))) == 3


@pytest.mark.parametrize(("away", "count"), [(60.0, 2), (250.0, 3)])
def test_a_mixture_of_two_is_nobody(away: float, count: int) -> None:
    both = RED / np.sqrt(2) + BLUE / np.sqrt(2)
    frames = {t: [at(t, -60.0, RED), at(t, 60.0, BLUE)] for t in range(40)}
    for t in (4, 5, 6, 7, 30, 31, 32):
        frames[t].append(at(t, away - 60.0, both))
    assert len(link(frames)) == count


def test_long_clips_take_seconds() -> None:
    def looks(t: int, own: int) -> np.ndarray:
        values = np.full((2, 1000), 0.01, np.float32)
        values[:, own] = 1.0 + 0.1 * np.sin(t)
        return values / np.linalg.norm(values, axis=1, keepdims=True)

    frames = {}
    for t in range(800):  # one of them is lost again and again, and a third one is seen now and then
        here = [at(t, -200 + 50 * np.sin(t / 50), looks(t, 0))]
        here += [at(t, 200.0, looks(t, 1))] if t % 40 > 12 else []
        frames[t] = here + ([at(t, 600.0, looks(t, 2))] if t % 97 < 9 else [])
    began = time.process_time()
    people = link(frames)
    assert [len(one) for one in people[:2]] == [800, sum(t % 40 > 12 for t in range(800))]
    assert time.process_time() - began < 10
