"""Limbs in 3D beside given keypoints: the built-in pose model looks where the keypoints say that the person is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fit_avatar.body.keypoint_sets import BODY_25, MEDIAPIPE_33, MEDIAPIPE_33_MIRROR
from fit_avatar.capture.blazepose import PoseEstimator, Region
from fit_avatar.capture.blazepose.region import MARGIN
from fit_avatar.capture.limb_directions import limb_directions
from fit_avatar.capture.mediapipe_pose import Detection
from fit_avatar.capture.person import MIN_CONFIDENCE, body_size, is_person
from fit_avatar.capture.point_sets import WORLD, PointSets
from fit_avatar.capture.points import BODY, MID_HIP, NECK, Points
from fit_avatar.capture.types import Capture, Image
from fit_avatar.errors import MissingDependencyError

_ARMS, _LEGS = range(11, 23), range(23, 33)
"""Where they are among MediaPipe's points."""
_SHARED = {k: BODY_25.index(name) for k, name in enumerate(MEDIAPIPE_33) if name in BODY_25 and k in range(11, 29)}
"""MediaPipe's points of limbs that BODY_25 has, too: its index → BODY_25's."""

Seen = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Landmarks (u, v, depth, visibility) [33, 4], and metric points [33, 3]."""


@dataclass(frozen=True)
class GivenLimbsConfig:
    """Settings of the limbs' directions beside given keypoints. Body sizes are as :func:`body_size` measures them."""

    reach: float = 0.97
    """Radius of the circle around the person, about the hips, per distance of the farthest keypoint. Measured against
    the model's own circle on rendered people: 0.96 and 0.98."""
    torsos: float = 1.8
    """The circle's radius is at least this many lengths from hips to neck, so that unseen feet are inside. Chosen by
    hand, from an adult's proportions."""
    exchanged: float = 0.5
    """Arms or legs are exchanged if their counterparts are nearer to the keypoints than this fraction of their own
    distance. Chosen by hand."""
    max_distance: float = 0.06
    """A point farther from the given one, in body sizes, is not believed. Measured on a person who walks: of 2.7 %
    of directions more than 60° off, none is left, and 93 % of all directions are."""


DEFAULT_GIVEN_LIMBS = GivenLimbsConfig()


def known_limbs(
    points: Mapping[int, Points],
    detections: Mapping[int, Detection],
    config: GivenLimbsConfig = DEFAULT_GIVEN_LIMBS,
) -> PointSets:
    """Return what the built-in detector has found already, such as for the masks, where it agrees with the keypoints.

    Args:
        points: frame index → the person's keypoints, corrected, for all T frames. [25 or 137, 3]
        detections: frame index → what was found.
        config: settings.

    Returns:
        ``body_33``, in pixels of the frames as they are, and ``body_33_world``; nothing if it agrees nowhere.
    """
    return _sets([_known(detections.get(index), each[BODY], config) for index, each in points.items()])


def find_limbs(
    capture: Capture,
    pictures: Iterable[tuple[int, Image]],
    pose_model: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    config: GivenLimbsConfig = DEFAULT_GIVEN_LIMBS,
) -> Capture:
    """Run the pose model once in each frame, around the keypoints, and keep of it what agrees with them.

    Args:
        capture: without directions of limbs.
        pictures: its undistorted frames, in temporal order; in those that are left out nothing is seen.
        pose_model: taken instead of the package's model.
        progress: called with (done, total).
        config: settings.

    Returns:
        The capture with ``limb_directions`` and the sets ``body_33`` and ``body_33_world``; as it was if the models do
        not load, or agree with the keypoints nowhere.
    """
    try:
        estimator = PoseEstimator(landmark_model=pose_model)
    except MissingDependencyError:
        return capture  # they add to what is given: the run goes on without them
    place = {index: row for row, index in enumerate(capture.frame_indices.tolist())}
    seen: list[Seen | None] = [None] * len(place)
    for index, picture in pictures:
        row = place[index]
        seen[row] = _estimated(estimator, picture, capture.keypoints[row], config)
        if progress is not None:
            progress(row + 1, len(seen))
    sets = _sets(seen)
    if not sets:
        return capture
    return replace(capture, point_sets={**capture.point_sets, **sets}, limb_directions=limb_directions(sets[WORLD]))


