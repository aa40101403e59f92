"""The contents of other files that the report embeds, so that it is a single file: model, pictures, video."""

from __future__ import annotations

import tempfile
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
from fit_avatar.io.video import VideoConfig, video_file


@dataclass(frozen=True)
class EmbedConfig:
    """Limits that keep the report small enough to be sent by mail. All values are chosen by hand."""

    texture_px: int = 1024
    """Larger textures are shrunk to this."""
    video_bytes: int = 3_000_000
    """An overlay video up to this size is embedded as it is."""
    small_video_px: int = 640
    """Longer side of a larger video, which is encoded again."""
    small_video_crf: int = 28
    """Its constant rate factor."""
    max_video_bytes: int = 6_000_000
    """A video that is larger even then is left out."""
    view_px: tuple[int, int] = (240, 380)
    """Width and height of the pictures of the avatar."""


EMBED = EmbedConfig()


@dataclass(frozen=True)
class Embedded:
    """Contents of files, ready for the page."""

    glb: bytes
    texture: bytes  # JPEG
    confidence: bytes  # PNG over the same texture coordinates
    overlay: bytes | None  # MP4; None if it would make the page too large
    sheet: tuple[tuple[int, bytes], ...]  # (position among the used frames, JPEG)
    poster: bytes  # JPEG, the avatar's front
    confidence_views: tuple[bytes, ...]  # JPEGs, front and back coloured by confidence


def shrink(picture: NDArray[np.uint8], longest: int) -> NDArray[np.uint8]:
    """Return a picture whose longer side has at most this many pixels. [H, W, 3]"""
    scale = longest / max(picture.shape[:2])
    if scale >= 1:
        return picture
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def glb_bytes(body: Body, state: BodyState, capture: Capture, texture: NDArray[np.uint8]) -> bytes:
    """Return the avatar with its captured motion as a GLB."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "avatar.glb"
        write_glb(path, body, state, capture.fps, texture, capture.frame_indices, image_format="jpg")
        return path.read_bytes()


def video_bytes(path: Path, config: EmbedConfig = EMBED) -> bytes | None:
    """Return a video as bytes, encoded again if it is large; None if it is too large even then."""
    if path.stat().st_size <= config.video_bytes:
        return path.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "overlay.mp4"
        with video_file(small, probe(path).fps, VideoConfig(crf=config.small_video_crf)) as append:
            for _, frame in read_frames(path):
                append(shrink(frame, config.small_video_px))
        content = small.read_bytes()
    return content if len(content) <= config.max_video_bytes else None


def jpeg(picture: NDArray[np.uint8]) -> bytes:
    """Return an RGB picture as a JPEG. [H, W, 3]"""
    return image_bytes(picture, ".jpg")
