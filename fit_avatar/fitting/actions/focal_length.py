"""The focal length of a camera that nobody measured, from the clip itself."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from fit_avatar.fitting.actions.action import Context
from fit_avatar.fitting.actions.solve import Solve
from fit_avatar.fitting.state import FitState, FocalLength
from fit_avatar.solvers import ClipState, Optimiser


@dataclass(frozen=True)
class EstimateFocalLength(Solve):
    """Find the focal length with which a solve explains the clip best; a camera that is known stays.

    A longer lens farther away shows the same person with less perspective: limbs that turn towards the camera grow
    less, feet rise less. So the keypoints of a person who turns around determine the focal length. From where the solve
    ends with the guess it is run with a few focal lengths, and the lowest point of a parabola through their energies is
    the best one.
    """

    trials: tuple[float, ...] = (1.25, 1.0, 0.8, 0.6)
    """Perspectives that are tried, against that of the guess: reciprocals of the factor on its focal length."""
    step: float = 0.8
    """Where the strongest or weakest perspective of the trials is the best, go on by this factor."""
    most_trials: int = 8
    least_sigma: float = 0.03
    """The stated relative error is never less: the body's own shape allows no more. Chosen on the rendered clips."""
    trial_iterations: int = 6
    """Iterations of the solve's optimiser with each focal length."""
    most_frames: int | None = None
    """How many frames, spread evenly, the trials are made with, after which the others stay as they are but for their
    depth; None: all, whose poses are those of the best trial's start."""

    def run(self, state: FitState, context: Context) -> FitState:
        """Return the state with the focal length, and the person where it shows the same size."""
        whole = context.observations
        if state.focal is not None or whole.camera.focal_sigma <= 0:
            return state
        few = self._fewer(state)
        quiet, seen = replace(context, on_step=None), few.observations(whole)
        start = replace(few, clip=self.solved(few, seen, quiet).unknowns.clip_state())
        optimiser: Optimiser = replace(self.optimiser, iterations=self.trial_iterations)
        tried = 0

        def energy(factor: float) -> float:
            nonlocal tried
            zoomed = replace(seen, camera=seen.camera.zoomed(factor))
            moved = replace(start, clip=scale_depth(start.clip, factor))
            found = self.solved(moved, zoomed, quiet, optimiser).summary.energy_after
            tried += 1
            if context.on_step:
                context.on_step(tried, self.most_trials)
            return found

        focal = self.lowest(energy, whole.camera.focal_sigma)
        found = start if few is state else state
        return replace(found, clip=scale_depth(found.clip, focal.factor), focal=focal)

    def _fewer(self, state: FitState) -> FitState:
        """Return the state on the frames of the trials."""
        frames = state.single(self.name).transl.shape[0]
        if self.most_frames is None or frames <= self.most_frames:
            return state
        chosen = torch.linspace(0, frames - 1, self.most_frames, device=state.clip.transl.device).round().long()
        keys = chosen if state.key_frames is None else state.key_frames[chosen]
        return replace(state, clip=state.clip.frames(chosen), key_frames=keys)

    def lowest(self, energy: Callable[[float], float], guess_sigma: float) -> FocalLength:
        """Return the focal length of least energy.

        Args:
            energy: of the clip, with the guess times a factor; in squared standard deviations.
            guess_sigma: relative standard deviation of the guess.
        """

        def cost(inverse: float) -> float:
            return energy(1 / inverse) + ((inverse - 1) / guess_sigma) ** 2

        found = {inverse: cost(inverse) for inverse in self.trials}
        while len(found) < self.most_trials:
            best = min(found, key=found.__getitem__)
            if best == max(found):
                found[best / self.step] = cost(best / self.step)
            elif best == min(found):
                found[best * self.step] = cost(best * self.step)
            else:
                break
        best = min(found, key=found.__getitem__)
        near = sorted(found, key=lambda inverse: abs(math.log(inverse / best)))[: len(self.trials)]
        curve, slope, _ = np.polyfit(near, [found[inverse] for inverse in near], 2)
        if curve <= 0:
            return FocalLength(1 / best, guess_sigma)
        inverse = min(max(-slope / (2 * curve), min(near)), max(near))
        return FocalLength(float(1 / inverse), float(max(1 / (inverse * math.sqrt(curve)), self.least_sigma)))


def scale_depth(clip: ClipState, factor: float) -> ClipState:
    """Return the state with the person where a focal length times a factor shows the same size."""
    return replace(clip, transl=clip.transl * clip.transl.new_tensor([1.0, 1.0, factor]))
