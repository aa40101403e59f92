"""A pose for every frame of a clip, between and around the frames that were fitted."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fit_avatar.body.model import Body
from fit_avatar.body.motion import Motion
from fit_avatar.body.skinning import weighted_sum
from fit_avatar.capture.every_frame import EveryFrame
from fit_avatar.capture.types import Camera, Capture
from fit_avatar.energies import (
    Annealed,
    GemanMcClure,
    Term,
    keypoint_reprojection,
    place_anchor,
    pose_anchor,
    rotation_acceleration,
    translation_acceleration,
)
from fit_avatar.energies.pose import LEAST_LOOSE, LOOSE_ROOT, joint_looseness
from fit_avatar.energies.projection import metres_per_pixel
from fit_avatar.fitting.actions.keypoint_noise import MeasureKeypointNoise
from fit_avatar.fitting.actions.solve import POSE
from fit_avatar.fitting.between import Between, counted_noise, prepare_between, shift_to
from fit_avatar.fitting.observations import camera_turns, usual_intervals
from fit_avatar.fitting.roughness import roughness
from fit_avatar.fitting.state import FitState
from fit_avatar.solvers import ClipState, GaussNewton, Problem, Unknowns, solve

MOVING = ("pelvis", "spine3", "neck", "head", "hip", "knee", "ankle", "shoulder", "elbow")
"""Joints that keypoints of the body move; the others are interpolated."""


@dataclass(frozen=True)
class MotionConfig:
    """Settings of the solve between fitted frames."""

    turn_range: tuple[float, float] = (0.002, 0.1)
    """Bounds of the usual change of a joint's angular velocity between frames a thirtieth of a second apart, which is
    measured on the fitted frames. Chosen by hand."""
    own_roughness: float = 0.5
    """How much of what is measured is the person's: fitted poses scatter, too. Chosen on the rendered clips."""
    move_range_m: tuple[float, float] = (0.0005, 0.02)
    """The same for the root's velocity. Chosen by hand."""
    kernel: tuple[float, float] = (10.0, 4.0)
    """First and last Geman–McClure scale of keypoints, in their noise; the last as in the fit."""
    stray_rad: float = 0.5
    """How far a joint strays from its interpolated rotation. Chosen by hand; wide, for smoothness says more."""
    stray_m: float = 0.2
    """How far the root strays from its interpolated place. Chosen by hand, as the one before."""
    fixed: float = 1e5
    """So much more firmly are fitted frames held … Chosen by hand."""
    unseen: float = 100.0
    """… and so much more those without keypoints, which only smoothness moves. Chosen by hand."""
    iterations: int = 5
    """Of Gauss–Newton; more change the poses by less than a millimetre. Chosen on the rendered clips."""
    window: int = 240
    """Frames that are solved together; longer clips take several windows, so that memory does not grow with them.
    Chosen by hand."""
    overlap: int = 24
    """Frames before a window that are known and solved again with it, for a smooth seam. Chosen by hand."""
    told_exchanged: float = 0.05
    """Exchanged left and right is worth a warning in more than this fraction of the frames. Chosen by hand."""
    told_gap_s: float = 1.0
    """Frames without keypoints are worth a warning if they last this long. Chosen by hand."""


DEFAULT_MOTION = MotionConfig()


@dataclass(frozen=True)
class SolvedMotion:
    """The motion, and what the user should know of it."""

    motion: Motion
    warnings: tuple[str, ...] = ()


def solve_motion(
    body: Body,
    fitted: FitState,
    capture: Capture,
    every: EveryFrame,
    on_step: Callable[[int, int], None] | None = None,
    config: MotionConfig = DEFAULT_MOTION,
) -> SolvedMotion:
    """Return a pose for each of the N frames of a clip. Fitted frames keep theirs, and the shape stays.

    Between them, poses are interpolated, and then moved so that they agree with the frames' own keypoints and change
    smoothly. Frames without keypoints stay interpolated; before the first fitted frame and after the last one, poses
    are held.

    Args:
        body: the body.
        fitted: the fit, on all T frames of the capture.
        capture: what was fitted, with the camera of the fit.
        every: keypoints and times of all frames of the clip.
        on_step: called with iterations done and iterations in all, after every window.
        config: settings.
    """
    clip = fitted.clip.hypothesis(0) if fitted.hypotheses > 1 else fitted.clip
    device = body.template.device
    frames = torch.from_numpy(capture.frame_indices).to(device)
    times = torch.from_numpy(every.times_s).to(device)
    measured = camera_turns(capture, np.arange(len(times), dtype=np.int64))
    turns = None if measured is None else torch.from_numpy(measured).to(clip.transl)
    with torch.no_grad():
        if turns is None:
            world, between = clip, _interpolated(clip, times[frames], times)
        else:
            world = turned(body, clip, turns[frames])
            between = turned(body, _interpolated(world, times[frames], times), turns.mT)
        seen, start = _prepared(body, between, capture, every, frames, times)
        noise = fitted.keypoint_noise_m
        if noise is None:
            noise = _measured_noise(body, clip, capture)
        noise = noise * counted_noise(seen.steady, seen.dense, len(times) / len(frames))
        given = _Given(body, between, seen, noise, capture.camera, world, turns, frames, times, config)
    solved = given.solved(start, on_step)
    for name in ("rotations", "transl", "expression"):
        value, own = getattr(solved, name), getattr(clip, name)
        if value is not None:
            value[frames] = own  # as they were, to the last digit
    motion = Motion(np.arange(len(times), dtype=np.int64), every.times_s, solved.body_state(body))
    return SolvedMotion(motion, (*every.warnings, *_warnings(seen, capture.frame_indices, every.times_s, config)))


