"""The 468 points of a face (Kartynnik et al. 2019), where the pose says that the head is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.blazepose import ssd
from fit_avatar.capture.blazepose.landmarks import sigmoid
from fit_avatar.capture.blazepose.models import FACE_DETECTOR, FACE_LANDMARKS, Model
from fit_avatar.capture.blazepose.part import Following, Part, followed, points_of
from fit_avatar.capture.blazepose.region import Region

INPUT = 192
"""Side of the model's input, in pixels."""
NUM_POINTS = 468
HEAD = slice(0, 11)
"""The pose's landmarks of the head: nose, eyes, ears and mouth."""
POSE_EYES, POSE_MOUTH = (5, 2), (9, 10)
"""The pose's landmarks of right and left eye, and of the mouth's corners."""
EYE_CORNERS = (33, 263)
"""The face's points at the outer corners of right and left eye."""
HEAD_SCALE, FACE_SCALE, NEXT_SCALE = 3.0, 2.0, 1.5
"""Side of a region per longer side of the box around the pose's head, the detected keypoints and the face's points;
MediaPipe's values."""
FACE_RISE = 0.1
"""By how much the region is above the detected keypoints; MediaPipe's value."""


@dataclass(frozen=True)
class FaceConfig:
    """Settings of the face's estimator."""

    min_detection: float = 0.5
    """Score above which a box is a face; MediaPipe's default."""
    min_overlap: float = 0.3
    """Intersection over union above which two boxes show the same face; MediaPipe's value."""
    min_presence: float = 0.5
    """Probability of a face in the region above which points are returned; MediaPipe's value."""
    min_side_px: float = 24.0
    """A smaller region around the head (three times as wide as that) is not looked at. Chosen by hand."""
    following: Following = Following(math.radians(15.0), 0.1, 0.3, 0.1)  # noqa: RUF009
    """When the region follows from the frame before. MediaPipe's values."""


DEFAULT_FACE = FaceConfig()


class FaceEstimator:
    """Finds the points of the face of a person whose pose is known; it opens no connection.

    Raises:
        MissingDependencyError: LiteRT is not installed or does not load, or a model file is missing.
    """

    def __init__(self, config: FaceConfig = DEFAULT_FACE) -> None:
        """Load the models."""
        self.config = config
        self._detector, self._landmarks = Model(FACE_DETECTOR.path), Model(FACE_LANDMARKS.path)

    def estimate(
        self, picture: NDArray[np.uint8], pose: NDArray[np.float32], before: Part | None = None
    ) -> Part | None:
        """Find the face's points in a BGR picture [H, W, 3]; ``None`` if no face is seen.

        Args:
            picture: to look at.
            pose: the 33 landmarks (u, v, …) of the person. [33, 2 or more]
            before: the same person's face in the frame before.
        """
        config = self.config
        head = head_region(pose)
        if head.side < config.min_side_px:
            return None
        crop = head.crop(picture, ssd.FACE.side, cv2.BORDER_CONSTANT)[..., ::-1]
        boxes, logits = self._detector(crop.astype(np.float32) / 127.5 - 1.0)
        keypoints = ssd.best_detection(boxes[0], logits[0, :, 0], config.min_detection, config.min_overlap, ssd.FACE)
        if keypoints is None:
            return None
        places = head.to_picture(keypoints)
        found = Region.enclosing(places, _above(places[0], places[1]), FACE_SCALE, FACE_RISE)
        region = followed(found, before, config.following)
        crop = region.crop(picture, INPUT, cv2.BORDER_REPLICATE)[..., ::-1]
        values, flag = self._landmarks(crop.astype(np.float32) / 255.0)
        score = float(sigmoid(flag).item())
        if score < config.min_presence:
            return None
        points = points_of(values, region, INPUT)
        right, left = points[list(EYE_CORNERS)].astype(np.float64)
        following = Region.enclosing(points.astype(np.float64), _above(right, left), NEXT_SCALE)
        return Part(points, score, region, following)


def head_region(pose: NDArray[np.float32]) -> Region:
    """Return the square around the head that the pose's landmarks [33, 2 or more] show."""
    places = pose[:, :2].astype(np.float64)
    right, left = places[list(POSE_EYES)]
    up = _above(right, left)
    # Where the pose exchanges left and right, the line between the eyes is upside down, but the mouth is not.
    if up @ ((right + left) / 2.0 - places[list(POSE_MOUTH)].mean(0)) < 0.0:
        up = -up
    return Region.enclosing(places[HEAD], up, HEAD_SCALE)


def _above(right: NDArray[np.float64], left: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the direction that is upwards for a face with these eyes. [2]"""
    x, y = left - right
    return np.array([y, -x])
