"""Which method a clip is fitted by, and what of it that method sees: chosen by how the person moves."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache

import torch

from fit_avatar.body import Body
from fit_avatar.capture import Capture
from fit_avatar.capture.source import Picture, Source
from fit_avatar.fitting import Observations, ResolveLimbs, Schedule, StartFrom, measure_turning
from fit_avatar.fitting.actions.resolve_limbs import told_directions
from fit_avatar.fitting.partial import (
    TOO_FEW_WHOLE,
    never_seen,
    only_whole,
    partial_notes,
    shows_whole,
    whole_places,
    without_clothes,
)
from fit_avatar.io.fingerprint import code_identity, digest
from fit_avatar.io.runner import Runner, under

logger = logging.getLogger(__name__)

SUPPOSED = (
    "Directions of limbs in 3D are known for {share:.0%} of the arms and legs that are seen: where they are not, "
    "whether a limb points to the camera or away from it follows from what people usually do, and may be wrong."
)
"""What is said of a motion that was fitted by 2D points alone."""


@dataclass(frozen=True)
class Plan:
    """The method for a clip, and the frames that it takes."""

    schedule: Schedule
    capture: Capture
    observations: Callable[[], Observations]
    """Of the capture, worked out once."""
    key: str
    """Hash of all that the capture depends on; empty where nothing is kept."""
    warnings: tuple[str, ...] = ()

    def shown(self, pictures: Iterable[Picture]) -> Iterable[Picture]:
        """Return the pictures of the frames that are taken."""
        return _Pictures(pictures, frozenset(self.capture.frame_indices.tolist()))


@dataclass(frozen=True)
class _Pictures:
    """Some of several pictures, however often they are gone through."""

    every: Iterable[Picture]
    indices: frozenset[int]

    def __iter__(self) -> Iterator[Picture]:
        return (picture for picture in self.every if picture[0] in self.indices)


def plan_fit(
    capture: Capture,
    body: Body,
    height_m: float | None,
    methods: tuple[Schedule, Schedule | None],
    runner: Runner,
    observed: str,
    source: Source | None,
) -> Plan:
    """Choose the method by how the person moves, and the frames by what it needs to see of the person.

    Args:
        capture: the observations.
        body: to fit.
        height_m: the person's height, if it is known.
        methods: the method, and another one for a person who does not turn around in one pose; None: the first in any
            case.
        runner: of the stages.
        observed: hash of all that the capture depends on.
        source: that the capture is of, if limbs may be looked for in its pictures.

    Raises:
        NoPersonError: the method needs whole people, and there are too few.
    """

    def observed_in(seen: Capture) -> Callable[[], Observations]:
        @cache
        def observations() -> Observations:  # sampling outlines takes seconds that a kept fit can do without
            return Observations.of(seen, body.template.device, height_m).for_body(body)

        return observations

    (schedule, other), observations = methods, observed_in(capture)
    notes: tuple[str, ...] = ()
    if other is not None:
        sentence = _unlike_a_turn(capture, body, height_m, observations, runner, observed)
        if sentence:
            logger.info(sentence)
            schedule, notes = other, (sentence,)
    seen = capture if schedule.partial else only_whole(capture)
    if seen is not capture:
        observations = observed_in(seen)
    if schedule.partial:
        unseen = never_seen(seen)
        method = without_clothes(schedule) if {"left thigh", "right thigh"} <= set(unseen) else schedule
        notes += partial_notes(seen, unseen, clothed=method == schedule)
        schedule = method
    key = "" if runner.store is None else digest([observed, seen.frame_indices, seen.frame_weights])
    plan = Plan(schedule, seen, observations, key, notes)
    return _with_limbs_note(plan if source is None else _with_limbs(plan, source, runner))


def _unlike_a_turn(
    capture: Capture,
    body: Body,
    height_m: float | None,
    observations: Callable[[], Observations],
    runner: Runner,
    observed: str,
) -> str:
    """Say why a clip is none of a person who turns around in one pose; nothing if it is one."""
    if not shows_whole(capture):
        return TOO_FEW_WHOLE
    whole = torch.from_numpy(whole_places(capture)).to(body.template.device)
    seen = None if runner.store is None else [observed, height_m, body.arrays()]
    found = runner.run(
        "turning",
        {"seen": seen, "code": code_identity("fit_avatar.fitting.turning")},
        lambda advance: measure_turning(body, observations().frames(whole)),
    ).value
    return "" if found.is_turn else found.sentence


def _with_limbs(plan: Plan, source: Source, runner: Runner) -> Plan:
    """Look for limbs' directions in 3D where the method reads them and given keypoints came without."""
    if plan.capture.limb_directions is not None or not plan.schedule.observes("limb_directions"):
        return plan
    limbs = runner.run(
        "limb directions",
        {"observed": plan.key, "code": code_identity("fit_avatar.capture.given_limbs")},
        lambda advance: source.find_limbs(plan.capture, under("limb directions", advance)),
    )
    observations = cache(lambda: plan.observations().with_limbs(limbs.value))
    return replace(plan, capture=limbs.value, observations=observations, key=limbs.key)


def _with_limbs_note(plan: Plan) -> Plan:
    """Say that the ways in which limbs point are supposed, where the method looks for them without directions in 3D."""
    actions, limbs = plan.schedule.actions, plan.capture.limb_directions
    searches = [action for action in actions if isinstance(action, ResolveLimbs)]
    if not searches or any(isinstance(action, StartFrom) for action in actions):
        return plan
    precision = None if limbs is None else torch.from_numpy(1 / limbs.sigma_rad)
    share = told_directions(torch.from_numpy(plan.capture.keypoints), precision)
    if share >= searches[0].enough:
        return plan
    return replace(plan, warnings=(*plan.warnings, SUPPOSED.format(share=share)))
