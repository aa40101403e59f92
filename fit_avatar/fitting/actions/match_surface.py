"""Points of the surface, found again in the pictures."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from fit_avatar.fitting.actions.action import Context
from fit_avatar.fitting.state import FitState

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class MatchSurface:
    """Find points of the fitted surface in the pictures of all frames, for solves with ``surface_reprojection``.

    Without pictures nothing is found, and a warning says so.
    """

    name: str = "match the surface in the pictures"

    def run(self, state: FitState, context: Context) -> FitState:
        """Return the state with the matches."""
        state.single(self.name)
        if context.match_surface is None:
            sentence = f"There are no pictures, so that {self.name!r} was left out, and what needs its matches."
            logger.warning(sentence)
            return replace(state, warnings=(*state.warnings, sentence))
        state = state.on_all_frames(context.observations.times_s)
        camera = state.observations(context.observations).camera
        found = context.match_surface(state.body_state(context.body), camera, context.on_step)
        return replace(state, surface_matches=found.to(context.observations.device))
