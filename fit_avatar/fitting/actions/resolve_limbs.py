"""A solve for the pose that looks for the ways in which limbs point, where nothing but 2D points tells them."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from fit_avatar.energies.directions import ENDS
from fit_avatar.fitting.actions.action import Context
from fit_avatar.fitting.actions.solve import Solve
from fit_avatar.fitting.limb_path import DEFAULT_PATH, likeliest_sides
from fit_avatar.fitting.limb_sides import LEAST_CONFIDENCE, limb_sides, mirrored_trunk
from fit_avatar.fitting.observations import Observations
from fit_avatar.fitting.state import FitState
from fit_avatar.solvers import Optimiser

logger = logging.getLogger(__name__)

TRUNK = ("right_shoulder", "left_shoulder", "right_hip", "left_hip", "neck")
"""The keypoints that place the trunk."""
OF_TRUNK = ("keypoint_reprojection", "rotation_acceleration", "translation_acceleration", "shape_prior", "body_height")
"""The terms that do."""
LEAN, HIPS = ("pelvis", "neck"), ("right_hip", "left_hip")
"""Lines of the trunk that may point to the camera or away from it: whether the person leans, and where they turn."""
LEAST_TURN = math.radians(30)
"""A trunk that is turned over by less in every frame is no other start. Chosen by hand."""
LIMBS_ALONE = 8
"""The first limbs of which a detector tells directions are those of arms and legs."""


@dataclass(frozen=True)
class ResolveLimbs(Solve):
    """Solve from several starts where no directions in 3D are known, and keep the one of least energy.

    From an A-pose, a solve ends with limbs that point to the camera instead of away from it: the 2D points are the
    same, and no small step leads from one to the other. So arms and legs also start from the likeliest sequence of the
    poses that the 2D points leave to them: with the trunk as its own points place it; with a trunk that leans the other
    way; with the trunk of the best result so far; and with that turned over, left hip for right hip in depth. Where a
    detector tells directions, the solve is a plain one.

    Source: Taylor 2000 for the poses; Sminchisescu and Triggs 2003 (Kinematic jump processes) for the search.
    """

    rounds: int = 4
    """How many of these starts are tried, in this order; 0: none."""
    trial_iterations: int = 10
    """Iterations of the solve's optimiser from each of them: they begin nearer to where they end. Chosen by hand."""
    clear: float = 0.1
    """By this share the energy must be less than from the A-pose: of explanations that are alike, the usual one. Gains
    on rendered motions were a quarter and more; a punch of 4 % less was a wrong one. Chosen on four of them."""
    enough: float = 0.9
    """Plain if directions are known of this share of the limbs that are seen. Chosen by hand."""

    def run(self, state: FitState, context: Context) -> FitState:
        """Return the state of least energy."""
        plain = best = super().run(state, context)
        if not self.searches(state, context):
            return plain
        seen, trunk = self.observed(state.observations(context.observations)), self.of_trunk()
        quiet = replace(context, on_step=None)
        optimiser: Optimiser = replace(self.optimiser, iterations=self.trial_iterations)
        trial = Solve(self.name, self.terms, self.free, optimiser, self.frozen_joints)
        upright = trunk.run(state, quiet)
        leaning = turned_over(upright, context, LEAN)
        starts: list[Callable[[FitState], FitState | None]] = [
            lambda best: upright,
            lambda best: None if leaning is None else trunk.run(replace(state, clip=leaning.clip), quiet),
            lambda best: best,
            lambda best: turned_over(best, context, HIPS),
        ]
        for i, start in enumerate(starts[: self.rounds]):
            begin = start(best)
            if begin is None:
                continue
            tried = trial.run(replace(state, clip=self.likeliest(begin, seen, context).clip), context)
            logger.info("%s: energy %.0f from start %d", self.name, energy(tried), i + 2)
            best = min(best, tried, key=energy)
        logger.info("%s: energy %.0f at best, %.0f from the A-pose", self.name, energy(best), energy(plain))
        return best if energy(best) < (1 - self.clear) * energy(plain) else plain

    def searches(self, state: FitState, context: Context) -> bool:
        """Return whether other starts are tried, rather than only the plain one."""
        seen, trunk = self.observed(state.observations(context.observations)), self.of_trunk()
        placed = "global_orient" in trunk.free and "keypoint_reprojection" in [term.name for term in trunk.terms]
        single = state.clip.transl.dim() == 2
        told = told_directions(seen.keypoints, seen.limb_precision)
        return bool(self.rounds) and single and placed and told < self.enough

    def observed(self, seen: Observations) -> Observations:
        """Return what frames show without directions of limbs, if no term reads them."""
        read = any("limb_directions" in term.energy.observes for term in self.terms)
        return seen if read else replace(seen, limb_directions=None, limb_precision=None)

    def of_trunk(self) -> Solve:
        """Return the solve that places the trunk alone, with limbs as they are."""
        terms = [term for term in self.terms if term.name in OF_TRUNK]
        on_trunk = [
            replace(term, data={**term.data, "only": TRUNK}) if term.name == "keypoint_reprojection" else term
            for term in terms
        ]
        free = tuple(name for name in self.free if name in ("global_orient", "transl", "betas"))
        return Solve(f"{self.name}: trunk", tuple(on_trunk), free, replace(self.optimiser, iterations=8))

    def likeliest(self, state: FitState, seen: Observations, context: Context) -> FitState:
        """Return a state with the likeliest of the poses that its arms and legs can have."""
        with torch.no_grad():
            sides = limb_sides(context.body, state.clip, seen.keypoints, seen.camera)
            poses = likeliest_sides(context.body, state.clip, sides, seen, DEFAULT_PATH)
            return replace(state, clip=sides.chosen(state.clip, context.body, poses))


def energy(state: FitState) -> float:
    """Return the energy with which the last solve of a state ended."""
    return state.solves[-1][1].energy_after


def turned_over(state: FitState, context: Context, ends: tuple[str, str]) -> FitState | None:
    """Return a state with a line of the trunk turned over along the viewing ray; None where that is nearly the same."""
    with torch.no_grad():
        clip, turned = mirrored_trunk(context.body, state.clip, ends)
    return replace(state, clip=clip) if turned.max() > LEAST_TURN else None


def told_directions(keypoints: Tensor, precision: Tensor | None) -> float:
    """Return of what share of the arms' and legs' segments that are seen a detector tells directions.

    Args:
        keypoints: BODY_25, (u, v, confidence). [T, 25, 3]
        precision: 1/σ of the limbs' directions, 0 where they are unknown. [T, 10]
    """
    if precision is None:
        return 0.0
    ends = keypoints[..., list(ENDS[: 2 * LIMBS_ALONE]), 2].unflatten(-1, (LIMBS_ALONE, 2))
    shown = (ends > LEAST_CONFIDENCE).all(-1)
    told = shown & (precision[..., :LIMBS_ALONE] > 0)
    return float(told.sum() / shown.sum().clamp_min(1))
