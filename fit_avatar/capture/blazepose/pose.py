"""A person's pose by BlazePose (Bazarevsky et al. 2020): a person detector, then landmarks and a mask."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.blazepose import ssd
from fit_avatar.capture.blazepose.landmarks import INPUT, NUM_LANDMARKS, refine_with_heatmap, sigmoid
from fit_avatar.capture.blazepose.models import PERSON_DETECTOR, POSE_LANDMARKS, Model, given_model
from fit_avatar.capture.blazepose.region import Region

POSE_SHAPES = ((1, INPUT, INPUT, 3), (1, 195), (1, 1), (1, INPUT, INPUT, 1), (1, 64, 64, 39), (1, 117))
"""Of the landmark model's input and outputs: the same for MediaPipe's models lite, full and heavy."""


@dataclass(frozen=True)
class PoseConfig:
    """Settings of the pose estimator."""

    min_detection: float = 0.5
    """Score above which a box is a person; MediaPipe's default."""
    min_presence: float = 0.5
    """Probability of a person in the region above which landmarks are returned; MediaPipe's default."""
    min_overlap: float = 0.3
    """Intersection over union above which two boxes show the same person; MediaPipe's value."""


DEFAULT_POSE = PoseConfig()


@dataclass(frozen=True)
class Pose:
    """A person's landmarks and mask."""

    landmarks: NDArray[np.float32]
    """(u, v, depth, visibility), all but the last in pixels of the picture; depth grows away from the camera, from 0 at
    the hips. [33, 4]"""
    world: NDArray[np.float32]
    """Positions in metres in the camera's axes, from the middle of the hips. [33, 3]"""
    mask: NDArray[np.float32]
    """Probability of the person in the region. [256, 256]"""
    region: Region
    """Where the model looked."""
    next_region: Region
    """Where the person is likely to be in the next frame."""

    def probability(self, height: int, width: int, scale: float) -> NDArray[np.float32]:
        """Return the probability of the person over the picture resized by ``scale`` to a size in pixels. [h, w]"""
        return self.region.paste(self.mask, height, width, scale)


class PoseEstimator:
    """Estimates the pose of the most certain person in a picture; it opens no connection.

    Raises:
        MissingDependencyError: LiteRT is not installed or does not load, or a model file is missing.
    """

    def __init__(self, config: PoseConfig = DEFAULT_POSE, landmark_model: Path | None = None) -> None:
        """Load the models; ``landmark_model`` may be MediaPipe's ``pose_landmark_heavy.tflite``, too.

        Raises:
            BadInputError: the landmark model is another one.
        """
        self.config = config
        self._detector = Model(PERSON_DETECTOR.path)
        self._landmarks = (
            Model(POSE_LANDMARKS.path)
            if landmark_model is None
            else given_model(landmark_model, POSE_SHAPES, "MediaPipe's pose_landmark_heavy.tflite")
        )

    def estimate(self, picture: NDArray[np.uint8], region: Region | None = None) -> Pose | None:
        """Estimate the pose in a BGR picture [H, W, 3]; ``None`` if there is nobody.

        Args:
            picture: to look at.
            region: where the person is, such as the ``next_region`` of the frame before; by default they are searched.
        """
        if region is None:
            region = next(iter(self.find_people(picture, 1)), None)
        if region is None or region.side < 1.0:
            return None
        crop = region.crop(picture, INPUT, cv2.BORDER_REPLICATE)[..., ::-1]
        points, presence, mask, heatmap, world = self._landmarks(crop.astype(np.float32) / 255.0)
        if presence.item() < self.config.min_presence:
            return None
        decoded = points.reshape(-1, 5)
        places = region.to_picture(
            refine_with_heatmap(decoded[:, :2] / np.float32(INPUT), heatmap[0]).astype(np.float64)
        )
        body = slice(NUM_LANDMARKS)
        depth = decoded[body, 2] * (region.side / INPUT)
        positions = world.reshape(-1, 3)[body].copy()
        positions[:, :2] = positions[:, :2] @ region.rotation.T
        return Pose(
            np.column_stack([places[body], depth, sigmoid(decoded[body, 3])]).astype(np.float32),
            positions.astype(np.float32),
            sigmoid(mask[0, ..., 0]),
            region,
            Region.of_person(places[NUM_LANDMARKS], places[NUM_LANDMARKS + 1]),
        )

    def find_people(self, picture: NDArray[np.uint8], most: int) -> list[Region]:
        """Return regions around up to ``most`` people in a BGR picture [H, W, 3], the most certain first."""
        whole = Region.around(*picture.shape[:2])
        crop = whole.crop(picture, ssd.PERSON.side, cv2.BORDER_CONSTANT)[..., ::-1]
        boxes, logits = self._detector(crop.astype(np.float32) / 127.5 - 1.0)
        config = self.config
        found = ssd.all_detections(boxes[0], logits[0, :, 0], config.min_detection, config.min_overlap, most)
        return [Region.of_person(*whole.to_picture(points[:2])) for points in found]
