"""What a schedule is made of: actions, each of which takes a fit one step further."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

from fit_avatar.body.model import Body
from fit_avatar.correspondence.matches import SurfaceMatches
from fit_avatar.fitting.observations import Observations
from fit_avatar.fitting.state import FitState

OnStep = Callable[[int, int], None]
"""Progress of one action: steps done and steps in all."""
MatchSurfaceIn = Callable[..., SurfaceMatches]
"""Finds points of a posed surface in the pictures of all frames: it takes a :class:`BodyState`, a :class:`Camera` and
an :data:`OnStep` or None; and as ``body`` the body with its garment, where the person wears one."""


@dataclass(frozen=True)
class Context:
    """What a fit is about, the same for all actions."""

    body: Body
    observe: Callable[[], Observations]
    """Returns the observations of all frames, the same whenever it is called; they may be made by the first call."""
    match_surface: MatchSurfaceIn | None = None
    """None where there are no pictures."""
    on_step: OnStep | None = None

    @property
    def observations(self) -> Observations:
        """Return what all frames show; :meth:`FitState.observations` returns it for the fitted ones, as seen now."""
        return self.observe()

    def wearing(self, state: FitState) -> Context:
        """Return the context of a fit of the body with what the state says that it wears."""
        body = state.worn(self.body)
        if body is self.body:
            return self
        match = self.match_surface
        return replace(self, body=body, match_surface=None if match is None else partial(match, body=body))


class Action(Protocol):
    """One step of a schedule: a frozen dataclass with a name, whose fields are all that it depends on.

    An action of your own is any such class; see ``examples/08_custom_action.py``.
    """

    @property
    def name(self) -> str:
        """Return what progress, results and files call it; no two actions of a schedule have the same."""

    def run(self, state: FitState, context: Context) -> FitState:
        """Return where the fit stands after the action.

        Raises:
            BadInputError: it cannot be done with this state.
        """


def identity(action: Action) -> Any:
    """Return what the result of an action depends on, beside state and context: its fields, and files that they name.

    An action that reads a file has a method ``identity``, which says what is in it.
    """
    own = getattr(action, "identity", None)
    return action if own is None else own()
