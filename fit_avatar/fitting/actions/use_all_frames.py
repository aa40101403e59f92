"""From key frames to all frames of the clip."""

from __future__ import annotations

from dataclasses import dataclass

from fit_avatar.fitting.actions.action import Context
from fit_avatar.fitting.state import FitState


@dataclass(frozen=True)
class UseAllFrames:
    """Fit all frames from here on, where it was only key frames before; poses in between are interpolated."""

    name: str = "use all frames"

    def run(self, state: FitState, context: Context) -> FitState:
        """Return the state on all frames."""
        return state.on_all_frames(context.observations.times_s)
