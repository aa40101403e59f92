"""How the camera moved while it filmed, by the scene around the person.

The scene's corners are followed from frame to frame, and from key frames so that errors do not add up; see
:mod:`~fit_avatar.capture.corners`, :mod:`~fit_avatar.capture.two_views` and
:mod:`~fit_avatar.capture.rotation_averaging`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.camera_path import CameraMotion, Mode, angle_deg, extent_deg, mean_turn
from fit_avatar.capture.corners import WINDOW_PX, Grey, Places, Scene, error_ratio, find_corners, follow_from
from fit_avatar.capture.rotation_averaging import Edge, average_rotations
from fit_avatar.capture.two_views import TwoViews, compare_views
from fit_avatar.capture.types import Camera, Mask

FloatArray = NDArray[np.float64]
Asked = Literal["auto", "static", "handheld", "orbit"]


@dataclass(frozen=True)
class CameraMotionConfig:
    """Settings of the search for the camera's motion. Lengths are fractions of the picture's longer side."""

    glance: int = 24
    """Frames, evenly over the clip, that show alone that the camera stands still, if it is known between all of them:
    the frames between are then not looked at. Chosen on benchmark clips: 16 do for those."""
    margin: float = 0.02
    """Corners are this far from the person, as in :class:`~fit_avatar.capture.steady.SteadyConfig`. Chosen by hand."""
    corners: int = 300
    """Corners that are followed, at most. Chosen by hand."""
    min_corners: int = 20
    """With fewer that are found again, nothing is known of a pair of frames. Chosen by hand."""
    min_spread: float = 0.1
    """… nor with corners whose standard deviation, across and down, is less than this: they are all of one thing, such
    as the person's shadow, as in ``SteadyConfig``. Chosen by hand."""
    back: float = 0.001
    """Corners that do not come back to within this when they are followed back are lost … Chosen by hand."""
    sigma: float = 0.0004
    """Standard deviation of a corner's place. Following still corners errs by a fraction of a pixel. Chosen by hand."""
    min_explained: float = 0.35
    """If a smaller fraction of the corners agrees on a motion, it is not believed. Chosen by hand."""
    key_deg: float = 6.0
    """Angle from the nearest key frame from which on a frame is one. Chosen by hand."""
    key_reach_deg: float = 25.0
    """Frames are compared with key frames up to this angle. Chosen by hand."""
    still: float = 0.0015
    """A picture whose corners move less than this stands still, as in ``SteadyConfig.min_step``. Chosen by hand."""
    max_error_ratio: float = 4.0
    """A motion is not believed if moving the scene of one picture by it leaves more than this many times the difference
    to the other. With corners of shadows before a plain wall it is nine times the difference and more; with parallax,
    which a homography does not undo, it was above 1.5 in some steps and below 4 in all. Chosen on benchmark clips."""
    few_moving: float = 0.03
    """A camera that is away from its usual direction in at most this fraction of the frames stands still. Chosen by
    hand."""
    max_shake_deg: float = 6.0
    """A camera that turns no further than this from its mean direction shakes in a hand; more is a pan. Chosen by
    hand."""
    min_orbit_deg: float = 40.0
    """A camera whose pictures show parallax and that turns by more than this goes around the person. Chosen by hand."""
    min_parallax: float = 0.5
    """For that so large a fraction of the pairs of frames must show parallax. Chosen by hand."""
    min_known: float = 0.8
    """If a smaller fraction of the pairs of neighbouring frames is known, the scene does not tell the motion …
    Chosen by hand."""
    min_still: float = 0.4
    """… and with so large a fraction, if all of these stand still, it does. Chosen by hand: before a plain wall with a
    floor, rendered people hide the corners in half of the frames."""


DEFAULT_CAMERA_MOTION = CameraMotionConfig()


