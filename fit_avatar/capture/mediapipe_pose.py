"""The default detector: MediaPipe's pose model, 33 points and a coarse mask for one person, nothing to download."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType, TracebackType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.errors import MissingDependencyError

PROBABILITY_SIDE = 640
"""Longer side of the coarse mask that is kept, in pixels; the model itself sees 256."""

_BODY_25_FROM = {
    0: 0, 2: 12, 3: 14, 4: 16, 5: 11, 6: 13, 7: 15, 9: 24, 10: 26, 11: 28, 12: 23, 13: 25, 14: 27,
    15: 5, 16: 2, 17: 8, 18: 7, 19: 31, 21: 29, 22: 32, 24: 30,
}  # fmt: skip
"""BODY_25 index → MediaPipe index. The small toes (20, 23) do not exist in MediaPipe."""
_MEANS = {1: (2, 5), 8: (9, 12)}
"""BODY_25 points that are means of two others: neck and mid-hip."""


_FACE = (0, 15, 16, 17, 18)
"""BODY_25 nose, right eye, left eye, right ear, left ear."""
TURNED = 0.3
"""Direction cosine away from the camera at which a point of the face is half trusted."""
HIP_RISE = 0.065
"""MediaPipe's hips lie lower than BODY_25's by this part of the trunk: 0.055 against OpenPose on real footage,
0.073 and 0.077 against true joints on rendered people."""


@dataclass(frozen=True)
class Detection:
    """One person as MediaPipe sees them in one frame."""

    keypoints: NDArray[np.float32]
    """BODY_25 points (u, v, confidence) in pixels of the frame. [25, 3]"""
    probability: NDArray[np.uint8]
    """Probability of the person, 0..255, over the whole frame but smaller than it. [h, w]"""


class MediaPipeDetector:
    """Finds the person in single frames; use it as a context manager.

    Raises:
        MissingDependencyError: mediapipe, its pose model, or a system library it needs is not installed.
    """

    def __init__(self) -> None:
        module = _import_pose()
        with _quiet_stderr():
            self._pose: Any = module.Pose(static_image_mode=True, model_complexity=1, enable_segmentation=True)
            self._pose.process(np.zeros((64, 64, 3), np.uint8))  # waits until the graph's threads have started
        self._warm = False

    def __enter__(self) -> MediaPipeDetector:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pose.close()

    def detect(self, frame: NDArray[np.uint8]) -> Detection | None:
        """Find the person in a BGR frame [H, W, 3]; ``None`` if there is nobody."""
        # C++ code writes to the terminal until each part of the graph has run once, which takes a frame with a person.
        with contextlib.nullcontext() if self._warm else _quiet_stderr():
            result = self._pose.process(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
        self._warm = self._warm or result.pose_landmarks is not None
        if result.pose_landmarks is None or result.segmentation_mask is None:
            return None
        height, width = frame.shape[:2]
        landmarks = np.array(
            [(p.x * width, p.y * height, p.z * width, p.visibility) for p in result.pose_landmarks.landmark],
            np.float32,
        )
        scale = min(1.0, PROBABILITY_SIDE / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = cv2.resize(result.segmentation_mask, size, interpolation=cv2.INTER_AREA)
        probability = np.clip(small * 255.0 + 0.5, 0, 255).astype(np.uint8)
        return Detection(to_body_25(landmarks, width, height), probability)


def to_body_25(landmarks: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    """Map MediaPipe's 33 points to BODY_25.

    Args:
        landmarks: (u, v, depth, visibility), all but the last in pixels, depth growing away from the camera. [33, 4]
        width: of the frame, in pixels.
        height: of the frame, in pixels.

    Returns:
        (u, v, confidence) [25, 3]; confidence is 0 for small toes, for points outside the frame, and for the parts of
        the face that are turned away (MediaPipe calls them visible).
    """
    body = np.zeros((25, 3), np.float32)
    source = landmarks[list(_BODY_25_FROM.values())]
    body[list(_BODY_25_FROM)] = source[:, [0, 1, 3]]
    body[list(_FACE), 2] *= _facing(landmarks)
    for target, (a, b) in _MEANS.items():
        body[target, :2] = (body[a, :2] + body[b, :2]) / 2.0
        body[target, 2] = min(body[a, 2], body[b, 2])
    body[[8, 9, 12], :2] += HIP_RISE * (body[1, :2] - body[8, :2])
    body[:, 2] = np.clip(body[:, 2], 0.0, 1.0)
    inside = (body[:, 0] >= 0) & (body[:, 0] < width) & (body[:, 1] >= 0) & (body[:, 1] < height)
    body[~inside, 2] = 0.0
    return body


def _facing(landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how far nose, eyes and ears (in the order of ``_FACE``) are turned towards the camera, 0..1."""
    nose, left_ear, right_ear = landmarks[0, :3], landmarks[7, :3], landmarks[8, :3]
    ahead, sideways = nose - (left_ear + right_ear) / 2.0, right_ear - left_ear
    ahead_z = ahead[2] / max(float(np.linalg.norm(ahead)), 1e-6)
    side_z = sideways[2] / max(float(np.linalg.norm(sideways)), 1e-6)
    # Outward directions: the face looks ahead, each eye a little to its side, each ear to its side and back.
    outward = np.array(
        [
            ahead_z,
            0.9 * ahead_z + 0.4 * side_z,
            0.9 * ahead_z - 0.4 * side_z,
            side_z - 0.2 * ahead_z,
            -side_z - 0.2 * ahead_z,
        ]
    )
    return np.clip(0.5 - 2.0 * (outward - TURNED), 0.0, 1.0).astype(np.float32)


def _import_pose() -> ModuleType:
    os.environ.setdefault("GLOG_minloglevel", "2")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with _quiet_stderr():
            import mediapipe.python.solutions.pose as pose
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"the default detector needs the package mediapipe==0.10.21 ({error}): install it with "
            "'pip install mediapipe==0.10.21' on Python 3.10–3.12, or give --keypoints and --masks"
        ) from None
    except (ImportError, OSError) as error:
        raise MissingDependencyError(
            f"mediapipe cannot be loaded ({error}): on a bare server install its system libraries with "
            "'apt-get install libgl1 libegl1 libgles2 libglib2.0-0', or give --keypoints and --masks"
        ) from None
    module: ModuleType = pose
    return module


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Send what C++ code writes to the terminal nowhere, for the short time in which models load."""
    try:
        saved = os.dup(2)
    except OSError:
        yield
        return
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(sink)
