"""The person's keypoints in every frame of a clip, also in those that are not fitted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.alignment import align
from fit_avatar.capture.blazepose import PoseEstimator, Region
from fit_avatar.capture.camera import undistort_points
from fit_avatar.capture.cast import Cast
from fit_avatar.capture.config import DEFAULT_CAPTURE, CaptureConfig
from fit_avatar.capture.detectors import make_detector
from fit_avatar.capture.frames import open_frames
from fit_avatar.capture.given_parts import without_bodies
from fit_avatar.capture.keypoints import load_keypoints
from fit_avatar.capture.mediapipe_pose import to_body_25
from fit_avatar.capture.moves import Move, moved_points
from fit_avatar.capture.person import MIN_CONFIDENCE, track_person
from fit_avatar.capture.points import BODY, People, Points
from fit_avatar.capture.track import Track
from fit_avatar.capture.types import Camera, Capture, Image, Progress
from fit_avatar.capture.video import frame_times, read_frames
from fit_avatar.capture.working_size import working_camera, working_size

Find = Callable[[Path, Sequence[int], Callable[[int], None]], Mapping[int, Points]]
"""Finds the person in some frames of a video, in the pixels of the capture before the lens distortion is undone; told
how many are done."""
Place = Callable[[int, Points], Points]
"""Takes points [..., 3] of a frame of the video to the size and the place that pictures of the capture have."""
SAME_PX = 1.0
"""Given keypoints that are read a second time must be those of the capture, up to so many pixels in the median; the
capture may have corrected them in ways that are unknown here. Chosen by hand."""
LEAST_STEP_S = 1e-6
"""Frames that have the same time are this far apart, so that times ascend."""


@dataclass(frozen=True)
class EveryFrame:
    """What the N frames of a clip show of the person, whether they are fitted or not."""

    times_s: NDArray[np.float64]
    """Time of each frame since the first one, in seconds, ascending. [N]"""
    keypoints: NDArray[np.float32]
    """BODY_25 (u, v, confidence) in the pixels of the capture; confidence 0 where nobody was found. [N, 25, 3]"""
    warnings: tuple[str, ...] = ()
    """Sentences for the user."""


def observe_every_frame(
    video: Path,
    capture: Capture,
    *,
    camera: Camera,
    keypoints: Path | None = None,
    detector: str = "mediapipe",
    pose_model: Path | None = None,
    fps: float | None = None,
    progress: Progress | None = None,
    config: CaptureConfig = DEFAULT_CAPTURE,
) -> EveryFrame:
    """Find the person in the frames of a clip that a capture does not use.

    Args:
        video: the clip.
        capture: what :func:`fit_avatar.capture.observe` found in some of its frames; those keep their keypoints.
        camera: of the clip; its lens distortion is undone.
        keypoints: given instead of a detector's.
        detector: ``mediapipe``, which follows the person from frame to frame, ``openpose`` or ``rtmlib``.
        pose_model: this and the frame rate as for :func:`fit_avatar.capture.observe`.
        fps: of the clip.
        progress: called with (step, done, total).
        config: settings of the algorithms.

    Raises:
        BadInputError: a file cannot be used.
        MissingDependencyError: the detector is not installed.
    """
    used, place = capture.frame_indices, _placing(capture, camera)
    used_camera = working_camera(camera)[0]
    times = _ascending(frame_times(video, fps), int(used[-1]) + 1, capture.fps)
    others = np.setdiff1d(np.arange(len(times)), used).tolist()
    points = np.zeros((len(times), *capture.keypoints.shape[1:]), np.float32)
    found: Mapping[int, Points] | None = {}
    people = None
    if others and keypoints is not None:
        people = load_keypoints(keypoints, len(times), (camera.width, camera.height), open_frames(video).names)
    if others and keypoints is None and capture.people is not None:
        found = _told_apart(capture, capture.people)
    elif people is not None and keypoints is not None and not without_bodies(people):
        found = _given(capture, camera, place, people, times, keypoints, config)
    elif others:
        report: Progress = progress or (lambda step, done, total: None)
        built_in = detector == "mediapipe" or keypoints is not None
        find = _follow_person(pose_model, place) if built_in else _find_among_people(capture, detector, place)
        found = find(video, others, lambda done: report("Finding the person in every frame", done, len(others)))
    warnings: tuple[str, ...] = ()
    if found is None:
        assert keypoints is not None
        warnings = (
            f"The keypoints in {keypoints.name} could not be used between the fitted frames, where poses are "
            "interpolated.",
        )
    for index in set(others) & set(found or {}):
        points[index] = undistort_points((found or {})[index][BODY], used_camera)
    points[used] = capture.keypoints
    return EveryFrame(times, points, warnings)


def _ascending(times_s: NDArray[np.float64], least: int, fps: float) -> NDArray[np.float64]:
    """Return times that ascend, for at least so many frames."""
    missing = max(least - len(times_s), 0)
    last = times_s[-1] if len(times_s) else -1.0 / fps
    whole = np.concatenate([times_s, last + np.arange(1, missing + 1) / fps])
    steps = np.arange(len(whole)) * LEAST_STEP_S
    return np.asarray(np.maximum.accumulate(whole - steps) + steps, np.float64)


def _placing(capture: Capture, camera: Camera) -> Place:
    """Return what takes points of any frame to where they would be in the capture.

    A camera that was bumped stands still before and after, so that a frame moves as the nearest fitted one does.
    """
    size = working_size(camera.width, camera.height)
    scale = np.array([size[0] / camera.width, size[1] / camera.height, 1.0], np.float32)

    def place(index: int, points: Points) -> Points:
        return moved_points(points.reshape(-1, 3) * scale, _move(capture, index)).reshape(points.shape)

    return place


def _move(capture: Capture, index: int) -> Move | None:
    """Return how a frame is moved: as the nearest fitted one."""
    moves = capture.steadying
    return None if moves is None else moves[int(np.abs(capture.frame_indices - index).argmin())]


def _told_apart(capture: Capture, people: Cast) -> dict[int, Points]:
    """Return where the capture's person is in all frames, among those who were told apart."""
    return {index: moved_points(points, _move(capture, index)) for index, points in people.person().items()}


