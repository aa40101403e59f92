"""Fitting several captures at once: what a schedule solves for is solved as one batch wherever clips are alike."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

import torch

from fit_avatar.body.model import Body
from fit_avatar.capture.types import Capture
from fit_avatar.energies import Term
from fit_avatar.errors import BadInputError
from fit_avatar.fitting.actions import Action, Context, ResolveLimbs, Solve
from fit_avatar.fitting.batch import stacked_observations
from fit_avatar.fitting.fit import AnySchedule, as_schedule, observed
from fit_avatar.fitting.observations import Observations
from fit_avatar.fitting.state import FitState
from fit_avatar.solvers.state import stacked

Progress = Callable[[str, int, int], None]


def fit_batch(
    body: Body,
    captures: Sequence[Capture],
    *,
    height_m: float | Sequence[float | None] | None = None,
    schedule: AnySchedule = "motion",
    terms: Sequence[Term] = (),
    device: str | torch.device = "cpu",
    progress: Progress | None = None,
) -> tuple[FitState, ...]:
    """Fit poses and shape to several captures, each as :func:`fit_avatar.fitting.fit` does.

    Solves for poses and shape take all clips together that have one length, frame rate and camera, the same kinds of
    observations, and neither garment nor hair that hangs; any other clip, and what is not such a solve (a consensus
    shape), goes alone. Every clip has a shape, steps and damping of its own, so that results differ from those of
    ``fit`` by rounding, and by the steps that a clip goes on to make while others have not yet come to an end.

    Args:
        body: the body to fit, the same for all.
        captures: what was observed.
        height_m: the people's height without shoes, or one for each clip.
        schedule: a preset, its name, or actions. Without pictures: what needs them is left out.
        terms: further terms of your own, which join those of every solve for poses or betas.
        device: where to compute.
        progress: called with an action's name, clips done and clips in all.

    Returns:
        The state of each clip. The summary of a solve is that of all clips that it took.

    Raises:
        BadInputError: there are no captures or not as many heights, there is no preset of that name, or a term lacks a
            data field.
    """
    if not captures:
        raise BadInputError("there are no clips to fit: give one capture or more")
    heights = list(height_m) if isinstance(height_m, Sequence) else [height_m] * len(captures)
    if len(heights) != len(captures):
        raise BadInputError(f"there are {len(captures)} clips but {len(heights)} heights: give one for each")
    plan, body = as_schedule(schedule, terms), body.to(device)
    seen = [observed(body, capture, plan, height) for capture, height in zip(captures, heights, strict=True)]
    states = [FitState.upright(body, len(one.keypoints)) for one in seen]
    for action in plan.actions:
        contexts = [_context(body, one, state) for one, state in zip(seen, states, strict=True)]
        states = _run(action, states, contexts, progress)
    return tuple(state.on_all_frames(one.times_s) for one, state in zip(seen, states, strict=True))


def _context(body: Body, seen: Observations, state: FitState) -> Context:
    return Context(body, lambda: seen).wearing(state)


def _run(
    action: Action, states: Sequence[FitState], contexts: Sequence[Context], progress: Progress | None
) -> list[FitState]:
    """Run one action on every clip: in groups that are alike if it is a solve, else one after the other."""
    after, done = list(states), 0
    for group in _groups(action, states, contexts):
        if len(group) == 1:
            (c,) = group
            after[c] = action.run(states[c], contexts[c])
        else:
            assert isinstance(action, Solve)
            for c, state in zip(group, _solved(action, *_chosen(group, states, contexts)), strict=True):
                after[c] = state
        done += len(group)
        if progress is not None:
            progress(action.name, done, len(states))
    return after


def _chosen(
    group: Sequence[int], states: Sequence[FitState], contexts: Sequence[Context]
) -> tuple[list[FitState], list[Context]]:
    return [states[c] for c in group], [contexts[c] for c in group]


def _groups(action: Action, states: Sequence[FitState], contexts: Sequence[Context]) -> list[list[int]]:
    """Return the clips that an action takes together."""
    if type(action) not in (Solve, ResolveLimbs):
        return [[c] for c in range(len(states))]
    groups: dict[Hashable, list[int]] = {}
    for c, (state, context) in enumerate(zip(states, contexts, strict=True)):
        groups.setdefault(_kind(c, action, state, context), []).append(c)
    return list(groups.values())


def _kind(clip: int, action: Action, state: FitState, context: Context) -> Hashable:
    """Return what two clips must have in common to be solved together."""
    assert isinstance(action, Solve)
    seen = state.observations(context.observations)
    there = frozenset(seen)
    searches = isinstance(action, ResolveLimbs) and action.searches(state, context)
    worn = state.garment is not None or state.hair is not None
    own = (seen.surface_matches, seen.outline_offsets, seen.world_from_camera)
    alone = searches or worn or any(each is not None for each in own)
    if alone or not there.issuperset(action.needs):
        return clip
    intervals = tuple(seen.frame_intervals_s.tolist())
    return (
        there,
        seen.camera,
        intervals,
        tuple(seen.masks.shape),
        seen.shoes,
        seen.ears_hidden,
        seen.alone,
        state.hypotheses,
        state.clip.offsets is None,
    )


def _solved(action: Solve, states: Sequence[FitState], contexts: Sequence[Context]) -> list[FitState]:
    """Solve clips that are alike as one problem; each hypothesis of a clip is one of the batch."""
    hypotheses = states[0].hypotheses
    each = [state.observations(context.observations) for state, context in zip(states, contexts, strict=True)]
    several = states[0].clip.transl.dim() > 2
    clips = [state.clip.hypothesis(h) if several else state.clip for state in states for h in range(hypotheses)]
    seen = stacked_observations([one for one in each for _ in range(hypotheses)])
    start = replace(states[0], clip=stacked(clips))
    solution = action.solved(start, seen, contexts[0])
    found = solution.unknowns.clip_state()
    places = torch.arange(len(clips)).split(hypotheses)
    return [
        replace(
            state,
            clip=stacked([found.hypothesis(int(h)) for h in own]) if several else found.hypothesis(int(own)),
            solves=(*state.solves, (action.name, solution.summary)),
        )
        for state, own in zip(states, places, strict=True)
    ]
