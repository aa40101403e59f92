"""Frames and masks as files, of which the k-th belongs to the k-th pose."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np

from fit_avatar.capture.types import Capture, Image, Mask
from fit_avatar.errors import BadInputError

Pictures = Iterable[tuple[int, Image]]
"""The indices of frames in the clip, ascending, and their undistorted pictures: BGR [H, W, 3]."""
Step = Callable[[int, int], None]
"""Called with the number of frames that are done, and of all."""
SHOWN_EVERY = 8
"""Of the frames, one in so many is also listed for looking at results. Chosen by hand."""


def paired(capture: Capture, pictures: Pictures, on_step: Step | None = None) -> Iterator[tuple[int, int, Image]]:
    """Yield (row, index in the clip, picture) of all frames of a capture.

    Raises:
        BadInputError: a frame has no picture, or one of another size than its mask.
    """
    count, following = len(capture.frame_indices), iter(pictures)
    for row, index in enumerate(capture.frame_indices.tolist()):
        found, picture = next(((i, p) for i, p in following if i >= index), (None, None))
        if found != index or picture is None:
            raise BadInputError(f"frame {index} of the clip could not be read again: check that its file is unchanged")
        if picture.shape[:2] != capture.masks.shape[1:]:
            (height, width), mask = picture.shape[:2], capture.masks.shape
            raise BadInputError(
                f"the picture of frame {index} has {width} × {height} pixels, but its mask {mask[2]} × {mask[1]}: give "
                "the pictures that the capture was made of"
            )
        yield row, index, picture
        if on_step is not None:
            on_step(row + 1, count)


def check_masks(capture: Capture, name: str) -> None:
    """Check that there is a mask for every frame.

    Raises:
        BadInputError: one is empty, as those of an avatar that was loaded from its files are.
    """
    empty = [int(index) for index, mask in zip(capture.frame_indices, capture.masks, strict=True) if not mask.any()]
    if empty:
        raise BadInputError(
            f"{name} files need the masks of the clip, but that of frame {empty[0]} is empty (an avatar that was "
            f"loaded from a folder has none): run fit-avatar on the clip with --export {name}"
        )


def write_png(path: Path, picture: Image | Mask) -> None:
    """Write a picture (BGR), or a mask as 0 and 255."""
    pixels = picture if picture.dtype == np.uint8 else np.where(picture, 255, 0).astype(np.uint8)
    path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())


def shown_rows(count: int) -> list[int]:
    """Return some of the rows, spread evenly, for looking at results."""
    return list(range(min(SHOWN_EVERY // 2, count - 1), count, SHOWN_EVERY))


def written_files(folder: Path) -> list[Path]:
    """Return all files below a folder, in order."""
    return sorted(path for path in folder.rglob("*") if path.is_file())
