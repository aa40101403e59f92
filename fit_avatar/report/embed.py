"""What the page carries inside itself, so that one file shows everything: model, pictures, video."""

from __future__ import annotations

import tempfile
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.body.model import Body
from fit_avatar.body.state import BodyState
from fit_avatar.capture.types import Capture
from fit_avatar.capture.video import probe, read_frames
from fit_avatar.export.glb import write_glb
from fit_avatar.export.image import image_bytes
from fit_avatar.report.video import video_file

TEXTURE_PX = 1024
"""Larger textures are shrunk to this."""
VIDEO_BYTES = 3_000_000
"""An overlay video up to this size goes in as it is."""
SMALL_VIDEO_PX, SMALL_VIDEO_CRF = 640, 28
"""Longer side and quality of a larger one."""
MOST_VIDEO_BYTES = 6_000_000
"""A video that is larger even then is left out."""


@dataclass(frozen=True)
class Embedded:
    """Contents of files, ready for the page."""

    glb: bytes
    texture: bytes  # JPEG
    confidence: bytes  # PNG over the same texture coordinates
    overlay: bytes | None  # MP4; None if it would make the page too large
    sheet: tuple[tuple[int, bytes], ...]  # (place in the capture, JPEG)
    poster: bytes  # JPEG, the avatar's front
    confidence_views: tuple[bytes, ...]  # JPEGs, front and back in the colours of confidence


def base64(content: bytes) -> str:
    """Return bytes as text that HTML can hold."""
    return b64encode(content).decode("ascii")


def shrink(picture: NDArray[np.uint8], longest: int) -> NDArray[np.uint8]:
    """Return a picture whose longer side is at most so many pixels. [H, W, 3]"""
    scale = longest / max(picture.shape[:2])
    if scale >= 1:
        return picture
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def glb_bytes(body: Body, state: BodyState, capture: Capture, texture: NDArray[np.uint8]) -> bytes:
    """Return the avatar as a GLB with a small texture and the captured motion."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "avatar.glb"
        small = shrink(texture, TEXTURE_PX)
        write_glb(path, body, state, capture.fps, small, capture.frame_indices, image_format="jpg")
        return path.read_bytes()


def video_bytes(path: Path) -> bytes | None:
    """Return a video as bytes, encoded anew if it is large; None if it is too large even then."""
    if path.stat().st_size <= VIDEO_BYTES:
        return path.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "overlay.mp4"
        with video_file(small, probe(path).fps, SMALL_VIDEO_CRF) as append:
            for _, frame in read_frames(path):
                append(shrink(frame, SMALL_VIDEO_PX))
        content = small.read_bytes()
    return content if len(content) <= MOST_VIDEO_BYTES else None


def jpeg(picture: NDArray[np.uint8]) -> bytes:
    """Return an RGB picture as a JPEG. [H, W, 3]"""
    return image_bytes(picture, ".jpg")
