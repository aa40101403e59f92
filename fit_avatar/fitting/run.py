"""Running a schedule: stages in order, each from the state that the one before it left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from fit_avatar.body.model import Body
from fit_avatar.body.state import BodyState
from fit_avatar.capture.types import Camera, Capture
from fit_avatar.correspondence.matches import SurfaceMatches
from fit_avatar.energies import Term
from fit_avatar.fitting.consensus import fit_consensus
from fit_avatar.fitting.evidence import CONTOUR_POINTS, Evidence, gather_evidence
from fit_avatar.fitting.focal import MOST_TRIALS, estimate_focal, scale_depth
from fit_avatar.fitting.initialise import initialise
from fit_avatar.fitting.noise import keypoint_noise
from fit_avatar.fitting.presets import Preset, preset
from fit_avatar.fitting.stage import AnyStage, ConsensusStage, Stage
from fit_avatar.solvers.optimisers import GaussNewton, solve
from fit_avatar.solvers.problem import Problem
from fit_avatar.solvers.state import ClipState
from fit_avatar.solvers.summary import Summary
from fit_avatar.solvers.unknowns import Unknowns

Progress = Callable[[int, int], None]
Find = Callable[[BodyState, Camera, Progress | None], SurfaceMatches]
"""Finds points of a posed surface in the pictures."""
ENOUGH = 1.5
"""With no more frames than this many times the key frames, all are used."""
TRIAL_ITERATIONS = 6
"""With a focal length that is tried, from a pose that was found with another one."""


@dataclass(frozen=True)
class Fit:
    """What a stage, or all stages, gave."""

    state: ClipState
    summaries: tuple[tuple[str, Summary], ...] = ()
    """Each solve's name and what it did; the consensus has none."""


def begin(body: Body, evidence: Evidence, height_m: float | None, plan: Preset) -> Fit:
    """Return where a preset starts, on its key frames."""
    keys = key_frames(evidence, plan.key_frames)
    state = initialise(body, evidence.at(keys), height_m, plan.flip_test)
    return Fit(replace(state, key_frames=keys))


def key_frames(evidence: Evidence, count: int | None) -> Tensor | None:
    """Return frames spread evenly over a clip, first and last among them; None where all are to be used. [count]"""
    usable = torch.nonzero(evidence.frame_weights > 0)[:, 0]
    if count is None or len(evidence.times) <= ENOUGH * count or len(usable) <= count:
        return None
    return usable[torch.linspace(0, len(usable) - 1, count, device=usable.device).round().long()]


def run_stage(
    body: Body,
    evidence: Evidence,
    state: ClipState,
    stage: AnyStage,
    height_m: float | None,
    progress: Progress | None = None,
    find: Find | None = None,
) -> Fit:
    """Run one stage of a schedule, on key frames or on all.

    Args:
        body: the body.
        evidence: what all frames show.
        state: what the stage before it left.
        stage: which.
        height_m: naked height of the person.
        progress: called with steps done and steps in all.
        find: of stages that look at the pictures; without it they change nothing.
    """
    if isinstance(stage, Stage) and stage.pictures and find is None:
        return Fit(state)
    if isinstance(stage, Stage) and (stage.every_frame or stage.pictures):
        state = state.on_all_frames(evidence.times)
    evidence = evidence.at(state.key_frames)
    if isinstance(stage, Stage) and stage.calibrate and state.focal is None and evidence.camera.focal_sigma > 0:
        state = calibrate(body, evidence, state, stage, height_m, progress)
    if state.focal is not None:
        evidence = evidence.seen_by(evidence.camera.zoomed(float(state.focal[0])))
    if isinstance(stage, Stage) and stage.pictures and find is not None:
        matches = find(state.body_state(body), evidence.camera, progress)
        evidence = replace(evidence, surface=(matches.points, matches.vertices))
    if isinstance(stage, ConsensusStage):
        return Fit(fit_consensus(body, evidence, state, stage, progress))
    if "offsets" in stage.free and state.offsets is None:
        state = state.with_offsets(body)
    problem = posed_problem(body, evidence, state, stage, height_m)
    solution = solve(problem, stage.optimiser, progress)
    noise = state.keypoint_noise_m
    if stage.measure_noise:
        noise = keypoint_noise(solution.unknowns.posed_body(), evidence.trusted_keypoints, evidence.camera)
    state = replace(
        solution.unknowns.clip_state(), keypoint_noise_m=noise, focal=state.focal, key_frames=state.key_frames
    )
    if stage.choose and problem.unknowns.batch:
        settled = problem.at(solution.unknowns)
        with torch.no_grad():
            energies = settled.values(solution.unknowns.posed_body(), settled.prepared())
        state = state.hypothesis(int(energies.argmin()))
    return Fit(state, ((stage.name, solution.summary),))


