"""Motion without the camera's own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from fit_avatar.body import Motion, load_body, pose_body, rotation
from fit_avatar.body.state import BodyState
from fit_avatar.capture import Camera, Capture
from fit_avatar.capture.camera_path import CameraMotion
from fit_avatar.export.motion import root_motion
from fit_avatar.export.world import in_world

FRAMES = 9
BODY = load_body(2)


def seen_by(turns: Rotation, pivot: np.ndarray | None = None) -> BodyState:
    """Return a person who stands still, as a turning camera sees them; ``pivot``: what the camera goes around."""
    back = torch.as_tensor(turns.inv().as_matrix(), dtype=torch.float32)
    orient = rotation.log(back @ rotation.exp(torch.tensor([np.pi, 0.0, 0.0])))
    rest = BODY.joint_template[0]
    place = torch.tensor([0.1, 0.2, 3.0])
    pelvis = (
        torch.einsum("tij,j->ti", back, place) if pivot is None else torch.as_tensor(pivot).float().expand(FRAMES, 3)
    )
    pose = torch.zeros(FRAMES, len(BODY.joint_names) - 1, 3)
    return BodyState(torch.zeros(2), torch.zeros_like(BODY.template), orient, pose, pelvis - rest)


def capture(turns: Rotation, mode: str) -> Capture:
    nothing = np.zeros((FRAMES, 8, 8), bool)
    motion = CameraMotion(mode, np.arange(FRAMES), turns.as_matrix(), 1.0)  # type: ignore[arg-type]
    return Capture(
        np.arange(FRAMES), np.zeros((FRAMES, 25, 3), np.float32), nothing, Camera(9, 9, 4, 4, 8, 8),
        np.ones(FRAMES, np.float32), camera_motion=motion,
    )  # fmt: skip


def shake(state: BodyState) -> float:
    vertices = pose_body(BODY, state).vertices
    return float((vertices - vertices[0]).abs().max())


@pytest.mark.parametrize("mode", ["handheld", "pan"])
def test_a_shaking_camera_does_not_shake_the_motion(mode: str) -> None:
    turns = Rotation.from_rotvec(np.random.default_rng(0).normal(0, 0.05, (FRAMES, 3)))
    turns = turns[0].inv() * turns
    state, seen = seen_by(turns), capture(turns, mode)
    motion = Motion(np.arange(FRAMES), np.arange(FRAMES) / 30, state)
    assert shake(state) > 0.1
    assert shake(in_world(BODY, motion, seen).state) < 1e-4
    assert in_world(BODY, motion, replace(seen, camera_motion=None)) is motion


def test_a_person_who_was_walked_around_stands() -> None:
    turns = Rotation.from_euler("xy", np.column_stack([np.zeros(FRAMES), np.linspace(0, 320, FRAMES)]), degrees=True)
    state = seen_by(turns, np.array([0.0, 0.3, 2.5]))
    motion = in_world(BODY, Motion(np.arange(FRAMES), np.arange(FRAMES) / 30, state), capture(turns, "orbit"))
    assert shake(state) > 0.3 and shake(motion.state) < 1e-4
    assert np.ptp(root_motion(BODY, motion.state).pelvis, axis=0).max() < 1e-4
