"""From several hypotheses to the best one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from fit_avatar.energies import Term
from fit_avatar.fitting.actions.action import Context
from fit_avatar.fitting.state import FitState
from fit_avatar.solvers import Problem, Unknowns


@dataclass(frozen=True)
class ChooseHypothesis:
    """Keep the hypothesis of least energy; with a single one there is nothing to choose."""

    terms: tuple[Term, ...]
    """Their energy decides."""
    name: str = "choose a hypothesis"

    def run(self, state: FitState, context: Context) -> FitState:
        """Return the state of one hypothesis."""
        if state.clip.transl.dim() == 2:
            return state
        unknowns = Unknowns.of(context.body, state.clip)
        objective = Problem(self.terms, state.observations(context.observations)).bind(unknowns)
        x = unknowns.posed_body()
        with torch.no_grad():
            energies = objective.values(x, objective.prepared(x))
        return replace(state, clip=state.clip.hypothesis(int(energies.argmin())))