def posed_problem(body: Body, evidence: Evidence, state: ClipState, stage: Stage, height_m: float | None) -> Problem:
    """Return what a stage solves, from a state."""
    # Presets free the expression of bodies that have one.
    free = [name for name in stage.free if name != "expression" or state.expression is not None]
    unknowns = Unknowns.of(body, state, free, frozen_joints=stage.frozen_joints)
    return Problem(stage.terms, unknowns, evidence.observations(body, height_m, state.keypoint_noise_m))


def calibrate(
    body: Body,
    evidence: Evidence,
    state: ClipState,
    stage: Stage,
    height_m: float | None,
    progress: Progress | None = None,
) -> ClipState:
    """Return the state with the focal length with which a stage explains the clip best; see :mod:`.focal`."""
    first = solve(posed_problem(body, evidence, state, stage, height_m), stage.optimiser)
    start = replace(first.unknowns.clip_state(), keypoint_noise_m=state.keypoint_noise_m, key_frames=state.key_frames)
    tried = 0

    def energy(factor: float) -> float:
        nonlocal tried
        seen = evidence.seen_by(evidence.camera.zoomed(factor))
        problem = posed_problem(body, seen, scale_depth(start, factor), stage, height_m)
        solved = solve(problem, GaussNewton(TRIAL_ITERATIONS))
        tried += 1
        if progress:
            progress(tried, MOST_TRIALS)
        return solved.summary.energy_after

    focal = estimate_focal(energy, evidence.camera.focal_sigma)
    return replace(scale_depth(start, focal.factor), focal=state.transl.new_tensor([focal.factor, focal.sigma]))


def fit(
    body: Body,
    capture: Capture,
    *,
    height_m: float | None = None,
    schedule: Preset | Sequence[AnyStage] | str = "video-avatar",
    terms: Sequence[Term] = (),
    device: str | torch.device = "cpu",
    progress: Callable[[str, int, int], None] | None = None,
    find: Find | None = None,
) -> Fit:
    """Fit poses and shape to a capture.

    Args:
        body: the body to fit.
        capture: what was observed.
        height_m: naked height of the person; without it the scale comes from the shape prior.
        schedule: a preset, its name, or stages.
        terms: further terms of your own, which join those of every stage that solves for poses.
        device: where to compute.
        progress: called with the stage's name, steps done and steps in all.
        find: finds points of the surface in the pictures, such as
            :meth:`fit_avatar.correspondence.SurfaceTracker.match`; without it stages that need them are left out.

    Raises:
        BadInputError: there is no preset of that name, or a term lacks a data field.
    """
    plan = preset(schedule) if isinstance(schedule, str) else schedule
    if not isinstance(plan, Preset):
        plan = Preset("stages of your own", "", tuple(plan))
    plan = plan.with_terms(*terms)
    body, evidence = body.to(device), gather_evidence(capture, CONTOUR_POINTS, torch.device(device))
    done = begin(body, evidence, height_m, plan)
    for stage in plan.stages:
        advance = None
        if progress is not None:

            def advance(step: int, total: int, name: str = stage.name) -> None:
                progress(name, step, total)

        after = run_stage(body, evidence, done.state, stage, height_m, advance, find)
        done = Fit(after.state, (*done.summaries, *after.summaries))
    return replace(done, state=done.state.on_all_frames(evidence.times))
