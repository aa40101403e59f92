"""The chosen frames of one video, kept in memory if they fit, decoded again if not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.video import probe, read_frames

Image = NDArray[np.uint8]

MEMORY_BYTES = 1_200_000_000
"""Frames are kept up to this total."""


class Clip:
    """Random access to some frames of a video without seeking in it."""

    def __init__(self, path: Path) -> None:
        """Open a video; its upright size is then ``width`` × ``height`` pixels, its rate ``fps``.

        Raises:
            BadInputError: as :func:`fit_avatar.capture.video.probe`.
        """
        info = probe(path)
        self.path, self.width, self.height, self.fps = path, info.width, info.height, info.fps
        self._kept: dict[int, Image] = {}

    def frames(self, indices: Sequence[int]) -> Iterator[tuple[int, Image]]:
        """Yield (index, BGR frame [H, W, 3]) in the order of time."""
        missing = [i for i in indices if i not in self._kept]
        decoded = read_frames(self.path, missing) if missing else iter(())
        limit = MEMORY_BYTES // (self.width * self.height * 3)
        for index in sorted(indices):
            if index in self._kept:
                yield index, self._kept[index]
                continue
            found = next((pair for pair in decoded if pair[0] == index), None)
            if found is None:
                return
            if len(self._kept) < limit:
                self._kept[index] = found[1]
            yield found

    def forget(self, indices: Sequence[int]) -> None:
        """Drop frames that are not needed any more."""
        for index in indices:
            self._kept.pop(index, None)
