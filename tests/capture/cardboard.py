"""Tiny clips of a cardboard person, drawn with known masks and keypoints."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.mediapipe_pose import Detection

WIDTH, HEIGHT = 96, 128


def person(
    shift: float = 0.0, width: int = WIDTH, height: int = HEIGHT
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Return mask [H, W] and BODY_25 points [25, 3] of a figure moved sideways by some pixels."""
    points = np.zeros((25, 3), np.float32)
    u, v = width / 2 + shift, height / 128.0
    layout = {
        0: (0, 20), 1: (0, 32), 2: (-12, 34), 3: (-17, 48), 4: (-22, 62), 5: (12, 34), 6: (17, 48), 7: (22, 62),
        8: (0, 66), 9: (-7, 66), 10: (-8, 88), 11: (-9, 110), 12: (7, 66), 13: (8, 88), 14: (9, 110),
        15: (-2, 18), 16: (2, 18), 17: (-5, 19), 18: (5, 19),
        19: (11, 115), 21: (8, 114), 22: (-11, 115), 24: (-8, 114),
    }  # fmt: skip
    for i, (x, y) in layout.items():
        points[i] = u + x * v, y * v, 0.9
    canvas = np.zeros((height, width), np.uint8)

    def limb(a: int, b: int, thickness: float) -> None:
        ends = [tuple(round(float(c)) for c in points[i, :2]) for i in (a, b)]
        cv2.line(canvas, ends[0], ends[1], 1, max(1, int(thickness * v)))

    for a, b in ((2, 3), (3, 4), (5, 6), (6, 7)):
        limb(a, b, 7)
    for a, b in ((9, 10), (10, 11), (12, 13), (13, 14), (11, 22), (14, 19)):
        limb(a, b, 9)
    limb(1, 8, 24)
    cv2.circle(canvas, (int(u), int(20 * v)), int(9 * v), 1, -1)
    return canvas > 0, points


def scene(width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.uint8]:
    """Return a textured grey-green background. [H, W, 3]"""
    noise = np.random.default_rng(1).normal(0, 14, (height // 4, width // 4, 3))
    smooth = cv2.resize(noise.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth + (110, 150, 120), 0, 255).astype(np.uint8)


def frame(shift: float = 0.0, width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.uint8]:
    """Return the figure, in red with blue legs, before the scene. [H, W, 3]"""
    mask, _ = person(shift, width, height)
    picture = scene(width, height)
    picture[mask] = (40, 50, 190)
    below = mask & (np.arange(height)[:, None] > 66 * height / 128)
    picture[below] = (150, 70, 40)
    return picture


def write_video(
    path: Path, frames: list[NDArray[np.uint8]], fps: float = 25.0, times_ms: list[int] | None = None
) -> Path:
    """Write BGR frames as MPEG-4; with ``times_ms`` at a variable rate."""
    height, width = frames[0].shape[:2]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=round(fps))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.bit_rate = 4_000_000
        stream.codec_context.time_base = Fraction(1, 1000)
        stream.time_base = Fraction(1, 1000)
        for i, picture in enumerate(frames):
            image = av.VideoFrame.from_ndarray(picture, format="bgr24")
            image.pts = times_ms[i] if times_ms else round(i * 1000 / fps)
            image.time_base = Fraction(1, 1000)
            container.mux(stream.encode(image))
        container.mux(stream.encode(None))
    return path


def write_masks(folder: Path, masks: list[NDArray[np.bool_]]) -> Path:
    """Write one PNG per frame."""
    folder.mkdir()
    for i, mask in enumerate(masks):
        cv2.imwrite(str(folder / f"mask_{i:04d}.png"), mask.astype(np.uint8) * 255)
    return folder


def write_openpose(folder: Path, people: list[list[NDArray[np.float32]]]) -> Path:
    """Write one OpenPose JSON per frame."""
    folder.mkdir()
    for i, persons in enumerate(people):
        data = {"version": 1.3, "people": [{"pose_keypoints_2d": p.ravel().tolist()} for p in persons]}
        (folder / f"clip_{i:012d}_keypoints.json").write_text(json.dumps(data))
    return folder


class FigureDetector:
    """A stand-in for MediaPipe that finds the figure by its red colour, so that tests need no model."""

    def __init__(self, pose_model: Path | None = None) -> None:
        assert pose_model is None

    def __enter__(self) -> FigureDetector:
        return self

    def __exit__(self, *_: object) -> None: ...

    def detect_each(self, frames: Iterable[tuple[int, NDArray[np.uint8]]]) -> Iterator[tuple[int, Detection | None]]:
        return ((index, self.detect(frame)) for index, frame in frames)

    def detect(self, picture: NDArray[np.uint8]) -> Detection | None:
        red = (picture[..., 2].astype(int) - picture[..., 1]) > 70
        if not red.any():
            return None
        mask, points = person(round(float(np.nonzero(red)[1].mean()) - WIDTH / 2))
        blurred = cv2.GaussianBlur(mask[: len(picture)].astype(np.float32), (0, 0), 1.5)
        return Detection(points, (cv2.resize(blurred, None, fx=0.5, fy=0.5) * 255).astype(np.uint8))