@dataclass(frozen=True)
class _Given:
    """What is known of the N frames of a clip before their poses are solved."""

    body: Body
    between: ClipState
    """The interpolated poses."""
    seen: Between
    noise: Tensor
    """Of the keypoints, in metres. []"""
    camera: Camera
    world: ClipState
    """The fitted poses without the turns of the camera."""
    turns: Tensor | None
    """Rotations from the axes of a camera that turned on the spot to the world's. [N, 3, 3]"""
    frames: Tensor
    """Those that are fitted. int64 [T]"""
    times: Tensor
    """Seconds. [N]"""
    config: MotionConfig

    @cached_property
    def intervals(self) -> Tensor:
        """Return seconds between neighbouring frames. [N−1]"""
        return usual_intervals(self.times).to(self.between.transl)

    @cached_property
    def rough(self) -> tuple[Tensor, Tensor]:
        """Return the usual accelerations."""
        return roughness(self.world, self.times[self.frames], self.intervals.median())

    def solved(self, start: ClipState, on_step: Callable[[int, int], None] | None) -> ClipState:
        """Solve for the poses in windows that follow each other, each beginning with what the one before has found."""
        config, count = self.config, len(self.times)
        held = torch.zeros_like(self.seen.usable)
        held[self.frames] = True
        frozen = [name for name in self.body.joint_names[1:] if _plain(name) not in MOVING]
        rotations, transl = start.rotations.clone(), start.transl.clone()
        starts = range(0, count, config.window)
        for done, first in enumerate(starts):
            early, last = max(first - config.overlap, 0), min(first + config.window + config.overlap, count)
            if not held[first:last].all():
                chosen = torch.arange(early, last, device=self.times.device)
                here = replace(self.between.frames(chosen), rotations=rotations[chosen], transl=transl[chosen])
                known = held[chosen]
                known[: first - early] = True
                unknowns = Unknowns.of(self.body, here, POSE, frozen_joints=frozen)
                problem = self._problem(chosen, here, known, first - early)
                found = solve(problem, unknowns, GaussNewton(config.iterations)).unknowns.clip_state()
                new = ~known
                rotations[chosen[new]], transl[chosen[new]] = found.rotations[new], found.transl[new]
            if on_step is not None:
                on_step((done + 1) * config.iterations, len(starts) * config.iterations)
        return replace(self.between, rotations=rotations, transl=transl)

    def _problem(self, chosen: Tensor, here: ClipState, known: Tensor, solved: int) -> Problem:
        """Return what is minimised in some neighbouring frames, the first of which have been solved before."""
        config, seen = self.config, self.seen
        near = torch.where(seen.usable[chosen], 1.0, config.unseen).masked_fill(known, config.fixed)
        rotations, transl = self.between.rotations[chosen], self.between.transl[chosen]
        rotations[:solved], transl[:solved] = here.rotations[:solved], here.transl[:solved]
        terms = [
            Term(keypoint_reprojection, 1.0, GemanMcClure(Annealed(*config.kernel)), data={"in_noise": True}),
            Term(pose_anchor, config.stray_rad**-2, data={"rotations": rotations}, confidence=near[:, None, None]),
            Term(place_anchor, config.stray_m**-2, data={"places": transl}, confidence=near[:, None]),
        ]
        if len(chosen) > 2:
            turn = (config.own_roughness * self.rough[0]).clamp(*config.turn_range)
            move = float((config.own_roughness * self.rough[1]).clamp(*config.move_range_m))
            loose = torch.cat([turn.new_full((1, 1), LOOSE_ROOT), joint_looseness(self.body).clamp_min(LEAST_LOOSE)])
            terms.append(Term(rotation_acceleration, 1.0, confidence=(loose / turn[:, None]).square()))
            terms.append(Term(translation_acceleration, move**-2))
        first, last = int(chosen[0]), int(chosen[-1])
        observed = {
            "keypoints": seen.keypoints[chosen], "camera": self.camera, "keypoint_noise_m": self.noise,
            "frame_intervals_s": self.intervals[first:last],
        }  # fmt: skip
        if self.turns is not None:
            observed["world_from_camera"] = self.turns[chosen]
        return Problem(tuple(terms), observed)


