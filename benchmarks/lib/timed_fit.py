"""One fit of one clip, timed, and measured against the truth."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fit_avatar.body import Body, load_body
from fit_avatar.capture import Capture, read_frames
from fit_avatar.correspondence import SurfaceTracker
from fit_avatar.energies import Term, joint_positions
from fit_avatar.fitting import CONTOUR_POINTS, Preset, Stage, calibrated, fit, gather_evidence, preset
from fit_avatar.fitting.run import key_frames
from lib.inputs import Observed, observe_clip, spread, take
from lib.measure import compare_surfaces, measure
from lib.page import Pictures, draw_pictures
from lib.process import peak_memory_gb
from lib.texture_scores import score_texture
from lib.true_clip import TrueClip, read_clip
from lib.variants import TRUE_JOINTS, VARIANTS, frozen

TRUE_JOINT_SIGMA_M = 0.005


@dataclass(frozen=True)
class Job:
    """One fit of one clip."""

    clip: Path
    inputs: str = "given"
    variant: str = "base"
    frames: int = 120
    num_betas: int = 10
    camera: str = "given"
    height: bool = True
    hold_out: bool = False
    texture: bool = False
    device: str = "cpu"
    out: Path = Path("out/accuracy")

    @property
    def way(self) -> str:
        """Return how it is fitted, in one word for tables."""
        changes = {
            "guessed-camera": self.camera != "given", "no-height": not self.height, "held-out": self.hold_out,
        }  # fmt: skip
        return "+".join([self.variant, *(name for name, changed in changes.items() if changed)])

    @property
    def name(self) -> str:
        """Return a name that no other fit has."""
        return f"{self.clip.name}-{self.inputs}-{self.way}-{self.frames}f-{self.num_betas}b"


class Clock:
    """The seconds of each stage: a progress callback."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._last = time.perf_counter()

    def __call__(self, name: str, done: int = 1, total: int = 1) -> None:
        """Count the time since the last call for a stage."""
        now = time.perf_counter()
        self.seconds[name.rstrip("0123456789/ ")] += now - self._last
        self._last = now


def observed_clip(job: Job) -> Observed:
    """Return what is observed in a job's clip."""
    return observe_clip(read_clip(job.clip), job.inputs, job.camera == "guessed", job.out / "observed")


def observe_first(job: Job) -> float:
    """Observe a job's clip and keep the result for all its fits; return the seconds."""
    return observed_clip(job).seconds


def run(job: Job) -> tuple[dict[str, Any], Pictures]:
    """Fit one clip and measure the avatar: a row of numbers, and pictures."""
    torch.set_grad_enabled(False)
    truth = read_clip(job.clip)
    observed = observed_clip(job)
    every = observed.capture
    seen = spread(take(every, np.arange(0, len(every.frame_indices), 2)) if job.hold_out else every, job.frames)
    height = truth.height_m if job.height else None
    body = average(load_body(1), height) if job.num_betas == 0 else load_body(job.num_betas)
    body = body.to(job.device)
    plan = planned(job, seen, truth)

    tracker = SurfaceTracker(body, seen, read_frames(job.clip / "video.mp4", seen.frame_indices.tolist()))

    clock, began = Clock(), time.perf_counter()
    with torch.enable_grad():
        fitted = fit(body, seen, height_m=height, schedule=plan, device=job.device, progress=clock, find=tracker.find)
    row: dict[str, Any] = {
        "clip": job.clip.name, "inputs": job.inputs, "variant": job.way, "frames": len(seen.frame_indices),
        "num_betas": job.num_betas, "fit_s": time.perf_counter() - began,
        "fit_gb": peak_memory_gb(),
    }  # fmt: skip
    seen, state = calibrated(seen, fitted.state), fitted.state.body_state(body)
    if job.texture:
        clock("")
        row["painted"] = score_texture(body, state, seen, truth)
        clock("texture, made and scored")
    row["seconds"] = {"observing": observed.seconds, **{name: s for name, s in clock.seconds.items() if name}}
    row["peak_gb"] = peak_memory_gb()
    surfaces = compare_surfaces(body, state, seen.frame_indices, truth)
    row |= measure(body, state, seen, truth, surfaces)
    return row, draw_pictures(job.name, job.clip, body, state, seen, surfaces)


def planned(job: Job, seen: Capture, truth: TrueClip) -> Preset:
    """Return the schedule of a job."""
    plan = VARIANTS[job.variant](preset("video-avatar"))
    if job.num_betas == 0:
        plan = frozen("betas")(plan)
    return with_true_joints(plan, seen, truth) if job.variant == TRUE_JOINTS else plan


def with_true_joints(plan: Preset, seen: Capture, truth: TrueClip) -> Preset:
    """Return a schedule with a term for the true joints: the error that remains is not that of the poses."""
    device = torch.device("cpu")
    keys = key_frames(gather_evidence(seen, CONTOUR_POINTS, device), plan.key_frames)
    joints = torch.tensor(truth.joints[seen.frame_indices], dtype=torch.float32)
    known = torch.cat([joints, torch.ones_like(joints[..., :1])], -1)
    stages = []
    for stage in plan.stages:
        keys = None if isinstance(stage, Stage) and (stage.every_frame or stage.pictures) else keys
        if isinstance(stage, Stage) and stage.moves_body:
            data = {"positions": known if keys is None else known[keys]}
            stage = stage.with_terms(Term(joint_positions, TRUE_JOINT_SIGMA_M**-2, data=data))
        stages.append(stage)
    return replace(plan, stages=tuple(stages))


def average(body: Body, height_m: float | None) -> Body:
    """Return a body whose mean shape has the person's height, for fits without shape coefficients."""
    heights = body.template[body.skin, 1]
    scale = 1.0 if height_m is None else height_m / float(heights.amax() - heights.amin())
    return replace(body, template=scale * body.template, joint_template=scale * body.joint_template)
