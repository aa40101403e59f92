from __future__ import annotations

import numpy as np
from cardboard import frame, person

from fit_avatar.capture.looks import looks_of, mean_looks, unlike

SIZE = 300, 400


def test_a_person_looks_like_themselves_elsewhere_and_under_other_light() -> None:
    left, right = (frame(x, *SIZE) for x in (-60.0, 70.0))
    a, b = looks_of(left, person(-60.0, *SIZE)[1]), looks_of(right // 8 * 7, person(70.0, *SIZE)[1])
    other = looks_of(left[..., ::-1].copy(), person(-60.0, *SIZE)[1])  # red and blue exchanged
    near, far = unlike(a, b), unlike(a, other)
    assert near is not None and far is not None and near < 0.6 * far and far > 0.7
    middle = mean_looks(a**2 + b**2)
    assert (unlike(middle, a) or 0) < near and np.allclose((middle**2).sum(-1), 1, atol=1e-4)


def test_parts_that_are_not_seen_are_not_compared() -> None:
    picture, (_, points) = frame(0.0, *SIZE), person(0.0, *SIZE)
    upper, lower = points.copy(), points.copy()
    upper[[10, 11, 13, 14], 2] = 0
    lower[[1, 2, 5], 2] = 0
    lower[[9, 12], 2] = 0
    assert unlike(looks_of(picture, upper), looks_of(picture, points)) is not None
    assert unlike(looks_of(picture, upper), looks_of(picture, lower)) is None
    assert not looks_of(picture, points * [1, 1, 0]).any()
    assert not looks_of(picture, points + [1000, 0, 0]).any()  # outside the picture
