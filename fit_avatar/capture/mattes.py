"""A clip's own transparency as masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fit_avatar.capture.frames import open_frames
from fit_avatar.capture.types import PERSON_LEVEL, Mask


class Mattes:
    """The alpha of transparent frames, in place of :class:`~fit_avatar.capture.masks.GivenMasks`."""

    def __init__(self, path: Path, frame_count: int) -> None:
        """Take a clip with transparent frames, and the number of its frames."""
        self._path = path
        self.indices = frozenset(range(frame_count))
        """The frames that have a mask."""
        self.is_sparse = False
        """Every frame has one."""
        self.warnings: tuple[str, ...] = (f"{path.name} is transparent around the person; this is taken as the masks.",)

    def read(self, indices: list[int]) -> dict[int, Mask]:
        """Return frame index → mask [H, W]."""
        decoded = open_frames(self._path).decode(frozenset(indices))
        return {each.index: np.asarray(each.alpha > PERSON_LEVEL) for each in decoded if each.alpha is not None}
