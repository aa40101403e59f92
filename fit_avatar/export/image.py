"""Textures as bytes of image files."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.errors import BadInputError

PNG_LEVEL = 4
"""Of zlib. Level 6 makes a texture of 2048² 6 % smaller and takes three times as long, 0.8 s instead of 0.25."""


def image_bytes(texture: NDArray[np.uint8] | Path, suffix: str) -> bytes:
    """Encode an image, or return the bytes of a file that already has the wanted format.

    Args:
        texture: [H, W, 3] uint8 RGB, or the path of an image file.
        suffix: ".png" or ".jpg".

    Raises:
        BadInputError: the file is not an image.
    """
    if isinstance(texture, Path):
        if texture.suffix.lower() == suffix:
            return texture.read_bytes()
        bgr = cv2.imread(str(texture), cv2.IMREAD_COLOR)
        if bgr is None:
            raise BadInputError(f"the texture {texture} is not an image that can be read: give a PNG or JPEG file")
    else:
        bgr = cv2.cvtColor(np.ascontiguousarray(texture), cv2.COLOR_RGB2BGR)
    options = [cv2.IMWRITE_JPEG_QUALITY, 94] if suffix == ".jpg" else [cv2.IMWRITE_PNG_COMPRESSION, PNG_LEVEL]
    return bytes(cv2.imencode(suffix, bgr, options)[1].tobytes())
