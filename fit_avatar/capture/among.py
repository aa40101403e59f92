"""What the built-in detector finds of one person who is known to be among others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.blazepose import Pose, PoseEstimator
from fit_avatar.capture.blazepose.same_person import apart_from, same_pose, without
from fit_avatar.capture.given_limbs import region_of
from fit_avatar.capture.linking import apart
from fit_avatar.capture.mediapipe_pose import Detection, coarse_probability, to_body_25
from fit_avatar.capture.person import body_size
from fit_avatar.capture.points import BODY, Points
from fit_avatar.capture.types import PERSON_LEVEL, Image


@dataclass(frozen=True)
class AmongConfig:
    """Settings of the second look at a person among others."""

    max_distance: float = 0.12
    """If the pose that is found differs by more than this from the known one, on average and in body sizes, it is
    another person's, and the person counts as hidden. Chosen by hand."""
    min_overlap: float = 0.02
    """Whoever is in front or beside is painted over if they fill at least this fraction of the region around the
    person. Chosen by hand."""
    guessed: float = 0.03
    """Points that move so far, in body sizes, when whoever is in front is painted over in other colours keep 1/e of
    their confidence: the model guesses where they are. Measured on benchmarks/people_scenes.py: nine of ten points
    that are right move by less, every second one that is wrong by more, while the model is sure of both."""


DEFAULT_AMONG = AmongConfig()


def detect_among(
    estimator: PoseEstimator,
    frame: Image,
    own: Points,
    others: Sequence[tuple[Points, bool]],
    config: AmongConfig = DEFAULT_AMONG,
) -> Detection | None:
    """Look at one person again where they are known to be; where people overlap, the nearer one is seen.

    Args:
        estimator: of poses.
        frame: BGR. [H, W, 3]
        own: the person's points in its pixels. [25 or 137, 3]
        others: everybody else's points, and whether they are nearer to the camera than the person.
        config: settings.

    Returns:
        The person, with points and probability 0 where others hide them; ``None`` if they are not to be seen.
    """
    height, width = frame.shape[:2]
    near, far = (
        [pose for points, is_nearer in others if is_nearer == wanted and (pose := _pose(estimator, frame, points))]
        for wanted in (True, False)
    )
    in_front, beside = (
        [pose for pose in poses if _overlaps(pose, own, height, width, config)] for poses in (near, far)
    )
    pose = _seen(estimator, without(frame, in_front) if in_front else frame, own, beside)
    if pose is None:
        return None
    found = to_body_25(pose.landmarks, width, height)
    if apart(found, own[BODY], np.zeros(2, np.float32)) > config.max_distance:
        return None
    probability = coarse_probability(pose, height, width)
    hidden = _all(near, height, width, probability.shape)
    behind = np.where(probability > PERSON_LEVEL, np.uint8(0), _all(far, height, width, probability.shape))
    probability = np.minimum(probability, 255 - hidden) if in_front else probability
    landmarks = pose.landmarks.copy()
    if in_front:
        landmarks[_inside(hidden > PERSON_LEVEL, landmarks, width, height), 3] = 0.0
        other = _seen(estimator, without(frame, in_front, inverse=True), own, beside)
        landmarks[:, 3] *= _agreement(pose, other, config.guessed * body_size(own))
    everybody_else = np.maximum(hidden, behind)
    return Detection(
        to_body_25(landmarks, width, height), probability, pose.world, landmarks,
        everybody_else if others else None,
    )  # fmt: skip


def _seen(estimator: PoseEstimator, frame: Image, own: Points, beside: Sequence[Pose]) -> Pose | None:
    """Return the person in a picture without those in front, seen without those beside as well."""
    pose = _pose(estimator, frame, own)
    if pose is None:
        return None
    others = [other for other in beside if not same_pose(other, pose)]  # their limbs may be in it
    return (_pose(estimator, apart_from(frame, pose, others, behind=True), own) if others else None) or pose


def _agreement(pose: Pose, other: Pose | None, distance_px: float) -> NDArray[np.float32]:
    """Return how far two looks at a person agree on each point: 1/e where they are so far apart. [33]"""
    if other is None:
        return np.ones(len(pose.landmarks), np.float32)
    apart_px = np.linalg.norm(pose.landmarks[:, :2] - other.landmarks[:, :2], axis=1)
    return np.asarray(np.exp(-np.square(apart_px / max(distance_px, 1.0))), np.float32)


def _pose(estimator: PoseEstimator, frame: Image, points: Points) -> Pose | None:
    region = region_of(points[BODY])
    return None if region is None else estimator.estimate(frame, region)


def _overlaps(pose: Pose, own: Points, height: int, width: int, config: AmongConfig) -> bool:
    """Return whether somebody fills a noticeable part of the region around the person's points."""
    region = region_of(own[BODY])
    if region is None:
        return False
    probability = coarse_probability(pose, height, width)
    scale = probability.shape[1] / width
    x, y, reach = region.x * scale, region.y * scale, region.side * scale / 2
    part = probability[max(int(y - reach), 0) : int(y + reach), max(int(x - reach), 0) : int(x + reach)]
    return np.count_nonzero(part > PERSON_LEVEL) > config.min_overlap * (2 * reach) ** 2


def _all(poses: Sequence[Pose], height: int, width: int, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return the probability of any of some people. [h, w]"""
    seen = [coarse_probability(pose, height, width) for pose in poses]
    return np.asarray(np.maximum.reduce([np.zeros(shape, np.uint8), *seen]))


def _inside(mask: NDArray[np.bool_], points: NDArray[np.float32], width: int, height: int) -> NDArray[np.bool_]:
    """Return which points [N, 2 or more], in pixels of a picture of a size, are in a smaller mask of it [h, w]. [N]"""
    scale = np.array([mask.shape[1] / width, mask.shape[0] / height])
    x, y = np.floor(points[:, :2] * scale).astype(int).T
    within = (x >= 0) & (x < mask.shape[1]) & (y >= 0) & (y < mask.shape[0])
    return np.asarray(within & mask[y.clip(0, len(mask) - 1), x.clip(0, mask.shape[1] - 1)])
