"""Running a schedule: stages in order, each from the state that the one before it left."""

from __future__ import annotations

from collections.abc import Callable

import torch

from fit_avatar.body.model import Body
from fit_avatar.capture.types import Capture
from fit_avatar.fitting.consensus import fit_consensus
from fit_avatar.fitting.evidence import CONTOUR_POINTS, Evidence, gather_evidence
from fit_avatar.fitting.initialise import initialise
from fit_avatar.fitting.stages import ConsensusStage, Stage, stages
from fit_avatar.fitting.state import ClipState
from fit_avatar.fitting.track import track

Progress = Callable[[int, int], None]


def run_stage(
    body: Body,
    evidence: Evidence,
    state: ClipState,
    stage: Stage,
    height_m: float | None,
    progress: Progress | None = None,
) -> ClipState:
    """Run one stage of a schedule."""
    if isinstance(stage, ConsensusStage):
        return fit_consensus(body, evidence, state, stage, progress)
    return track(body, evidence, state, stage, height_m, progress)


def fit(
    body: Body,
    capture: Capture,
    *,
    height_m: float | None = None,
    schedule: tuple[Stage, ...] | None = None,
    device: str | torch.device = "cpu",
    progress: Callable[[str, int, int], None] | None = None,
) -> ClipState:
    """Fit poses and one consensus shape to a capture.

    Args:
        body: the body to fit.
        capture: what was observed.
        height_m: naked height of the person; without it the scale comes from the shape prior.
        schedule: the stages, by default those of the quality "balanced".
        device: where to compute.
        progress: called with the stage's name, steps done and steps in all.
    """
    body, evidence = body.to(device), gather_evidence(capture, CONTOUR_POINTS, torch.device(device))
    state = initialise(body, evidence, height_m)
    for stage in schedule or stages("balanced"):
        advance = None
        if progress is not None:

            def advance(done: int, total: int, name: str = stage.name) -> None:
                progress(name, done, total)

        state = run_stage(body, evidence, state, stage, height_m, advance)
    return state
