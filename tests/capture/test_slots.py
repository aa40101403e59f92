from __future__ import annotations

from collections.abc import Iterator, Sequence

from fit_avatar.capture.slots import NO_PERSON, NOT_DECODED, fill_slots
from fit_avatar.capture.types import LeftOut


def test_the_next_candidate_replaces_one_without_the_person() -> None:
    examined: list[list[int]] = []

    def examine(indices: Sequence[int]) -> Iterator[tuple[int, str | None]]:
        examined.append(list(indices))
        return ((i, None if i in (4, 7, 8) else f"frame {i}") for i in indices if i != 5)

    steps: list[tuple[str, int, int]] = []
    found, left_out = fill_slots([(1, 0), (4, 3), (7, 8), (5, 6)], examine, lambda *step: steps.append(step))
    assert examined == [[1, 4, 5, 7], [3, 6, 8]]
    assert found == {1: "frame 1", 3: "frame 3", 6: "frame 6"}
    assert sorted(left_out, key=lambda x: x.frame_index) == [
        LeftOut(4, NO_PERSON),
        LeftOut(5, NOT_DECODED),
        LeftOut(7, NO_PERSON),
        LeftOut(8, NO_PERSON),
    ]
    assert steps[-1] == ("Finding the person", 3, 4)
