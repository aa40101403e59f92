"""The camera's motion by the scene around a person."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from fit_avatar.capture.camera_motion import CameraMotion, find_camera_motion, standing_still
from fit_avatar.capture.rotation_averaging import Edge, average_rotations
from fit_avatar.capture.types import Camera

CAMERA = Camera(500.0, 500.0, 180.0, 135.0, 360, 270)
PER_RAD = 500.0


def speckle(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Return a texture with coarse and fine grain that closes at its sides."""
    rng, total = np.random.default_rng(seed), np.zeros((height, width), np.float32)
    for size, strength in ((8, 45.0), (20, 35.0), (60, 25.0)):
        cells = rng.normal(0, strength, (height // size, width // size)).astype(np.float32)
        cells = np.concatenate([cells, cells[:, :1]], 1)
        total += cv2.resize(cells, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(128 + total, 0, 255).astype(np.uint8)


PANORAMA = speckle(1571, 3142)


def rays() -> np.ndarray:
    v, u = np.mgrid[: CAMERA.height, : CAMERA.width] + 0.5
    return np.stack([(u - CAMERA.cx) / CAMERA.fx, (v - CAMERA.cy) / CAMERA.fy, np.ones_like(u)], -1)


def far_view(turn: np.ndarray) -> np.ndarray:
    """Return the panorama as a camera sees it; ``turn``: from its axes to the world's."""
    x, y, z = np.moveaxis(rays() @ turn.T, -1, 0)
    column = (np.arctan2(x, z) * PER_RAD) % PANORAMA.shape[1]
    row = np.arctan2(y, np.hypot(x, z)) * PER_RAD + PANORAMA.shape[0] / 2
    return cv2.remap(
        PANORAMA, column.astype(np.float32), row.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP
    )


def room_view(turn: np.ndarray, place: np.ndarray, half: float = 5.0) -> np.ndarray:
    """Return the walls, the floor and the ceiling of a room as a camera at a place in it sees them."""
    way = rays() @ turn.T
    reach = np.array([half, 1.4, half])
    to_wall = (np.sign(way) * reach - place) / np.where(np.abs(way) < 1e-9, 1e-9, way)
    side = to_wall.argmin(-1)
    hit = place + way * to_wall.min(-1)[..., None]
    picture = np.zeros(side.shape, np.uint8)
    for axis, (first, second) in enumerate(((2, 1), (0, 2), (0, 1))):
        column, row = ((hit[..., k] + 6) * 90 + 50 * axis for k in (first, second))
        seen = cv2.remap(PANORAMA, column.astype(np.float32), row.astype(np.float32), cv2.INTER_LINEAR)
        picture = np.where(side == axis, seen, picture)
    return picture


def person(t: int) -> np.ndarray:
    mask = np.zeros((CAMERA.height, CAMERA.width), bool)
    mask[40:250, 140 + t % 5 : 210 + t % 7] = True
    return mask


def found(views: list[np.ndarray], asked: str = "auto") -> CameraMotion:
    return find_camera_motion(with_person(views), CAMERA, asked)  # type: ignore[arg-type]


def with_person(views: list[np.ndarray]) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """Return pictures with a striped person before them, who moves otherwise than the scene."""
    stripes = np.uint8(60 * (np.arange(CAMERA.height) // 7 % 4))[:, None]
    return [(3 * t, np.where(person(t), stripes, view), person(t)) for t, view in enumerate(views)]


def errors_deg(motion: CameraMotion, turns: Rotation) -> np.ndarray:
    """Return the angles between found and true rotations relative to the first frame."""
    wanted = turns[0].inv() * turns
    return np.degrees((wanted.inv() * Rotation.from_matrix(motion.world_from_camera)).magnitude())


def test_a_camera_that_stands_still_is_static() -> None:
    rng, view = np.random.default_rng(0), far_view(np.eye(3)).astype(float)
    views = [np.clip(view + rng.normal(0, 3, view.shape), 0, 255).astype(np.uint8) for _ in range(12)]
    motion = found(views)
    assert motion.mode == "static" and not motion.moves and motion.notes == () and motion.confidence > 0.9
    assert (motion.world_from_camera == np.eye(3)).all()


def test_a_few_frames_show_that_the_camera_stands_still() -> None:
    view, plain = far_view(np.eye(3)), np.full((CAMERA.height, CAMERA.width), 120, np.uint8)
    motion = standing_still(with_person([view] * 30), CAMERA)
    assert motion is not None and motion.told and not motion.moves
    assert len(motion.frame_indices) == 24 and motion.frame_indices[[0, -1]].tolist() == [0, 87]
    assert standing_still(with_person([view] * 24), CAMERA) is None  # it is no shorter to look at a few
    assert standing_still(with_person([view] * 20 + [plain] * 4 + [view] * 6), CAMERA) is None
    turns = Rotation.from_euler("y", np.linspace(0, 10, 30), degrees=True).as_matrix()
    assert standing_still(with_person([far_view(turn) for turn in turns]), CAMERA) is None


def test_the_shake_of_a_hand_is_measured() -> None:
    turns = Rotation.from_rotvec(np.radians(np.random.default_rng(1).normal(0, 0.8, (24, 3))))
    motion = found([far_view(turn) for turn in turns.as_matrix()])
    assert motion.mode == "handheld" and "shook" in motion.notes[0] and motion.confidence > 0.8
    assert errors_deg(motion, turns).max() < 0.1


def test_a_pan_there_and_back_does_not_drift() -> None:
    angle = 30 * np.sin(np.linspace(0, 2 * np.pi, 41))
    turns = Rotation.from_euler("y", angle, degrees=True)
    motion = found([far_view(turn) for turn in turns.as_matrix()])
    assert motion.mode == "pan"
    assert errors_deg(motion, turns).max() < 0.1


@pytest.mark.parametrize("asked", ["auto", "orbit"])
def test_a_walk_around_the_person_is_an_orbit(asked: str) -> None:
    turns = Rotation.from_euler("y", np.linspace(0, -360, 61), degrees=True)
    views = [room_view(turn, turn @ np.array([0, 0, -2.5])) for turn in turns.as_matrix()]
    motion = found(views, asked)
    assert motion.mode == "orbit"
    assert errors_deg(motion, turns).max() < 1.0


def test_rotations_between_known_frames_are_interpolated() -> None:
    turns = Rotation.from_euler("y", [0.0, 3.0, 6.0], degrees=True)
    motion = CameraMotion("pan", np.array([0, 3, 6]), turns.as_matrix(), 1.0)
    between = Rotation.from_matrix(motion.rotations_at(np.array([1, 5, 9])))
    assert np.allclose(np.degrees(between.as_rotvec()[:, 1]), [1, 5, 6])


def test_averaging_closes_a_loop() -> None:
    rng = np.random.default_rng(3)
    turns = Rotation.from_euler("y", np.arange(0, 360, 10), degrees=True)
    pairs = [(t, (t + 1) % 36) for t in range(36)]
    noise = Rotation.from_rotvec(np.radians(rng.normal(0, 0.05, (36, 3))) + np.radians([0, 0.05, 0]))
    edges = [
        Edge(a, b, (each * turns[b].inv() * turns[a]).as_matrix(), 1.0)
        for (a, b), each in zip(pairs, noise, strict=True)
    ]
    start = [np.eye(3)]
    for edge in edges[:-1]:
        start.append(start[-1] @ edge.rotation.T)
    averaged = Rotation.from_matrix(average_rotations(np.stack(start), edges))
    chained = np.degrees((turns.inv() * Rotation.from_matrix(np.stack(start))).magnitude()).max()
    assert np.degrees((turns.inv() * averaged).magnitude()).max() < 0.6 * chained


@pytest.mark.parametrize(("asked", "mode"), [("auto", "static"), ("handheld", "handheld")])
def test_a_scene_without_structure_tells_nothing_and_that_is_said(asked: str, mode: str) -> None:
    motion = found([np.full((CAMERA.height, CAMERA.width), 120, np.uint8)] * 8, asked)
    assert motion.mode == mode and not motion.told and motion.confidence == 0
    assert "too little structure" in motion.notes[0] and ("--camera-motion" in motion.notes[0]) == (asked == "auto")


def test_who_says_that_the_camera_stands_still_is_believed() -> None:
    motion = found([np.full((CAMERA.height, CAMERA.width), 120, np.uint8)] * 8, "static")
    assert motion.told and motion.notes == ()


@pytest.mark.parametrize(("every", "told"), [(3, True), (1, False)])
def test_a_camera_that_stands_still_where_something_is_seen_stands_still(every: int, told: bool) -> None:
    plain, view = np.full((CAMERA.height, CAMERA.width), 120, np.uint8), far_view(np.eye(3))
    motion = found([view if t % 6 < 2 * every - 2 else plain for t in range(24)])
    assert motion.mode == "static" and motion.told == told


def test_a_shadow_before_a_plain_wall_is_no_camera() -> None:
    shade = speckle(120, 120)[:60, :60]
    views = []
    for t in range(12):
        view = np.full((CAMERA.height, CAMERA.width), 120, np.uint8)
        view[60:120, 20 + 4 * t : 80 + 4 * t] = shade
        views.append(view)
    motion = found(views)
    assert motion.mode == "static" and not motion.told


def test_a_gap_in_the_motion_is_said() -> None:
    turns = Rotation.from_euler("y", [0.0, 3.0, 6.0], degrees=True).as_matrix()
    whole, lost = (CameraMotion("pan", np.arange(3), turns, 1.0, gaps=gaps) for gaps in (0, 2))
    assert len(whole.notes) == 1 and "between 2 pairs of frames" in lost.notes[1]
