"""People who turn around by small steps, as people do: one foot stands while the other one is set down anew.

Both stand flat on one floor, however the legs of the body that slides are bent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fit_avatar.body import Body, BodyState, rotation
from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.body.skinning import pose_points

SOLES = [[BODY_25.index(f"{side}_{name}") for name in ("big_toe", "small_toe", "heel")] for side in ("left", "right")]
LEGS = [f"{side}_{name}" for side in ("left", "right") for name in ("hip", "knee", "ankle")]
STEPS = 7
"""Of each foot, in a turn."""
SWING = 0.3
"""Part of the time between two steps of a foot in which it is in the air."""
LIFT_M = 0.04
"""How high it is lifted."""
SOLE_SIGMA_M, BEND_SIGMA_RAD, SHIFT_SIGMA_M = 0.001, 0.5, 0.02
"""How near the feet come to their places, and how far legs and pelvis depart from the body that slides."""
ITERATIONS = 200


@dataclass(frozen=True)
class Stepping:
    """A motion whose feet stand, and when they do."""

    state: BodyState
    stands: NDArray[np.bool_]  # [T, 2] of the left and of the right foot


def stepping(body: Body, state: BodyState, up: Tensor) -> Stepping:
    """Return a turn whose feet step around, made of one whose feet slide around.

    A standing foot is where the sliding one is in the middle of that time. Legs and the pelvis's place are fitted to it
    by L-BFGS; everything above moves as before. ``up``: away from the floor. [3]
    """
    slid = pose_points(body, state, body.keypoint_points)[:, SOLES]  # [T, 2, 3, 3]
    frames = len(slid)
    flat = _soles_at_rest(body, state)[..., 1]  # [2, 3]
    height = (slid @ up).mean() + flat - flat.mean()  # of toes and heels where both feet stand
    level = slid + (height - slid @ up)[..., None] * up
    aims, stands = level.clone(), np.ones((frames, 2), bool)
    for foot in range(2):
        for t in range(frames):
            phase = STEPS * t / frames - 0.5 * foot
            into = phase - np.floor(phase)
            before, after = (_middle(np.floor(phase) + k, foot, frames) for k in (-1, 0))
            way = min(into / SWING, 1.0)
            stands[t, foot] = way == 1.0 or way == 0.0
            ease = way * way * (3 - 2 * way)
            aims[t, foot] = (1 - ease) * level[before, foot] + ease * level[after, foot]
            aims[t, foot] += LIFT_M * np.sin(np.pi * way) * up
    return Stepping(_legs_fitted(body, state, aims), stands)


def _soles_at_rest(body: Body, state: BodyState) -> Tensor:
    """Return toes and heels of a body that stands upright with straight legs. [2, 3, 3]"""
    rest = replace(
        state,
        global_orient=torch.zeros_like(state.global_orient[:1]),
        body_pose=torch.zeros_like(state.body_pose[:1]),
        transl=torch.zeros_like(state.transl[:1]),
    )
    return pose_points(body, rest, body.keypoint_points)[0, SOLES]


def _middle(step: float, foot: int, frames: int) -> int:
    """Return the frame in the middle of the time for which a foot stands after a step."""
    return int(np.clip(round((step + 0.5 * foot + 0.5 * (1 + SWING)) * frames / STEPS), 0, frames - 1))


def _legs_fitted(body: Body, state: BodyState, aims: Tensor) -> BodyState:
    places = [body.joint_names.index(name) - 1 for name in LEGS]
    bends = torch.zeros(len(aims), len(places), 3, requires_grad=True)
    shift = torch.zeros(len(aims), 3, requires_grad=True)
    start = rotation.exp(state.body_pose[:, places])

    def moved() -> BodyState:
        pose = state.body_pose.index_copy(1, torch.tensor(places), rotation.log(start @ rotation.exp(bends)))
        return replace(state, body_pose=pose, transl=state.transl + shift)

    optimiser = torch.optim.LBFGS([bends, shift], max_iter=ITERATIONS, line_search_fn="strong_wolfe")

    def energy() -> Tensor:
        optimiser.zero_grad()
        soles = pose_points(body, moved(), body.keypoint_points)[:, SOLES]
        terms = [
            (soles - aims) / SOLE_SIGMA_M, bends / BEND_SIGMA_RAD, shift / SHIFT_SIGMA_M,
            bends.diff(dim=0) / (0.2 * BEND_SIGMA_RAD), shift.diff(dim=0) / (0.1 * SHIFT_SIGMA_M),
        ]  # fmt: skip
        total: Tensor = torch.stack([term.square().sum() for term in terms]).sum()
        total.backward()
        return total

    optimiser.step(energy)
    with torch.no_grad():
        return moved()
