"""Selected frames of one video, kept in memory as far as they fit and decoded again otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from fit_avatar.capture.types import Image
from fit_avatar.capture.video import probe, read_frames

MEMORY_BYTES = 1_200_000_000
"""Frames are kept in memory up to this total. Chosen by hand."""


class Clip:
    """Repeated access to some frames of a video without seeking in it."""

    def __init__(self, path: Path) -> None:
        """Open a clip; its upright size is then ``width`` × ``height`` pixels, and ``info`` says what else it is.

        Raises:
            BadInputError: as :func:`fit_avatar.capture.video.probe`.
        """
        self.info = probe(path)
        self.path, self.width, self.height = path, self.info.width, self.info.height
        self._kept: dict[int, Image] = {}

    def frames(self, indices: Sequence[int]) -> Iterator[tuple[int, Image]]:
        """Yield (index, BGR frame [H, W, 3]) in temporal order, without the frames that do not decode this time."""
        missing = [i for i in indices if i not in self._kept]
        decoded = read_frames(self.path, missing) if missing else iter(())
        limit = MEMORY_BYTES // (self.width * self.height * 3)
        following = next(decoded, None)
        for index in sorted(indices):
            if index in self._kept:
                yield index, self._kept[index]
            elif following is not None and following[0] == index:
                if len(self._kept) < limit:
                    self._kept[index] = following[1]
                yield following
                following = next(decoded, None)

    def drop(self, indices: Sequence[int]) -> None:
        """Remove frames that are not needed any more from memory."""
        for index in indices:
            self._kept.pop(index, None)
