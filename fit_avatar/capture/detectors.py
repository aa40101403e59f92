"""The detectors of people's keypoints in single frames, by name."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.mediapipe_pose import MediaPipeDetector
from fit_avatar.capture.openpose_wrapper import OpenPoseDetector
from fit_avatar.capture.points import NUM_POINTS, People, join_parts
from fit_avatar.capture.rtmlib_pose import RtmlibDetector
from fit_avatar.errors import BadInputError

DETECTORS = {"mediapipe": "MediaPipe", "openpose": "OpenPose", "rtmlib": "RTMPose through rtmlib"}
"""The detectors' names, and their names in the report."""


class Detector(Protocol):
    """Finds people in single frames; use it as a context manager."""

    def __enter__(self) -> Detector: ...

    def __exit__(self, *_: object) -> None: ...

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
        return _MediaPipePeople()
    if name == "openpose":
        return OpenPoseDetector()
    if name == "rtmlib":
        return RtmlibDetector()
    raise BadInputError(f"there is no detector '{name}': choose one of {', '.join(DETECTORS)}")


class _MediaPipePeople:
    """MediaPipe's keypoints in the layout of all detectors, without its mask."""

    def __init__(self) -> None:
        self._detector = MediaPipeDetector()

    def __enter__(self) -> _MediaPipePeople:
        return self

    def __exit__(self, *_: object) -> None: ...

    def detect(self, frame: NDArray[np.uint8]) -> People:
        found = self._detector.detect(frame)
        return np.zeros((0, NUM_POINTS, 3), np.float32) if found is None else join_parts(found.keypoints)[None]
