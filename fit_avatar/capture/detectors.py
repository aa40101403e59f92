"""The detectors that find people's points in single frames, by name."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.mediapipe_pose import MediaPipeDetector
from fit_avatar.capture.openpose_wrapper import OpenPoseDetector
from fit_avatar.capture.points import COUNT, People, whole
from fit_avatar.capture.rtmlib_pose import RtmlibDetector
from fit_avatar.errors import BadInputError

DETECTORS = {"mediapipe": "MediaPipe", "openpose": "OpenPose", "rtmlib": "RTMPose through rtmlib"}
"""The detectors' names, and what the report calls them."""


class Detector(Protocol):
    """Finds people in single frames; use it as a context manager."""

    def __enter__(self) -> Detector: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def detect(self, frame: NDArray[np.uint8]) -> People:
        """Return everybody in a BGR frame [H, W, 3] as points in its pixels. [P, 137, 3]"""


def make_detector(name: str) -> Detector:
    """Start a detector.

    Args:
        name: ``mediapipe`` (the default; body of one person), ``openpose`` (the user's own build of pyopenpose) or
            ``rtmlib`` (RTMPose by ONNX); the last two also find face and hands.

    Raises:
        BadInputError: another name.
        MissingDependencyError: what it needs is not installed.
    """
    if name == "mediapipe":
        return _OnlyBody()
    if name == "openpose":
        return OpenPoseDetector()
    if name == "rtmlib":
        return RtmlibDetector()
    raise BadInputError(f"there is no detector '{name}': choose one of {', '.join(DETECTORS)}")


class _OnlyBody:
    """MediaPipe, its mask left aside."""

    def __init__(self) -> None:
        self._inner = MediaPipeDetector()

    def __enter__(self) -> _OnlyBody:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inner.__exit__(kind, error, trace)

    def detect(self, frame: NDArray[np.uint8]) -> People:
        found = self._inner.detect(frame)
        return np.zeros((0, COUNT, 3), np.float32) if found is None else whole(found.keypoints)[None]
