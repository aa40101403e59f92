from __future__ import annotations

import numpy as np
import pytest
from cardboard import person

from fit_avatar.capture.cast import Cast
from fit_avatar.errors import BadInputError


def cast(down: float = 40.0) -> Cast:
    """Two people; the second stands lower in the picture, and is not seen in the first frame."""
    first = {t: person(-100.0, 400, 512)[1] for t in range(4)}
    second = {t: person(100.0, 400, 512)[1] + [0, down, 0] for t in (1, 2, 3)}
    return Cast.of(range(4), [first, second])


def test_people_have_numbers() -> None:
    people = cast()
    assert len(people) == 2 and people.seen.sum(1).tolist() == [4, 3]
    assert list(people.person()) == [0, 1, 2, 3] and list(people.choose(2, "a.mp4").person()) == [1, 2, 3]
    np.testing.assert_array_equal(people.choose(2, "a.mp4").person()[2][:25], people.points[1, 2, :25])
    for number in (0, 3):
        with pytest.raises(BadInputError, match=r"--person . is not there: 2 persons were told apart in a\.mp4"):
            people.choose(number, "a.mp4")


@pytest.mark.parametrize(("down", "nearer"), [(40.0, True), (-40.0, False)])
def test_who_stands_lower_in_the_picture_is_nearer(down: float, nearer: bool) -> None:
    ((points, is_nearer),) = cast(down).others(2)
    assert is_nearer is nearer and points[8, 0] > 200
    assert cast(down).others(0) == []
    ((_, other_way),) = cast(down).choose(2, "").others(2)
    assert other_way is not nearer


def test_a_jump_does_not_bring_anybody_farther_away() -> None:
    first = {t: person(-100.0, 400, 512)[1] for t in range(40)}
    jump = {t: 120.0 if 18 <= t < 23 else -10.0 for t in range(40)}
    second = {t: person(100.0, 400, 512)[1] - [0, jump[t], 0] for t in range(40)}
    people = Cast.of(range(40), [first, second])
    assert all(is_nearer for t in range(40) for _, is_nearer in people.others(t))


def test_who_is_hidden_for_a_while_is_thought_of() -> None:
    first = {t: person(0.0, 400, 512)[1] for t in range(40)}
    passing = {t: person(20.0 * (t - 20), 400, 512)[1] for t in range(40) if not 16 <= t < 24}
    crossed = [t for t in range(40) if Cast.of(range(40), [first, passing]).is_crossed(t)]
    assert crossed == list(range(16, 24))
    far = {t: points + np.float32([900, 0, 0]) for t, points in passing.items()}
    gone = {t: points for t, points in passing.items() if t < 16}
    assert not any(Cast.of(range(40), [first, other]).is_crossed(t) for other in (far, gone) for t in range(40))


def test_the_user_is_told_who_is_who() -> None:
    assert cast().choose(2, "").sentence(400) == (
        "2 persons are in this clip: 1 (on the left, seen in 4 of 4 frames) and 2 (on the right at frame 1, seen in 3 "
        "of 4 frames); person 2 is fitted: choose another one with --person, or all of them with --person all."
    )
    assert cast().sentence(400, advise=False).endswith("; person 1 is fitted.")