def _follow_person(pose_model: Path | None, place: Place) -> Find:
    """Return what finds the default detector's points in some frames, each searched where the one before suggests.

    That takes about half as long as a search in every frame, and makes no mask.
    """

    def find(video: Path, indices: Sequence[int], advance: Callable[[int], None]) -> dict[int, Points]:
        found: dict[int, Points] = {}
        estimator = PoseEstimator(landmark_model=pose_model)
        region: Region | None = None
        for done, (index, frame) in enumerate(_ahead(read_frames(video, indices))):
            pose = estimator.estimate(frame, region)
            if pose is None and region is not None:  # lost
                pose = estimator.estimate(frame)
            region = None if pose is None else pose.next_region
            if pose is not None:
                height, width = frame.shape[:2]
                found[index] = place(index, to_body_25(pose.landmarks, width, height))
            advance(done + 1)
        return found

    return find


def _ahead(frames: Iterator[tuple[int, Image]]) -> Iterator[tuple[int, Image]]:
    """Yield the same, while a thread decodes the next frame."""
    with ThreadPoolExecutor(1) as worker:
        following = worker.submit(next, frames, None)
        while (item := following.result()) is not None:
            following = worker.submit(next, frames, None)
            yield item


def _find_among_people(capture: Capture, detector: str, place: Place) -> Find:
    """Return what finds, by another detector, the person who moves from fitted frame to fitted frame."""
    used = dict(zip(capture.frame_indices.tolist(), capture.keypoints[:, None], strict=True))

    def find(video: Path, indices: Sequence[int], advance: Callable[[int], None]) -> dict[int, Points]:
        people: dict[int, NDArray[np.float32]] = {}
        with make_detector(detector) as opened:
            for done, (index, frame) in enumerate(read_frames(video, indices)):
                people[index] = place(index, opened.detect(frame)[:, BODY])
                advance(done + 1)
        return track_person(people | used, sorted({*people, *used}))

    return find


def _given(
    capture: Capture,
    camera: Camera,
    place: Place,
    people: Mapping[int, People],
    times_s: NDArray[np.float64],
    path: Path,
    config: CaptureConfig,
) -> dict[int, Points] | None:
    """Return the person in given keypoints. Frame index → points; None if they are not the capture's"""
    if capture.people is not None:
        track = Track.of_person(_told_apart(capture, capture.people), times_s, config)
    else:
        timed = {index: place(index, everybody) for index, everybody in people.items() if index < len(times_s)}
        track = Track.of(timed, times_s, config)
    used = dict(zip(capture.frame_indices.tolist(), capture.masks, strict=True))
    points = {index: track.points[index] for index in used if index in track.points}
    change = align(points, used, working_size(camera.width, camera.height), str(path))
    if change is not None:
        track = track.changed(change.apply)
    return track.points if _same(track, capture, working_camera(camera)[0]) else None


def _same(track: Track, capture: Capture, camera: Camera) -> bool:
    """Return whether points are those of the capture in its frames."""
    distances = [
        np.linalg.norm(undistort_points(track.points[index][BODY], camera)[seen, :2] - body[seen, :2], axis=1)
        for index, body in zip(capture.frame_indices.tolist(), capture.keypoints, strict=True)
        if index in track.points and (seen := body[:, 2] > MIN_CONFIDENCE).any()
    ]
    return bool(distances) and float(np.median(np.concatenate(distances))) <= SAME_PX
