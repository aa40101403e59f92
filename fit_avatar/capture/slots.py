"""Filling each slot of a selection with the first of its frames that shows the person."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from fit_avatar.capture.types import LeftOut, Progress

T = TypeVar("T")
Examine = Callable[[Sequence[int]], Iterable[tuple[int, T | None]]]
"""Yields index and result, ``None`` if there is no person, for those of some ascending frames that decode."""

NO_PERSON = "nobody was found in it"
NOT_DECODED = "it could not be decoded a second time"


def fill_slots(
    slots: Iterable[Sequence[int]], examine: Examine[T], progress: Progress
) -> tuple[dict[int, T], list[LeftOut]]:
    """Examine the preferred frame of each slot, then the next one of those that are still empty, and so on.

    Args:
        slots: frame indices of each slot's candidates, the preferred one first.
        examine: looks for the person in some frames.
        progress: called with (step, done, total).

    Returns:
        Frame index → result, at most one frame a slot; and the frames that did not show the person or did not decode.
    """
    found: dict[int, T] = {}
    left_out: list[LeftOut] = []
    waiting = [list(slot) for slot in slots if slot]
    total = len(waiting)
    while waiting:
        alternatives = {first: others for first, *others in waiting}
        decoded = set()
        for index, result in examine(sorted(alternatives)):
            decoded.add(index)
            if result is None:
                left_out.append(LeftOut(index, NO_PERSON))
            else:
                found[index] = result
                progress("Finding the person", len(found), total)
        left_out += [LeftOut(index, NOT_DECODED) for index in alternatives if index not in decoded]
        waiting = [others for index, others in alternatives.items() if others and index not in found]
    return found, left_out