def turned(body: Body, clip: ClipState, turns: Tensor) -> ClipState:
    """Return the same poses in axes that are turned in every frame. [T, 3, 3]"""
    root = (body.joint_template + weighted_sum(body.joint_basis, clip.betas))[0]
    rotations = torch.cat([turns[:, None] @ clip.rotations[:, :1], clip.rotations[:, 1:]], 1)
    return replace(clip, rotations=rotations, transl=(turns @ (clip.transl + root)[..., None])[..., 0] - root)


def _interpolated(clip: ClipState, known: Tensor, times: Tensor) -> ClipState:
    """Return poses at all times, the first and the last held outside."""
    if len(known) == 1:
        expression = None if clip.expression is None else clip.expression.expand(len(times), -1)
        rotations, transl = (x.expand(len(times), *x.shape[1:]) for x in (clip.rotations, clip.transl))
        return replace(clip, rotations=rotations.clone(), transl=transl.clone(), expression=expression)
    precise = replace(clip, **{n: v.double() for n, v in vars(clip).items() if v is not None})
    found = precise.interpolated(known, times)
    return replace(found, **{n: v.to(clip.transl) for n, v in vars(found).items() if v is not None})


def _prepared(
    body: Body, between: ClipState, capture: Capture, every: EveryFrame, frames: Tensor, times: Tensor
) -> tuple[Between, ClipState]:
    """Return keypoints that are comparable with the fit, and the interpolated poses moved to where they lie."""
    keypoints = torch.from_numpy(every.keypoints).to(between.transl)
    after = torch.searchsorted(times[frames], times, right=True).clamp(1, max(len(frames) - 1, 1))
    before, after = after - 1, after.clamp_max(len(frames) - 1)
    known = times[frames]
    fraction = (times - known[before]) / (known[after] - known[before]).clamp_min(1e-9)
    x = Unknowns.of(body, between).posed_body()
    expected = capture.camera.project(x.keypoints)
    distance = torch.minimum((times - known[before]).abs(), (known[after] - times).abs())
    seen = prepare_between(keypoints, expected, frames, before, fraction.clamp(0, 1).to(keypoints), distance)
    shift = shift_to(seen.keypoints, expected) * metres_per_pixel(x, capture.camera)[:, None]
    shift[frames] = 0.0
    moved = between.transl.clone()
    moved[:, :2] += torch.where(seen.usable[:, None], shift, 0.0)
    return seen, replace(between, transl=moved)


def _measured_noise(body: Body, clip: ClipState, capture: Capture) -> Tensor:
    with torch.no_grad():
        x = Unknowns.of(body, clip).posed_body()
        keypoints = torch.from_numpy(capture.keypoints).to(clip.transl)
        return MeasureKeypointNoise().measure(x, keypoints, capture.camera)


def _plain(joint: str) -> str:
    return joint.removeprefix("left_").removeprefix("right_")


def _warnings(
    seen: Between, fitted: NDArray[np.int64], times: NDArray[np.float64], config: MotionConfig
) -> tuple[str, ...]:
    """Say where poses are not those of the frames themselves."""
    usable = seen.usable.cpu().numpy()
    gaps = []
    for missing, group in itertools.groupby(range(len(usable)), key=lambda i: not usable[i]):
        run = list(group)
        if missing and times[run[-1]] - times[run[0]] >= config.told_gap_s:
            gaps.append((run[0], run[-1]))
    held = [gap for gap in gaps if gap[1] < fitted[0] or gap[0] > fitted[-1]]
    inside = [gap for gap in gaps if gap not in held]
    sentences = []
    exchanged = int(seen.exchanged.sum())
    if exchanged > config.told_exchanged * len(usable):
        sentences.append(
            f"The keypoints' left and right were exchanged in {exchanged} frames between the fitted ones, and were put "
            "right."
        )
    for some, what in ((inside, "poses are interpolated"), (held, "the nearest fitted pose is held")):
        if some:
            spans = ", ".join(f"{first}–{last}" for first, last in some)
            sentences.append(f"The person's keypoints are of no use in frames {spans} of the clip, where {what}.")
    return tuple(sentences)
