"""A clip's own transparency as masks."""

from __future__ import annotations

from pathlib import Path

from fit_avatar.capture.frames import open_frames
from fit_avatar.capture.types import PERSON_LEVEL, Mask
from fit_avatar.capture.working_size import at_size


class Mattes:
    """The alpha of transparent frames, in place of :class:`~fit_avatar.capture.masks.GivenMasks`."""

    def __init__(self, path: Path, frame_count: int, size: tuple[int, int]) -> None:
        """Take a clip with transparent frames, the number of its frames, and their width and height as used."""
        self._path, self._size = path, size
        self.indices = frozenset(range(frame_count))
        """The frames that have a mask."""
        self.is_sparse = False
        """Every frame has one."""
        self.warnings: tuple[str, ...] = (f"{path.name} is transparent around the person; this is taken as the masks.",)

    def read(self, indices: list[int]) -> dict[int, Mask]:
        """Return frame index → mask [H, W]."""
        decoded = open_frames(self._path).decode(frozenset(indices))
        return {
            each.index: at_size(each.alpha, *self._size) > PERSON_LEVEL for each in decoded if each.alpha is not None
        }
