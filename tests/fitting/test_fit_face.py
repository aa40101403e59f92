"""The face's features move in the state; nothing does where its points are unknown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from toy_body import toy_body, turning_state

from fit_avatar.capture.types import Camera, Capture
from fit_avatar.energies import Term, pose_deviation
from fit_avatar.fitting import FitState, Solve
from fit_avatar.fitting.actions import Context, FitFace
from fit_avatar.fitting.observations import Observations
from fit_avatar.solvers import ClipState, GaussNewton

FRAMES = 5


def context(body) -> Context:
    capture = Capture(
        frame_indices=np.arange(FRAMES), keypoints=np.zeros((FRAMES, 25, 3), np.float32),
        masks=np.zeros((FRAMES, 4, 4), bool), camera=Camera(10.0, 10.0, 2.0, 2.0, 4, 4),
        frame_weights=np.ones(FRAMES, np.float32), fps=30.0,
    )  # fmt: skip
    observations = Observations.of(capture, torch.device("cpu"))
    return Context(body, lambda: observations)


def test_without_points_of_the_face_the_state_stays():
    body = toy_body()
    state = FitState.upright(body, FRAMES)
    assert FitFace().run(state, context(body)) is state


def test_only_the_named_joints_of_a_solve_move():
    body = toy_body()
    state = FitState.upright(body, FRAMES)
    posed = turning_state(body, FRAMES)
    clip: ClipState = replace(state.clip, rotations=state.clip.rotations.clone(), transl=posed.transl)
    clip.rotations[0, 1:] = clip.rotations[0, 1:] @ torch.tensor([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1.0]])
    name = body.joint_names[2]
    solve = Solve("one", (Term(pose_deviation, 1.0),), ("body_pose",), GaussNewton(3), moving_joints=(name,))
    after = solve.run(replace(state, clip=clip), context(body)).clip.rotations
    moved = (after - clip.rotations).abs().amax((0, 2, 3)) > 1e-4
    assert moved.nonzero().flatten().tolist() == [2]
    assert f"only {name}" in str(solve)
