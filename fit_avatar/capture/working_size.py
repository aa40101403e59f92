"""The size at which pictures are used: their own, but for very large ones."""

from __future__ import annotations

import cv2
import numpy as np

from fit_avatar.capture.types import Camera, Image

MAX_SIDE_PX = 3840
"""Longer side of the pictures that are used, in pixels: a person who fills a 4K picture has a pixel per 1 mm, as a
texture of 2048 has texels; masks of 120 frames then take 1 GB, of 8K they would take 4 GB. Chosen by hand."""


def working_size(width: int, height: int, most: int | None = None) -> tuple[int, int]:
    """Return the width and height at which pictures of a size are used, in pixels.

    Args:
        width: of the pictures as they are stored.
        height: of the same.
        most: longer side, if it is to be less than :data:`MAX_SIDE_PX`.
    """
    scale = min(1.0, min(most or MAX_SIDE_PX, MAX_SIDE_PX) / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def at_size(picture: Image, width: int, height: int) -> Image:
    """Return a picture [H, W, 3] at a size in pixels; the same one if it has that size."""
    if picture.shape[1::-1] == (width, height):
        return picture
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def working_camera(camera: Camera, most: int | None = None) -> tuple[Camera, tuple[str, ...]]:
    """Return the camera of the pictures as they are used, and a sentence for the user if they are made smaller.

    ``most``: as for :func:`working_size`; nothing is said of what was asked for.
    """
    size = working_size(camera.width, camera.height, most)
    if size == (camera.width, camera.height):
        return camera, ()
    if most is not None:
        return camera.fitted_to(*size), ()
    return camera.fitted_to(*size), (
        f"Pictures of {camera.width} × {camera.height} pixels are used at {size[0]} × {size[1]}, which is about as "
        "fine as the texture; the camera and all pixels in the results are for that size.",
    )
