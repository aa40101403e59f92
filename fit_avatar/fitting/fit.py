"""Fitting a capture: a schedule, run from its start to its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from fit_avatar.body.model import Body
from fit_avatar.capture.others import read_poses
from fit_avatar.capture.types import Capture
from fit_avatar.energies import Term
from fit_avatar.fitting.actions import Action, Context, StartFrom
from fit_avatar.fitting.actions.action import MatchSurfaceIn
from fit_avatar.fitting.observations import Observations
from fit_avatar.fitting.partial import whole_places
from fit_avatar.fitting.presets import preset
from fit_avatar.fitting.schedule import Schedule
from fit_avatar.fitting.state import FitState

AnySchedule = Schedule | Sequence[Action] | str
"""A schedule, its actions, or the name of a preset."""


def as_schedule(given: AnySchedule, terms: Sequence[Term] = (), init: Path | str | None = None) -> Schedule:
    """Return the schedule that is meant, with further terms in every solve for poses or betas.

    Args:
        given: the schedule.
        terms: the further terms.
        init: poses of another program that the fit starts from, see :class:`StartFrom`.

    Raises:
        BadInputError: there is no preset of that name, or the poses cannot be read.
    """
    if isinstance(given, str):
        given = preset(given)
    elif not isinstance(given, Schedule):
        given = Schedule("custom", "actions from a script", tuple(given))
    if init is not None:
        read_poses(Path(init))  # what is wrong with it is told before anything is computed
        given = given.started_by(StartFrom(str(init)))
    return given.with_terms(*terms) if terms else given


def observed(body: Body, capture: Capture, plan: Schedule, height_m: float | None) -> Observations:
    """Return what a schedule takes from a capture, on the body's device."""
    if not plan.partial:
        whole = np.isin(np.arange(len(capture.frame_indices)), whole_places(capture))
        capture = replace(capture, frame_weights=capture.frame_weights * whole.astype(np.float32))
    return Observations.of(capture, body.template.device, height_m).for_body(body)


def fit(
    body: Body,
    capture: Capture,
    *,
    height_m: float | None = None,
    schedule: AnySchedule = "video-avatar",
    terms: Sequence[Term] = (),
    device: str | torch.device = "cpu",
    progress: Callable[[str, int, int], None] | None = None,
    match_surface: MatchSurfaceIn | None = None,
) -> FitState:
    """Fit poses and shape to a capture.

    Of a person in a skirt, or with hair that hangs, the state is that of ``state.worn(body)``.

    Frames that show the person in part have no weight, unless the schedule takes them (``Schedule.partial``).

    Args:
        body: the body to fit.
        capture: what was observed.
        height_m: the person's height without shoes; without it the scale comes from the shape prior.
        schedule: a preset, its name, or actions.
        terms: further terms of your own, which join those of every solve for poses or betas.
        device: where to compute.
        progress: called with an action's name, steps done and steps in all.
        match_surface: finds points of the surface in the pictures, such as
            :meth:`fit_avatar.correspondence.SurfaceTracker.match`; without it what needs pictures is left out.

    Raises:
        BadInputError: there is no preset of that name, or a term lacks a data field.
    """
    plan, body = as_schedule(schedule, terms), body.to(device)
    observations = observed(body, capture, plan, height_m)

    def run_action(action: Action, state: FitState, context: Context) -> FitState:
        def advance(done: int, total: int) -> None:
            if progress is not None:
                progress(action.name, done, total)

        return action.run(state, replace(context, on_step=advance))

    start = FitState.upright(body, len(observations.keypoints))
    return plan.run(start, Context(body, lambda: observations, match_surface), run_action)
