"""A solve for the pose that looks for the ways in which limbs point, where nothing but 2D points tells them."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import torch

from fit_avatar.energies.directions import ENDS
from fit_avatar.fitting.actions.action import Context
from fit_avatar.fitting.actions.solve import Solve
from fit_avatar.fitting.limb_path import DEFAULT_PATH, likeliest_sides
from fit_avatar.fitting.limb_sides import LEAST_CONFIDENCE, limb_sides
from fit_avatar.fitting.observations import Observations
from fit_avatar.fitting.state import FitState

logger = logging.getLogger(__name__)

TRUNK = ("right_shoulder", "left_shoulder", "right_hip", "left_hip", "neck")
"""The keypoints that place the trunk."""
OF_TRUNK = ("keypoint_reprojection", "rotation_acceleration", "translation_acceleration", "shape_prior", "body_height")
"""The terms that do."""
LIMBS_ALONE = 8
"""The first limbs of which a detector tells directions are those of arms and legs."""


@dataclass(frozen=True)
class ResolveLimbs(Solve):
    """Solve from several starts where no directions in 3D are known, and keep the one of least energy.

    From an A-pose, a solve ends with limbs that point to the camera instead of away from it: the 2D points are the
    same, and no small step leads from one to the other. So the trunk is placed first, and the likeliest sequence of
    the poses that arms and legs can have is another start; then those of the best trunk so far are one. Where a
    detector tells directions, the solve is a plain one.

    Source: Taylor 2000 for the poses; Sminchisescu and Triggs 2003 (Kinematic jump processes) for the search.
    """

    rounds: int = 3
    """How many further starts are tried at most; 0: none."""
    enough: float = 0.9
    """Plain if directions are known of this share of the limbs that are seen. Chosen by hand."""

    def run(self, state: FitState, context: Context) -> FitState:
        """Return the state of least energy."""
        best = super().run(state, context)
        seen = self.observed(state.observations(context.observations))
        if self.rounds == 0 or state.hypotheses > 1 or told_directions(seen) >= self.enough:
            return best
        quiet = replace(context, on_step=None)
        trunk = self.of_trunk().run(state, quiet)
        for i in range(self.rounds):
            start = self.likeliest(best if i else trunk, seen, context)
            tried = super().run(replace(state, clip=start.clip), quiet)
            energies = [found.solves[-1][1].energy_after for found in (best, tried)]
            logger.info("%s: best energy so far %.0f, from start %d %.0f", self.name, energies[0], i + 2, energies[1])
            if energies[1] < energies[0]:
                best = tried
            elif i:
                break
        return best

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


def told_directions(seen: Observations) -> float:
    """Return of what share of the arms' and legs' segments that are seen a detector tells directions."""
    if seen.limb_precision is None:
        return 0.0
    ends = seen.keypoints[..., list(ENDS[: 2 * LIMBS_ALONE]), 2].unflatten(-1, (LIMBS_ALONE, 2))
    shown = (ends > LEAST_CONFIDENCE).all(-1)
    told = shown & (seen.limb_precision[..., :LIMBS_ALONE] > 0)
    return float(told.sum() / shown.sum().clamp_min(1))
