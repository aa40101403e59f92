"""Where a person is cut off, and in which frames, in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fit_avatar.capture.types import CutOff

CUT_OFF = "the person is cut off at the frame's "
"""How the reason of a frame that is left out for this begins; the sides follow."""
MOST_NAMED = 6
"""Up to so many frames are named one by one. Chosen by hand."""


def describe_cut_off(frames: Iterable[CutOff], total: int) -> str:
    """Say where the person is cut off, such as "at the bottom in 3 of 9 frames (0, 1, 2)"; empty if nowhere.

    Args:
        frames: in which the person is cut off.
        total: frames that were looked at.
    """
    by_side: dict[str, list[int]] = {}
    for frame in frames:
        by_side.setdefault(" and ".join(frame.sides), []).append(frame.frame_index)
    parts = [
        f"at the {side} in {len(indices)} of {total} frames ({name_frames(indices)})"
        for side, indices in sorted(by_side.items())
    ]
    return " and ".join(parts)


def name_frames(indices: Sequence[int]) -> str:
    """Name frames shortly: each alone, or from the first to the last where there are many."""
    ordered = sorted(indices)
    return ", ".join(map(str, ordered)) if len(ordered) <= MOST_NAMED else f"{ordered[0]} to {ordered[-1]}"
