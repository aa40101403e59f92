"""What the metric points get wrong alike in all clips is taken back, and nothing else is moved."""

from __future__ import annotations

import numpy as np

from fit_avatar.body.keypoint_sets import MEDIAPIPE_33
from fit_avatar.capture.limb_directions import LIMBS, limb_directions
from fit_avatar.capture.limb_errors import END_ON, end_on, facing, without_bias

PLACES = {
    "left_shoulder": (0.2, -0.5, 0), "right_shoulder": (-0.2, -0.5, 0), "left_hip": (0.1, 0, 0),
    "right_hip": (-0.1, 0, 0), "left_knee": (0.1, 0.4, 0), "right_knee": (-0.1, 0.4, 0), "left_ankle": (0.1, 0.8, 0),
    "right_ankle": (-0.1, 0.8, 0), "left_elbow": (0.25, -0.2, -0.1), "right_elbow": (-0.25, -0.2, -0.1),
    "left_wrist": (0.25, 0, -0.1), "right_wrist": (-0.25, 0, -0.1),
}  # fmt: skip
"""Of somebody who stands before the camera and looks at it."""
AWAY = np.diag([-1.0, 1.0, -1.0])


def standing(turn: np.ndarray | None = None, **changed: tuple[float, float, float]) -> np.ndarray:
    """Return two frames of metric points, all seen. [2, 33, 4]"""
    world = np.zeros((2, 33, 4), np.float32)
    for name, place in (PLACES | changed).items():
        world[:, MEDIAPIPE_33.index(name), :3] = place
    world[..., :3] = world[..., :3] @ (np.eye(3) if turn is None else turn).T
    world[..., 3] = 1
    return world


def both(world: np.ndarray):
    raw = limb_directions(world)
    return raw, without_bias(raw, world)


def place(limb: str) -> int:
    return list(LIMBS).index(limb)


def test_the_chest_faces_the_camera_or_away_from_it() -> None:
    assert np.allclose(facing(standing()), [0, 0, -1], atol=1e-6)
    assert np.allclose(facing(standing(AWAY)), [0, 0, 1], atol=1e-6)
    hidden = standing()
    hidden[1, MEDIAPIPE_33.index("left_hip"), 3] = 0
    assert np.allclose(facing(hidden), [[0, 0, -1], [0, 0, 0]], atol=1e-6)


def test_thighs_lean_forward_wherever_the_person_faces() -> None:
    for turn, ahead in ((None, -1), (AWAY, 1)):
        _, better = both(standing(turn))
        for limb in ("left_hip-left_knee", "right_hip-right_knee"):
            assert np.allclose(better.directions[:, place(limb), 2], ahead * 0.119, atol=0.002)
        assert np.allclose(np.linalg.norm(better.directions, axis=-1), 1, atol=1e-6)


def test_an_upper_arm_goes_back_only_behind_its_own_forearm() -> None:
    world = standing(left_wrist=(0.25, -0.2, -0.4))  # points to the camera
    raw, better = both(world)
    left, right = place("left_shoulder-left_elbow"), place("right_shoulder-right_elbow")
    assert (better.directions[:, left, 2] > raw.directions[:, left, 2] + 0.3).all()
    assert (better.sigma_rad[:, left] > raw.sigma_rad[:, left] * 1.5).all()
    assert np.allclose(better.directions[:, right], raw.directions[:, right], atol=1e-6)
    assert np.allclose(better.sigma_rad[:, right], raw.sigma_rad[:, right])
    away = standing(left_wrist=(0.25, -0.2, 0.4))
    raw, better = both(away)
    assert np.allclose(better.directions[:, left], raw.directions[:, left], atol=1e-6)


def test_the_other_limbs_are_as_they_were() -> None:
    raw, better = both(standing(left_wrist=(0.25, -0.2, -0.4)))
    moved = [k for k, limb in enumerate(LIMBS) if "knee" in limb.split("-")[1] or "elbow" in limb.split("-")[1]]
    kept = [k for k in range(len(LIMBS)) if k not in moved]
    assert np.allclose(better.directions[:, kept], raw.directions[:, kept], atol=1e-6)
    assert np.allclose(better.sigma_rad[:, kept], raw.sigma_rad[:, kept])


def test_what_is_unseen_stays_unseen() -> None:
    world = standing()
    world[1] = 0
    _, better = both(world)
    assert (better.directions[1] == 0).all() and np.isinf(better.sigma_rad[1]).all()


def test_the_change_is_gradual() -> None:
    share = end_on(np.linspace(-1, 1, 101))
    assert share[0] == 1 and share[-1] == 0 and (np.diff(share) <= 0).all() and np.abs(np.diff(share)).max() < 0.15
    assert end_on(-np.array(END_ON)).tolist() == [0, 1]