def find_camera_motion(
    pictures: Iterable[tuple[int, Grey, Mask]],
    camera: Camera,
    asked: Asked = "auto",
    config: CameraMotionConfig = DEFAULT_CAMERA_MOTION,
) -> CameraMotion:
    """Find how the camera turned, and what kind of motion that is.

    Args:
        pictures: index, small grey picture [h, w], and where the person is [h', w'], of frames in temporal order.
        camera: of the pictures at any size, with their lens distortion.
        asked: the kind, where the user says it.
        config: settings.

    Returns:
        The motion; rotations are the identity where the camera stands still, or where nothing is known of it.
    """
    if asked == "static":
        indices = np.array([index for index, _, _ in pictures], np.int64)
        return CameraMotion("static", indices, np.broadcast_to(np.eye(3), (len(indices), 3, 3)).copy(), 1.0)
    parallax = True if asked == "orbit" else None if asked == "auto" else False
    graph = _Graph(camera, config, parallax)
    for index, grey, person in pictures:
        graph.add(index, Scene.of(grey, person, config.margin, WINDOW_PX // 2))
    turns = average_rotations(np.stack(graph.turns), graph.edges)
    indices = np.array(graph.indices, np.int64)
    known = graph.steps
    confidence = float(np.median([step.explained for step in known])) if known else 0.0
    confidence *= len(known) / max(len(indices) - 1, 1)
    mode = _mode(turns, graph, asked)
    least = config.min_still if mode == "static" else config.min_known
    told = len(known) >= least * (len(indices) - 1)
    if asked == "auto" and not told:
        mode = "static"
    if mode == "static":
        turns = np.broadcast_to(np.eye(3), turns.shape).copy()
    return CameraMotion(mode, indices, turns, confidence, told, len(indices) - 1 - len(known))


def standing_still(
    pictures: Sequence[tuple[int, Grey, Mask]], camera: Camera, config: CameraMotionConfig = DEFAULT_CAMERA_MOTION
) -> CameraMotion | None:
    """Return that the camera stands still, if a few frames show it; None if all have to be compared.

    Args:
        pictures: as for :func:`find_camera_motion`.
        camera: of the pictures.
        config: settings.
    """
    if len(pictures) <= config.glance:
        return None
    few = np.linspace(0, len(pictures) - 1, config.glance).round().astype(int)
    motion = find_camera_motion([pictures[k] for k in few], camera, "auto", config)
    return None if motion.moves or motion.gaps else motion


class _Graph:
    """Frames, and the rotations that were measured between them."""

    def __init__(self, camera: Camera, config: CameraMotionConfig, parallax: bool | None) -> None:
        self.camera, self.config, self.parallax = camera, config, parallax
        self.indices: list[int] = []
        self.turns: list[FloatArray] = []  # to the first frame's axes, by the steps alone
        self.edges: list[Edge] = []
        self.steps: list[TwoViews] = []
        self.wide: list[TwoViews] = []
        self._keys: dict[int, Scene] = {}
        self._last: Scene | None = None
        self._flow = np.eye(3)

    def add(self, index: int, scene: Scene) -> None:
        """Add the next frame."""
        t, last = len(self.indices), self._last
        self.indices.append(index)
        self._last = scene
        if last is None:
            self.turns.append(np.eye(3))
            self._keys[t] = scene
            return
        self.camera = self.camera.fitted_to(*scene.grey.shape[1::-1])
        step = self._step(t, last, scene)
        self.turns.append(self.turns[-1] if step is None else self.turns[-1] @ step.rotation.T)
        self._compare_with_key(t, scene)

    def _step(self, t: int, last: Scene, scene: Scene) -> TwoViews | None:
        """Compare a frame with the one before it; the last step's flow is where corners are looked for first."""
        found = self._compare(last, scene, self._flow, 2) or self._compare(last, scene, np.eye(3), 4)
        if found is None:
            self._flow = np.eye(3)
            return None
        views, at, to = found
        flow = cv2.findHomography(at, to, cv2.RANSAC, 3.0)[0] if len(at) >= 4 else None
        self._flow = np.eye(3) if flow is None else np.asarray(flow, np.float64)
        self.steps.append(views)
        self.edges.append(Edge(t - 1, t, views.rotation, views.explained * views.count))
        return views

    def _compare_with_key(self, t: int, scene: Scene) -> None:
        """Compare a frame with the key frame of the nearest direction, and make it one if that is far."""
        angles = {key: angle_deg(self.turns[key].T @ self.turns[t]) for key in self._keys if key < t - 1}
        nearest = min([*angles.values(), angle_deg(self.turns[max(self._keys)].T @ self.turns[t])])
        found = None
        if angles and min(angles.values()) < self.config.key_reach_deg:
            key = min(angles, key=lambda k: angles[k])
            matrix = self.camera.intrinsics
            guess = matrix @ self.turns[t].T @ self.turns[key] @ np.linalg.inv(matrix)
            found = self._compare(self._keys[key], scene, guess, 3)
            if found is not None:
                self.wide.append(found[0])
                self.edges.append(Edge(key, t, found[0].rotation, found[0].explained * found[0].count))
                # later guesses start from here, so that they do not drift
                self.turns[t] = self.turns[key] @ found[0].rotation.T
        if nearest > self.config.key_deg:
            self._keys[t] = scene

    def _compare(self, a: Scene, b: Scene, guess: FloatArray, levels: int) -> tuple[TwoViews, Places, Places] | None:
        """Follow corners there and back; return the motion with the corners in both, or None if too few agree."""
        config, size = self.config, max(a.grey.shape)
        at = find_corners(a, a.free, config.corners)
        expected = cv2.perspectiveTransform(at[None], guess)[0] if len(at) else at
        inside = np.asarray(((expected > 0) & (expected < a.grey.shape[1::-1])).all(1))
        at, expected = at[inside], expected[inside]
        to, there = follow_from(a, b, at, expected, levels)
        back, again = follow_from(b, a, to, at, levels)
        off = np.linalg.norm(back - at, axis=1)
        good = there & again & (off < max(config.back * size, 0.5)) & _on(b, to)
        if good.sum() < config.min_corners or at[good].std(axis=0).max() < config.min_spread * size:
            return None
        at, to = at[good], to[good]
        sigma = max(config.sigma * size, 0.25) / self.camera.fx
        views = compare_views(self._undistorted(at), self._undistorted(to), sigma, self.parallax)
        if views.explained < config.min_explained:
            return None
        if not self._is_of_the_scene(a, b, at, to):
            return replace(views, rotation=np.eye(3), parallax=False, way=None), at, at
        return views, at, to

    def _is_of_the_scene(self, a: Scene, b: Scene, at: Places, to: Places) -> bool:
        """Return whether the whole scene moved as corners did."""
        move = cv2.findHomography(at, to, cv2.RANSAC, 3.0)[0]
        return move is not None and error_ratio(a, b, np.asarray(move, np.float64)) < self.config.max_error_ratio

    def _undistorted(self, places: Places) -> FloatArray:
        """Return places as points at depth 1. [N, 2]"""
        points = cv2.undistortPoints(
            places.astype(np.float64)[:, None], self.camera.intrinsics, np.array(self.camera.k, np.float64)
        )
        return np.asarray(points, np.float64).reshape(-1, 2)


def _on(scene: Scene, places: Places) -> Mask:
    """Return which places are in a picture, and not on the person. [N]"""
    height, width = scene.grey.shape
    inside = np.asarray(((places >= 0) & (places < (width, height))).all(1))
    column, row = np.where(inside[:, None], places, 0).astype(int).T
    return np.asarray(inside & (scene.free[row, column] > 0))


def _mode(turns: FloatArray, graph: _Graph, asked: Asked) -> Mode:
    """Return the kind of motion that rotations and parallax speak for, or that was asked for."""
    config, count = graph.config, len(turns)
    if count < 2:
        return "static"
    extent = extent_deg(turns)
    if asked == "orbit":
        return "orbit"
    if asked == "handheld":
        return "handheld" if extent <= config.max_shake_deg else "pan"
    usual = mean_turn(turns)
    moved = np.array([_shift(usual.T @ turn, graph.camera) for turn in turns])
    if (moved > config.still).mean() <= config.few_moving:
        return "static"
    pairs = graph.wide or graph.steps
    near_and_far = np.mean([pair.parallax for pair in pairs])
    spread = max(angle_deg(turns[0].T @ turn) for turn in turns)
    if near_and_far > config.min_parallax and spread > config.min_orbit_deg:
        return "orbit"
    return "handheld" if extent <= config.max_shake_deg else "pan"


def _shift(turn: FloatArray, camera: Camera) -> float:
    """Return how far a turn moves the picture's corners in the mean, as a fraction of its longer side."""
    width, height = camera.width, camera.height
    corners = np.array([[[0, 0], [width, 0], [0, height], [width, height]]], np.float64)
    matrix = camera.intrinsics
    moved = cv2.perspectiveTransform(corners, matrix @ turn @ np.linalg.inv(matrix))
    return float(np.linalg.norm(moved - corners, axis=-1).mean() / max(width, height))
