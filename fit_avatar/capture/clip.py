"""Selected frames of one video, kept in memory as far as they fit and decoded again otherwise.

The first reading, which measures every frame, already keeps those that will probably be selected.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.moves import Move, moved_picture
from fit_avatar.capture.types import Image
from fit_avatar.capture.video import probe, read_frames
from fit_avatar.capture.working_size import at_size, working_size
from fit_avatar.io.memory import return_free_memory

MEMORY_BYTES = 800_000_000
"""Frames are kept in memory up to this total: 120 of 1920 × 1080. Chosen by hand."""
RETURN_BYTES = 100_000_000
"""After so much has been dropped, it is given back to the system: other threads cannot take it. Chosen by hand."""
SMALL_PX = 960
"""Longer side of the small grey pictures that are kept of all frames, in pixels. Chosen by hand."""


class Clip:
    """Repeated access to some frames of a video without seeking in it, at the size at which they are used."""

    def __init__(self, path: Path, most_px: int | None = None) -> None:
        """Open a clip; ``info`` says what it is, its frames are given at ``width`` × ``height`` pixels.

        ``most_px``: their longer side at most, by default that of ``working_size.py``.

        Raises:
            BadInputError: as :func:`fit_avatar.capture.video.probe`.
        """
        self.path, self.info = path, probe(path)
        stored = self.info.width, self.info.height
        self.width, self.height = working_size(*stored, most_px)
        self.scale = np.array([self.width / stored[0], self.height / stored[1], 1.0], np.float32)
        """Takes points (u, v, confidence) of the stored clip to those of the frames."""
        self._kept: dict[int, Image] = {}
        self._dropped_bytes = 0
        self._small: dict[int, NDArray[np.uint8]] = {}
        self._steadying: Mapping[int, Move] = {}

    def first_reading(self, count: int) -> Callable[[int, Image], None]:
        """Return what takes every frame (index, BGR) of a first reading, and keeps some as :meth:`frames` does.

        These are the middles of ``count`` parts of the clip: what is selected where no frame has to be left out.
        """
        total = self.info.frame_count or 0  # by the header, which may say anything
        parts = min(count, total)
        likely = frozenset(_middle(total, parts, k) for k in range(min(parts, self._limit)))

        def take(index: int, frame: Image) -> None:
            if index in likely:
                self._kept[index] = at_size(frame, self.width, self.height)

        return take

    def keep_only(self, indices: Collection[int]) -> None:
        """Remove all other frames from memory."""
        self.drop([index for index in self._kept if index not in indices])

    def frames(self, indices: Sequence[int]) -> Iterator[tuple[int, Image]]:
        """Yield (index, BGR frame [H, W, 3]) in temporal order, without the frames that do not decode this time."""
        for index, frame in self._frames(indices):
            if index not in self._small:
                self._small[index] = _small(frame)
            yield index, moved_picture(frame, self._steadying.get(index))

    def every(self) -> Iterator[tuple[int, Image]]:
        """Yield (index, BGR frame [H, W, 3]) of all frames in temporal order, without keeping them."""
        for index, frame in read_frames(self.path):
            yield index, at_size(frame, self.width, self.height)

    def small(self, indices: Sequence[int]) -> dict[int, NDArray[np.uint8]]:
        """Return small grey pictures of those frames that decode. Frame index → [h, w]"""
        missing = [index for index in indices if index not in self._small]
        for index, frame in self._frames(missing):
            self._small[index] = _small(frame)
        return {index: self._small[index] for index in indices if index in self._small}

    def every_small(self, first: int, last: int) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Yield (index, small grey picture [h, w]) of all frames of a stretch of the clip, and keep none of them."""
        for index, frame in read_frames(self.path, range(first, last + 1)):
            yield index, _small(at_size(frame, self.width, self.height))

    def steady(self, moves: Mapping[int, Move]) -> None:
        """Move the pictures of some frames from now on. Frame index → movement [2, 3]"""
        self._steadying = moves

    def drop(self, indices: Sequence[int]) -> None:
        """Remove frames that are not needed any more from memory."""
        for index in indices:
            frame = self._kept.pop(index, None)
            self._dropped_bytes += 0 if frame is None else frame.nbytes
            self._small.pop(index, None)
        if self._dropped_bytes >= RETURN_BYTES:
            self._dropped_bytes = 0
            return_free_memory()

    @property
    def _limit(self) -> int:
        """Return how many frames are kept at most."""
        return MEMORY_BYTES // (self.width * self.height * 3)

    def _frames(self, indices: Sequence[int]) -> Iterator[tuple[int, Image]]:
        missing = [i for i in indices if i not in self._kept]
        decoded = read_frames(self.path, missing) if missing else iter(())
        following = next(decoded, None)
        for index in sorted(indices):
            if index in self._kept:
                yield index, self._kept[index]
            elif following is not None and following[0] == index:
                frame = at_size(following[1], self.width, self.height)
                if len(self._kept) < self._limit:
                    self._kept[index] = frame
                yield index, frame
                following = next(decoded, None)


def _middle(count: int, parts: int, k: int) -> int:
    """Return which frame select_frames prefers of the k-th of several parts of a clip, none of whose frames is bad."""
    size, longer = divmod(count, parts)
    return k * size + min(k, longer) + (size + (k < longer) - 1) // 2


def _small(frame: Image) -> NDArray[np.uint8]:
    grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    scale = min(1.0, SMALL_PX / max(grey.shape))
    return np.asarray(cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
