"""Reading masks that somebody else made: a folder of PNG files or a video, white on the person."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.files import files_by_frame
from fit_avatar.capture.video import count_frames, read_frames
from fit_avatar.errors import BadInputError

Mask = NDArray[np.bool_]

THRESHOLD = 127
"""A pixel brighter than this is the person."""
COUNT_SLACK = 2
"""Frames by which two encodings of one clip may differ in length."""


class GivenMasks:
    """Masks on disk, one per frame of the video, read when asked for."""

    def __init__(self, path: Path, width: int, height: int, frame_count: int) -> None:
        """Check that the masks belong to a video of this size (upright, in pixels) and length.

        Raises:
            BadInputError: nothing there, or the number of masks differs from the video's.
        """
        if not path.exists():
            raise BadInputError(f"There are no masks at {path}; check the path.")
        self.path, self.size = path, (width, height)
        self._files = files_by_frame(path, ".png", "PNG masks") if path.is_dir() else None
        count = len(self._files) if self._files is not None else count_frames(path)
        last = max(self._files) if self._files is not None else count - 1
        if abs(count - frame_count) > COUNT_SLACK or last >= frame_count + COUNT_SLACK:
            raise BadInputError(
                f"{path} holds {count} masks (the last for frame {last}) but the video has {frame_count} frames; "
                "there must be one mask for each frame, counted from 0."
            )

    def read(self, indices: list[int]) -> dict[int, Mask]:
        """Return frame index → mask [H, W] for those of the frames that have one.

        Raises:
            BadInputError: a mask is unreadable or its size differs from the video's.
        """
        if self._files is None:
            return {
                i: self._checked(frame, f"frame {i} of {self.path}") for i, frame in read_frames(self.path, indices)
            }
        found = {i: self._files[i] for i in indices if i in self._files}
        return {i: self._checked(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), str(path)) for i, path in found.items()}

    def _checked(self, image: NDArray[np.uint8] | None, where: str) -> Mask:
        if image is None:
            raise BadInputError(f"The mask {where} cannot be read as an image; make it again.")
        height, width = image.shape[:2]
        if (width, height) != self.size:
            raise BadInputError(
                f"The mask {where} has {width} × {height} pixels but the video has {self.size[0]} × {self.size[1]}; "
                "they must be equal."
            )
        grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        return np.asarray(grey > THRESHOLD)
