"""The default detector: MediaPipe's pose models, which give 33 keypoints and a coarse mask of one person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.blazepose import Pose, PoseEstimator
from fit_avatar.capture.blazepose.same_person import SamePerson
from fit_avatar.capture.points import MIDPOINTS
from fit_avatar.capture.types import Image
from fit_avatar.io.threads import in_threads

_BODY_25_FROM = {
    0: 0, 2: 12, 3: 14, 4: 16, 5: 11, 6: 13, 7: 15, 9: 24, 10: 26, 11: 28, 12: 23, 13: 25, 14: 27,
    15: 5, 16: 2, 17: 8, 18: 7, 19: 31, 21: 29, 22: 32, 24: 30,
}  # fmt: skip
"""BODY_25 index → MediaPipe index. The small toes (20, 23) do not exist in MediaPipe."""
_FACE = (0, 15, 16, 17, 18)
"""BODY_25 nose, right eye, left eye, right ear, left ear."""


@dataclass(frozen=True)
class MediaPipeConfig:
    """Settings of the conversion of MediaPipe's results."""

    mask_px: int = 640
    """Longer side of the coarse mask that is kept, in pixels; the model itself works at 256. Chosen by hand."""
    face_cosine: float = 0.3
    """Cosine between a facial point's outward direction and the view direction at which the point's confidence is
    halved; MediaPipe is confident of faces that are turned away. Chosen by hand."""
    hip_rise: float = 0.065
    """Distance by which MediaPipe's hips are lower than BODY_25's, as a fraction of the distance from mid-hip to neck.
    Measured: 0.055 against OpenPose on real footage, 0.073 and 0.077 against the true joints of rendered people."""


DEFAULT_MEDIAPIPE = MediaPipeConfig()


@dataclass(frozen=True)
class Detection:
    """What MediaPipe finds in one frame: one person."""

    keypoints: NDArray[np.float32]
    """BODY_25 points (u, v, confidence) in pixels of the frame. [25, 3]"""
    probability: NDArray[np.uint8]
    """Probability of the person, as 0..255, over the whole frame at a smaller size. [h, w]"""
    world: NDArray[np.float32] | None = None
    """MediaPipe's 33 points in metres in the camera's axes, from the middle of the hips. [33, 3]"""
    landmarks: NDArray[np.float32] | None = None
    """MediaPipe's 33 points (u, v, depth, visibility), all but the last in pixels of the frame. [33, 4]"""
    others: NDArray[np.uint8] | None = None
    """The probability of everybody else who is seen; ``None`` if there is nobody. [h, w]"""


class MediaPipeDetector:
    """Finds the person in single frames, among others the nearest and the one of before; use it as a context manager.

    Raises:
        MissingDependencyError: ai-edge-litert, which runs the models, is not installed or does not load.
        BadInputError: the given model is another one.
    """

    def __init__(self, config: MediaPipeConfig = DEFAULT_MEDIAPIPE, pose_model: Path | None = None) -> None:
        """Load the models; ``pose_model`` is a file to take instead of the package's model of landmarks."""
        self.config, self._estimator = config, PoseEstimator(landmark_model=pose_model)
        self._person = SamePerson(self._estimator)

    def __enter__(self) -> MediaPipeDetector:
        return self

    def __exit__(self, *_: object) -> None: ...

    def detect(self, frame: NDArray[np.uint8]) -> Detection | None:
        """Find the person in a BGR frame [H, W, 3]; ``None`` if there is nobody."""
        return self._chosen(frame, self._person.everybody(frame))

    def detect_each(self, frames: Iterable[tuple[int, Image]]) -> Iterator[tuple[int, Detection | None]]:
        """Find the person in one BGR frame [H, W, 3] after the other, a few of which are looked at at once.

        Args:
            frames: index and picture, in temporal order.

        Yields:
            The index, and what is found; ``None`` if there is nobody.
        """
        seen = in_threads(lambda one: (*one, self._person.everybody(one[1])), frames)
        for index, frame, poses in seen:
            yield index, self._chosen(frame, poses)

    def _chosen(self, frame: Image, poses: list[Pose]) -> Detection | None:
        pose = self._person.choose(frame, poses)
        if pose is None:
            return None
        height, width = frame.shape[:2]
        seen = [coarse_probability(p, height, width, self.config) for p in (pose, *self._person.beside)]
        others = np.maximum.reduce(seen[1:]) if len(seen) > 1 else None
        keypoints = to_body_25(pose.landmarks, width, height, self.config)
        return Detection(keypoints, seen[0], pose.world, pose.landmarks, others)


def coarse_probability(
    pose: Pose, height: int, width: int, config: MediaPipeConfig = DEFAULT_MEDIAPIPE
) -> NDArray[np.uint8]:
    """Return the probability of a person, as 0..255, over a picture of a size in pixels, at a smaller one. [h, w]"""
    scale = min(1.0, config.mask_px / max(height, width))
    size = max(1, round(height * scale)), max(1, round(width * scale))
    return np.asarray(pose.probability(*size, scale) * 255.0 + 0.5).astype(np.uint8)


def to_body_25(
    landmarks: NDArray[np.float32], width: int, height: int, config: MediaPipeConfig = DEFAULT_MEDIAPIPE
) -> NDArray[np.float32]:
    """Map MediaPipe's 33 points to BODY_25.

    Args:
        landmarks: (u, v, depth, visibility), all but the last in pixels, depth growing away from the camera. [33, 4]
        width: of the frame, in pixels.
        height: of the frame, in pixels.
        config: settings.

    Returns:
        (u, v, confidence) [25, 3]; confidence is 0 for small toes, for points outside the frame, and for points of a
        face that is turned away (MediaPipe calls them visible).
    """
    body = np.zeros((25, 3), np.float32)
    source = landmarks[list(_BODY_25_FROM.values())]
    body[list(_BODY_25_FROM)] = source[:, [0, 1, 3]]
    body[list(_FACE), 2] *= _face_confidence(landmarks, config)
    for target, (a, b) in MIDPOINTS.items():
        body[target, :2] = (body[a, :2] + body[b, :2]) / 2.0
        body[target, 2] = min(body[a, 2], body[b, 2])
    body[[8, 9, 12], :2] += config.hip_rise * (body[1, :2] - body[8, :2])
    body[:, 2] = np.clip(body[:, 2], 0.0, 1.0)
    inside = (body[:, 0] >= 0) & (body[:, 0] < width) & (body[:, 1] >= 0) & (body[:, 1] < height)
    body[~inside, 2] = 0.0
    return body


def _face_confidence(landmarks: NDArray[np.float32], config: MediaPipeConfig) -> NDArray[np.float32]:
    """Return by how much nose, eyes and ears (in the order of ``_FACE``) face the camera, 0..1. [5]"""
    nose, left_ear, right_ear = landmarks[0, :3], landmarks[7, :3], landmarks[8, :3]
    ahead, sideways = nose - (left_ear + right_ear) / 2.0, right_ear - left_ear
    ahead_z = ahead[2] / max(float(np.linalg.norm(ahead)), 1e-6)
    side_z = sideways[2] / max(float(np.linalg.norm(sideways)), 1e-6)
    # Depths of outward directions: the nose's is ahead, each eye's a little to its side, each ear's aside and back.
    outward = np.array(
        [
            ahead_z,
            0.9 * ahead_z + 0.4 * side_z,
            0.9 * ahead_z - 0.4 * side_z,
            side_z - 0.2 * ahead_z,
            -side_z - 0.2 * ahead_z,
        ]
    )
    return np.clip(0.5 - 2.0 * (outward - config.face_cosine), 0.0, 1.0).astype(np.float32)
