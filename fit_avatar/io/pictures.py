"""The one place that decodes picture files, whatever their names, up to a size that fits into memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.errors import BadInputError
from fit_avatar.io.files import require_file
from fit_avatar.io.kinds import is_video, misfit

MAX_FILE_BYTES = 512 << 20
MAX_PIXELS = 1 << 27
"""Of one picture or frame: an 8K frame has a quarter of it."""


def read_picture(path: Path, what: str, flags: int = cv2.IMREAD_COLOR) -> NDArray[Any]:
    """Return a picture, upright as its EXIF orientation says unless the flags say otherwise.

    Args:
        path: of the picture.
        what: what it is, such as "mask", for the message.
        flags: of OpenCV's ``imdecode``.

    Raises:
        BadInputError: there is no such file, or it is no picture, or a very large one.
    """
    require_file(path, what)
    content = b"" if path.stat().st_size > MAX_FILE_BYTES else path.read_bytes()
    size = _claimed_size(content)
    check_pixels(*size, f"the {what} {path}")
    try:
        picture = cv2.imdecode(np.frombuffer(content, np.uint8), flags) if content else None
    except cv2.error:  # more pixels than OpenCV takes, or none
        picture = None
    if picture is None:
        video = what == "image" and is_video(path)
        remedy = "give it with --video" if video else "save it as JPEG or PNG"
        raise BadInputError(f"the {what} " + misfit(path, "a picture", remedy))
    return np.asarray(picture)


def check_pixels(width: int, height: int, where: str) -> None:
    """Refuse pictures that do not fit into memory.

    Raises:
        BadInputError: it has more than :data:`MAX_PIXELS`.
    """
    if width * height > MAX_PIXELS:
        raise BadInputError(f"{where} has {width} × {height} pixels, more than can be used: make it smaller")


def _claimed_size(content: bytes) -> tuple[int, int]:
    """Return width and height as a PNG's, GIF's or BMP's header has them; zeros for other formats.

    Other formats cannot claim more than 65,535 × 65,535, which OpenCV refuses beyond its own limit.
    """
    if content[:8] == b"\x89PNG\r\n\x1a\n" and len(content) >= 24:
        return int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big")
    if content[:4] == b"GIF8" and len(content) >= 10:
        return int.from_bytes(content[6:8], "little"), int.from_bytes(content[8:10], "little")
    if content[:2] == b"BM" and len(content) >= 26:
        width, height = (int.from_bytes(content[k : k + 4], "little", signed=True) for k in (18, 22))
        return abs(width), abs(height)
    return (0, 0)