def region_of(body: Points, config: GivenLimbsConfig = DEFAULT_GIVEN_LIMBS) -> Region | None:
    """Return where the pose model has to look for a person; ``None`` if too little of them is seen.

    Args:
        body: BODY_25 (u, v, confidence) in pixels. [25, 3]
        config: settings.
    """
    if not is_person(body):
        return None
    visible = body[body[:, 2] > MIN_CONFIDENCE, :2].astype(np.float64)
    if (body[[NECK, MID_HIP], 2] <= MIN_CONFIDENCE).any():
        return Region.enclosing(visible, np.array([0.0, -1.0]), MARGIN)
    hips, neck = body[[MID_HIP, NECK], :2].astype(np.float64)
    torso = max(float(np.linalg.norm(neck - hips)), 1e-6)
    radius = max(config.reach * float(np.linalg.norm(visible - hips, axis=1).max()), config.torsos * torso)
    return Region.of_person(hips, hips + (neck - hips) * (radius / torso))


def agreeing(
    landmarks: NDArray[np.float32], metres: NDArray[np.float32], body: Points, config: GivenLimbsConfig
) -> Seen:
    """Return landmarks [33, 4] and metric points [33, 3] with the keypoints' left and right.

    The visibility of points that are elsewhere than the keypoints [25, 3] is 0.
    """
    order, mirror = np.arange(len(MEDIAPIPE_33)), np.array(MEDIAPIPE_33_MIRROR)
    own, other = _distances(landmarks, body), _distances(landmarks[mirror], body)
    for group in (_ARMS, _LEGS):
        told = [k for k in group if np.isfinite(own[k])]
        if told and other[told].sum() < config.exchanged * own[told].sum():
            order[group] = mirror[group]
    landmarks, metres = landmarks[order], metres[order]
    far = _distances(landmarks, body) > config.max_distance * max(body_size(body), 1e-6)
    landmarks[far, 3] = 0.0
    return landmarks, metres


def _sets(seen: Sequence[Seen | None]) -> PointSets:
    """Return the sets of points of all frames; nothing if none has a confidence."""
    sets: PointSets = {
        "body_33": np.zeros((len(seen), len(MEDIAPIPE_33), 3), np.float32),
        WORLD: np.zeros((len(seen), len(MEDIAPIPE_33), 4), np.float32),
    }
    for row, each in enumerate(seen):
        if each is not None:
            landmarks, metres = each
            sets["body_33"][row] = landmarks[:, [0, 1, 3]]
            sets[WORLD][row] = np.column_stack([metres, landmarks[:, 3]])
    return sets if (sets[WORLD][..., 3] > 0).any() else {}


def _known(found: Detection | None, body: Points, config: GivenLimbsConfig) -> Seen | None:
    """Return what the detector has found already, if it is the same person."""
    if found is None or found.landmarks is None or found.world is None:
        return None
    landmarks, metres = agreeing(found.landmarks, found.world, body, config)
    shared = [k for k, point in _SHARED.items() if body[point, 2] > MIN_CONFIDENCE]
    return (landmarks, metres) if 2 * np.count_nonzero(landmarks[shared, 3] > 0) > len(shared) else None


def _estimated(estimator: PoseEstimator, picture: Image, body: Points, config: GivenLimbsConfig) -> Seen | None:
    region = region_of(body, config)
    pose = None if region is None else estimator.estimate(picture, region)
    return None if pose is None else agreeing(pose.landmarks, pose.world, body, config)


def _distances(landmarks: NDArray[np.float32], body: Points) -> NDArray[np.float64]:
    """Return how far each landmark is from the keypoint of the same name, in pixels; NaN where none is seen. [33]"""
    distances = np.full(len(MEDIAPIPE_33), np.nan)
    for k, point in _SHARED.items():
        if body[point, 2] > MIN_CONFIDENCE:
            distances[k] = np.linalg.norm(landmarks[k, :2] - body[point, :2])
    return distances
