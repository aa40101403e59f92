"""Everybody who was told apart in a clip, by number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.capture.person import MIN_CONFIDENCE, body_size, centre
from fit_avatar.capture.points import BODY, NUM_POINTS, Points
from fit_avatar.errors import BadInputError

FEET = [k for k, name in enumerate(BODY_25) if name.split("_")[-1] in ("ankle", "heel", "toe")]
STEADY = 15
"""Who is nearer is told over so many frames, so that a jump or an unseen foot does not matter. Chosen by hand."""
LONGEST, BESIDE = 60, 0.5
"""Whoever is unseen for at most so many frames, and then within so many body sizes, is hidden. Chosen by hand."""
SIDES = ("on the left", "in the middle", "on the right")


@dataclass(frozen=True)
class Cast:
    """The N people of a clip in F of its frames; the first is seen largest and longest."""

    frames: NDArray[np.int64]
    """Indices in the clip of the frames that were looked at, ascending. [F]"""
    points: NDArray[np.float32]
    """All points (u, v, confidence) in pixels of the clip at its working size; all confidences are 0 where somebody was
    not found. [N, F, 137, 3]"""
    chosen: int = 1
    """Number of the person whom a capture is of, from 1."""

    @classmethod
    def of(cls, frames: Sequence[int], people: Sequence[Mapping[int, Points]]) -> Cast:
        """Put together who was linked, the largest first; ``frames``: all that were looked at, ascending"""
        points = np.zeros((len(people), len(frames), NUM_POINTS, 3), np.float32)
        place = {index: row for row, index in enumerate(frames)}
        for number, person in enumerate(people):
            for index, seen in person.items():
                points[number, place[index], : len(seen)] = seen
        return cls(np.array(frames, np.int64), points)

    def __len__(self) -> int:
        return len(self.points)

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Return in which frames each is seen. [N, F]"""
        return np.asarray((self.points[..., 2] > MIN_CONFIDENCE).any(-1))

    def choose(self, number: int, clip: str) -> Cast:
        """Return the same with another person chosen, by number from 1.

        Raises:
            BadInputError: there is nobody of this number.
        """
        if not 1 <= number <= len(self):
            known = "1" if len(self) == 1 else f"one of 1 to {len(self)}, or largest"
            told = "one person was" if len(self) == 1 else f"{len(self)} persons were"
            raise BadInputError(f"--person {number} is not there: {told} told apart in {clip}, so give {known}")
        return replace(self, chosen=number)

    def person(self) -> dict[int, Points]:
        """Return the chosen person. Frame index → points [137, 3]"""
        return self._of(self.chosen - 1)

    def others(self, index: int) -> list[tuple[Points, bool]]:
        """Return everybody else in a frame: points [137, 3], and whether they are nearer than the chosen person."""
        row, own = int(np.searchsorted(self.frames, index)), self.chosen - 1
        near = self.nearness
        here = [k for k in range(len(self)) if k != own and self.seen[k, row]]
        return [(self.points[k, row], bool(near[k, row] > near[own, row])) for k in here]

    def boxes(self, number: int) -> NDArray[np.float64]:
        """Return the box around the body of a person, from 1: left, top, right, bottom; NaN where unseen. [F, 4]"""
        body = self.points[number - 1, :, BODY].astype(np.float64)
        places = np.where(body[..., 2:] > MIN_CONFIDENCE, body[..., :2], np.nan)
        boxes = np.full((len(places), 4), np.nan)
        seen = self.seen[number - 1]
        boxes[seen] = np.concatenate([np.nanmin(places[seen], 1), np.nanmax(places[seen], 1)], 1)
        return boxes

    def is_crossed(self, index: int) -> bool:
        """Return whether somebody who is not seen in a frame must be right beside or behind the chosen person.

        They are, if they are seen not long before and after, and the way between leads past the person.
        """
        row, own, seen = int(np.searchsorted(self.frames, index)), self.chosen - 1, self.seen
        body = self.points[own, row, BODY]
        for other in np.flatnonzero(~seen[:, row]).tolist():
            before, after = np.flatnonzero(seen[other, :row]), np.flatnonzero(seen[other, row:]) + row
            ends = [*before[-1:], *after[:1]]
            if len(ends) < 2 or ends[1] - ends[0] > LONGEST:
                continue
            places = np.stack([centre(self.points[other, end]) for end in ends])
            way = np.array([np.interp(row, ends, place) for place in places.T])
            if np.linalg.norm(way - centre(body)) < BESIDE * body_size(body):
                return True
        return False

    @property
    def nearness(self) -> NDArray[np.float64]:
        """Return how low each one's feet are in the picture, in pixels: who stands lower stands nearer. [N, F]

        Feet are those of the frames around; people whose feet are never seen are judged by their size alone.
        """
        near = np.zeros(self.points.shape[:2])
        for number, points in enumerate(self.points):
            feet = np.where(points[:, FEET, 2] > MIN_CONFIDENCE, points[:, FEET, 1], -np.inf).max(-1)
            known = np.isfinite(feet)
            if known.any():
                rows = np.arange(len(feet))
                filled = np.interp(rows, rows[known], feet[known])
                short = len(filled) <= STEADY  # the filter takes no window that is longer than its values
                near[number] = np.median(filled) if short else median_filter(filled, size=STEADY, mode="nearest")
            else:
                near[number] = max((body_size(each) for each in points), default=0.0)
        return near

    def sentence(self, width: int, advise: bool = True) -> str:
        """Return who is there and who is chosen, for the user.

        Args:
            width: of the picture, in pixels.
            advise: say how another one is chosen.
        """
        told = [
            f"{number} ({self._where(number - 1, width)}, seen in {int(self.seen[number - 1].sum())} of "
            f"{len(self.frames)} frames)"
            for number in range(1, len(self) + 1)
        ]
        advice = ": choose another one with --person, or all of them with --person all" if advise else ""
        return (
            f"{len(self)} persons are in this clip: {', '.join(told[:-1])} and {told[-1]}; person {self.chosen} is "
            f"fitted{advice}."
        )

    def _of(self, number: int) -> dict[int, Points]:
        rows = np.flatnonzero(self.seen[number])
        return {int(self.frames[row]): self.points[number, row] for row in rows}

    def _where(self, number: int, width: int) -> str:
        """Return where somebody is when they are first seen."""
        first, points = next(iter(self._of(number).items()))
        third = int(np.clip(centre(points[BODY])[0] * 3 / width, 0, 2))
        when = "" if first == self.frames[0] else f" at frame {first}"
        return SIDES[third] + when
