"""From what was observed to the fitted body: the preset's stages, each kept."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path

import torch
from torch import Tensor

from fit_avatar import fitting
from fit_avatar.body import Body, BodyState
from fit_avatar.capture import Capture
from fit_avatar.config import BODIES, Config
from fit_avatar.correspondence import SurfaceTracker
from fit_avatar.errors import BadInputError
from fit_avatar.io.store import Stage, file_identity, source_identity
from fit_avatar.progress import Advance
from fit_avatar.solvers.state import ClipState
from fit_avatar.steps.observing import Source
from fit_avatar.steps.runner import Runner, under
from fit_avatar.visibility import FrameViews

logger = logging.getLogger(__name__)

RESERVED = ("observe", "initialise", "texture", "agreement", "displacement", "quality")
"""Stages that every run has."""


@dataclass(frozen=True)
class Fitted:
    """The fitted body, and what it was fitted to."""

    body: Body
    state: BodyState
    capture: Capture
    """Its camera is the fit's, which everything after the fit uses."""
    keypoint_bias: Tensor
    """From the body's keypoints to what the detector means by them, in the bind pose. [K, 3] metres"""
    key: str
    """Hash of all that the fit depends on."""
    summaries: tuple[tuple[str, fitting.Summary], ...]
    """The name of every solve, and what it did."""

    @cached_property
    def frame_views(self) -> FrameViews:
        """Return what the frames show of the body: stages that look at them share the work."""
        return FrameViews(self.body, self.state, self.capture)


def fit(
    runner: Runner,
    config: Config,
    plan: fitting.Preset,
    body: Body,
    observed: Stage[Capture],
    source: Source,
    watch: Callable[[BodyState], None] | None = None,
) -> Fitted:
    """Run the fitting stages one after the other, each from what the one before it gave.

    Args:
        runner: of the stages.
        config: gives the height and what the results are kept under.
        plan: the stages.
        body: on the device on which to compute.
        observed: the observations.
        source: of the pictures, at which some stages look.
        watch: called with the state after every stage.

    Raises:
        BadInputError: a stage has a name that is taken.
    """
    device = body.template.device

    @cache
    def evidence() -> fitting.Evidence:  # sampling the outlines takes seconds that a kept fit can do without
        return fitting.gather_evidence(observed.value, fitting.CONTOUR_POINTS, device)

    common = {
        "observed": observed.key,
        "height_m": config.height_m,
        "num_betas": config.num_betas,
        "body": config.body if config.body in BODIES else file_identity(Path(config.body)),
        "flip_test": plan.flip_test,
        "key_frames": plan.key_frames,
        "code": source_identity("body", "silhouettes", "energies", "fitting"),
    }

    tracker = SurfaceTracker(body, observed.value, source.frames(observed.value))

    def start(advance: Advance) -> fitting.Fit:
        return fitting.begin(body, evidence(), config.height_m, plan)

    def step(stage: fitting.AnyStage, before: ClipState) -> Callable[[Advance], fitting.Fit]:
        return lambda advance: fitting.run_stage(
            body, evidence(), _on(device, before), stage, config.height_m, under(stage.name, advance), tracker.match
        )

    def show(state: ClipState) -> None:
        if watch is not None:
            several = state.transl.dim() > 2  # hypotheses that are followed together
            watch(_on(device, state.hypothesis(0) if several else state).body_state(body))

    last = runner.run("initialise", common, start)
    show(last.value.state)
    summaries: list[tuple[str, fitting.Summary]] = []
    taken = set(RESERVED)
    for stage in plan.stages:
        if stage.name in taken:
            raise BadInputError(f"the preset {plan.name} calls a stage {stage.name!r}, which is taken: rename it")
        taken.add(stage.name)
        depends_on = {"before": last.key, "stage": stage.describe()}
        if isinstance(stage, fitting.Stage) and stage.pictures:
            depends_on["code"] = source_identity("texture")
        last = runner.run(stage.name, depends_on, step(stage, last.value.state))
        show(last.value.state)
        summaries += last.value.summaries
        for name, summary in last.value.summaries:
            logger.info("%s\n%s", name, summary)
    state = _on(device, last.value.state)
    times = torch.from_numpy(observed.value.frame_indices).to(state.transl)
    whole = state.on_all_frames(times).body_state(body)
    capture = fitting.calibrated(observed.value, state)
    return Fitted(body, whole, capture, state.keypoint_bias, last.key, tuple(summaries))


def _on(device: torch.device, state: ClipState) -> ClipState:
    """Return a state on a device; kept results come back on the CPU."""
    moved = {name: value.to(device) for name, value in vars(state).items() if isinstance(value, torch.Tensor)}
    return replace(state, **moved)
