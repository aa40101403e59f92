"""One fit of one clip, timed, and measured against the truth."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from fit_avatar.avatar import Avatar
from fit_avatar.body import Body, load_body
from fit_avatar.capture import Capture
from fit_avatar.capture.source import Source
from fit_avatar.energies import PosedBody, Term, energy
from fit_avatar.fitting import Action, Context, FitState, Schedule, Solve, some_frames, video_avatar
from fit_avatar.io.runner import Runner
from fit_avatar.options import Options
from fit_avatar.pipeline import build
from fit_avatar.progress import Silent
from lib.inputs import Observed, observe_clip, spread
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
    shoes: Literal["auto", "yes", "no"] | None = None
    """None: the usual way."""
    out: Path = Path("out/accuracy")

    @property
    def way(self) -> str:
        """Return how it is fitted, in one word for tables."""
        changes = {
            "guessed-camera": self.camera != "given", "no-height": not self.height, "held-out": self.hold_out,
            f"shoes-{self.shoes}": self.shoes is not None,
        }  # fmt: skip
        return "+".join([self.variant, *(name for name, changed in changes.items() if changed)])

    @property
    def name(self) -> str:
        """Return a name that no other fit has."""
        return f"{self.clip.name}-{self.inputs}-{self.way}-{self.frames}f-{self.num_betas}b"


def observed_clip(job: Job) -> Observed:
    """Return what is observed in a job's clip."""
    return observe_clip(read_clip(job.clip), job.inputs, job.camera == "guessed", job.out / "observed")


def observe_first(job: Job) -> float:
    """Observe a job's clip and keep the result for all its fits; return the seconds."""
    return observed_clip(job).seconds


def run(job: Job) -> tuple[dict[str, Any], Pictures]:
    """Fit one clip and measure the avatar: a row of numbers, and pictures."""
    truth, observed = read_clip(job.clip), observed_clip(job)
    runner = Runner(None, Silent())
    avatar = fitted(job, truth, observed, runner)
    row: dict[str, Any] = {
        "clip": job.clip.name, "inputs": job.inputs, "variant": job.way, "frames": len(avatar.capture.frame_indices),
        "num_betas": job.num_betas, "fit_s": sum(stage["seconds"] for stage in runner.done),
        "fit_gb": peak_memory_gb(),
    }  # fmt: skip
    body, state, capture = avatar.body, avatar.state, avatar.capture
    if job.texture:
        row["painted"] = runner.ready("texture, made and scored", lambda _: score_texture(body, state, capture, truth))
    row["seconds"] = {"observing": observed.seconds, **action_seconds(runner)}
    row["peak_gb"] = peak_memory_gb()
    surfaces = compare_surfaces(body, state, capture.frame_indices, truth)
    row |= measure(body, state, capture, truth, surfaces)
    return row, draw_pictures(job.name, job.clip, body, state, capture, surfaces)


def fitted(job: Job, truth: TrueClip, observed: Observed, runner: Runner) -> Avatar:
    """Return the avatar of a job."""
    every = observed.capture
    capture = spread(some_frames(every, slice(None, None, 2)) if job.hold_out else every, job.frames)
    height = truth.height_m if job.height else None
    body = average(load_body(1), height) if job.num_betas == 0 else load_body(job.num_betas)
    options = Options(scheduled(job, capture, truth), height, texture_size=0, check=False)
    if job.shoes is not None:
        options = replace(options, shoes=job.shoes)
    pictures = Source(capture.camera, job.clip / "video.mp4").pictures(capture)
    return build(capture, pictures, body.to(job.device), options, runner).avatar


def action_seconds(runner: Runner) -> dict[str, float]:
    """Return the seconds of every action; those that are repeated in rounds (1/3, 2/3, …) count together."""
    seconds: dict[str, float] = defaultdict(float)
    for stage in runner.done:
        seconds[stage["name"].rstrip("0123456789/ ")] += stage["seconds"]
    return dict(seconds)


def scheduled(job: Job, capture: Capture, truth: TrueClip) -> Schedule:
    """Return the schedule of a job."""
    plan = VARIANTS[job.variant](video_avatar())
    if job.num_betas == 0:
        plan = frozen("betas")(plan)
    return with_true_joints(plan, capture, truth) if job.variant == TRUE_JOINTS else plan


@energy(vector=True, positions="T J 3")
def true_joints(x: PosedBody, positions: Tensor) -> Tensor:
    """The body's joints minus the true ones in camera coordinates. [T, J, 3] metres"""
    return x.joints - positions


@dataclass(frozen=True)
class SolveWithTrueJoints:
    """A solve for poses with a term for the true joints: the error that remains is not that of the poses."""

    solve: Solve
    joints: Tensor
    """True positions in all frames. [T, 24, 3]"""

    @property
    def name(self) -> str:
        """Return the name of the solve."""
        return self.solve.name

    def run(self, state: FitState, context: Context) -> FitState:
        """Return the state of least energy."""
        return self.at(state).run(state, context)

    def at(self, state: FitState) -> Solve:
        """Return the solve with the term, for the frames that are fitted."""
        known = self.joints if state.key_frames is None else self.joints[state.key_frames.cpu()]
        return self.solve.with_terms(Term(true_joints, TRUE_JOINT_SIGMA_M**-2, data={"positions": known}))


def with_true_joints(plan: Schedule, capture: Capture, truth: TrueClip) -> Schedule:
    """Return a schedule whose solves for poses are given the true joints."""
    known = torch.tensor(truth.joints[capture.frame_indices], dtype=torch.float32)

    def informed(action: Action) -> Action:
        poses = isinstance(action, Solve) and action.moves_body
        return SolveWithTrueJoints(action, known) if poses else action

    return replace(plan, actions=tuple(map(informed, plan.actions)))


def average(body: Body, height_m: float | None) -> Body:
    """Return a body whose mean shape has the person's height, for fits without shape coefficients."""
    heights = body.template[body.skin, 1]
    scale = 1.0 if height_m is None else height_m / float(heights.amax() - heights.amin())
    return replace(body, template=scale * body.template, joint_template=scale * body.joint_template)
