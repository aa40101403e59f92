"""Fits of clips in which people move freely, by the program or by parts of a schedule, measured against the truth."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fit_avatar.avatar import Avatar
from fit_avatar.body import Body, BodyState, load_body, pose_body
from fit_avatar.body.skinning import pose_points
from fit_avatar.capture import Capture
from fit_avatar.capture.source import Source
from fit_avatar.errors import FitAvatarError
from fit_avatar.fitting import ConsensusShape, ResolveLimbs, Schedule, Solve, preset
from fit_avatar.io.runner import Runner
from fit_avatar.options import Options
from fit_avatar.pipeline import build
from fit_avatar.progress import Silent
from lib.command_line import command
from lib.inputs import observe_clip, spread
from lib.markdown import markdown_table
from lib.measure import overlaps
from lib.motion_errors import motion_errors, named_limbs, wrong_limbs
from lib.true_clip import TrueClip, read_clip

PARTS: Mapping[str, tuple[str, ...]] = {
    "directions": ("limb_direction",),
    "outlines": ("contour_distance",),
    "prior": ("mixture_pose_prior",),
    "contact": ("foot_contact", "feet_on_ground", "ground_plane"),
}
"""The parts of the ablation, in the order in which they join the 2D points, and their terms."""
POINTS = "2D points"
UNTOLD = ("no directions, one start", "no directions")
"""The whole preset for captures without directions in 3D, without and with a search for the ways limbs point."""


@dataclass(frozen=True)
class MotionJob:
    """One fit of one clip."""

    clip: Path
    inputs: str
    preset: str
    frames: int
    out: Path
    part: str = ""
    """The last part of the ablation that takes part; "" runs the program as users do."""

    @property
    def name(self) -> str:
        """Return a name that no other fit has."""
        part = f"-{self.part.replace(' ', '-')}" if self.part else ""
        return f"{self.clip.name}-{self.inputs}-{self.preset}{part}"


def score(job: MotionJob) -> dict[str, Any]:
    """Run the program on a clip, and return a row of what came out."""
    clip, out = read_clip(job.clip), job.out / "avatars" / job.name
    shutil.rmtree(out, ignore_errors=True)
    words = command(clip, job.inputs, job.frames, out, "--preset", job.preset, "--texture-size", "64")
    began = time.perf_counter()
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    row = {**_key(job), "exit": done.returncode, "seconds": time.perf_counter() - began}
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        return {**row, "said": lines[-1:]}
    avatar = Avatar.load(out)
    said = tuple(json.loads((out / "metrics.json").read_text())["warnings"])
    state, frames = avatar.state, avatar.capture.frame_indices
    if avatar.every_frame is not None:
        state, frames = avatar.every_frame.state, avatar.every_frame.frame_indices
        state = replace(state, betas=avatar.state.betas, offsets=avatar.state.offsets)
    return {**row, **measured(avatar.body, state, frames, avatar.capture, clip, said), "said": said}


def score_part(job: MotionJob) -> dict[str, Any]:
    """Fit a clip with a part of a preset's terms, refuse nothing, and return a row of what came out."""
    clip = read_clip(job.clip)
    observed = observe_clip(clip, job.inputs, False, job.out / "observed")
    capture, body = spread(observed.capture, job.frames), load_body()
    plan = with_parts(preset(job.preset), job.part)
    if job.part in UNTOLD:
        capture = replace(capture, limb_directions=None)
    options = Options(plan, clip.height_m, texture_size=0, check=False)
    pictures = Source(capture.camera, clip.folder / "video.mp4").pictures(capture)
    began = time.perf_counter()
    try:
        avatar = build(capture, pictures, body, options, Runner(None, Silent())).avatar
    except FitAvatarError as error:
        return {**_key(job), "exit": 2, "seconds": time.perf_counter() - began, "said": [str(error)]}
    row = {**_key(job), "exit": 0, "seconds": time.perf_counter() - began, "said": avatar.warnings}
    frames = avatar.capture.frame_indices
    numbers = measured(avatar.body, avatar.state, frames, avatar.capture, clip, ())
    return {**row, **numbers, "missed": ()}  # limbs are not judged where nothing is refused


def with_parts(plan: Schedule, last: str) -> Schedule:
    """Return a schedule with the 2D points and the parts of the ablation up to the last one.

    Without outlines nothing shows the clothes, so that the consensus shapes are left out with them. Smoothness, joint
    limits and the shape's prior stay in any case. What is tried without directions needs the prior.
    """
    if last in UNTOLD:
        return plan if last == UNTOLD[1] else plan.with_each(ResolveLimbs, lambda solve: replace(solve, rounds=0))
    names = [POINTS, *PARTS]
    gone = {term for part in names[names.index(last) + 1 :] for term in PARTS[part]}

    def less(solve: Solve) -> Solve:
        solve = solve.without(*(term.name for term in solve.terms if term.name in gone))
        return replace(solve, rounds=0) if isinstance(solve, ResolveLimbs) and "limb_direction" in gone else solve

    plan = plan.with_each(Solve, less)
    if "contour_distance" in gone:
        actions = tuple(action for action in plan.actions if not isinstance(action, ConsensusShape))
        plan = replace(plan, actions=actions)
    return plan


def parts_of(plan: Schedule) -> list[str]:
    """Return the steps of the ablation that change a schedule, from the 2D points to the whole."""
    known = {term.name for solve in plan.solves for term in solve.terms}
    return [POINTS, *(part for part, terms in PARTS.items() if known & set(terms))]


def measured(
    body: Body, state: BodyState, frames: NDArray[np.int64], capture: Capture, clip: TrueClip, said: Sequence[str]
) -> dict[str, Any]:
    """Return the errors of a motion in frames of the video, and which limbs are and are said to be wrong."""
    joints = pose_body(body, state).joints.cpu().double().numpy()[:, :24]
    points = pose_points(body, state, body.keypoint_points).cpu().double().numpy()
    wrong, named = wrong_limbs(points, clip.keypoints[frames]), named_limbs(tuple(said))
    return {
        "frames": len(frames),
        **asdict(motion_errors(joints, clip.joints[frames], frames, clip.fps)),
        "iou": float(np.mean(overlaps(body, state, frames, capture, clip))),
        "wrong": wrong,
        "missed": [name for name in wrong if name not in named],
        "false": [name for name in named if name not in wrong],
    }


def _key(job: MotionJob) -> dict[str, Any]:
    return {"clip": job.clip.name, "inputs": job.inputs, "preset": job.preset, "terms": job.part or "all"}


KEYS = ("clip", "inputs", "preset", "terms")
NUMBERS = {
    "MPJPE": ("mpjpe_mm", ".0f"),
    "PA": ("pa_mpjpe_mm", ".0f"),
    "PA limbs": ("limb_pa_mpjpe_mm", ".0f"),
    "accel. error": ("acceleration_m_s2", ".1f"),
    "true accel.": ("true_acceleration_m_s2", ".1f"),
    "IoU": ("iou", ".3f"),
    "frames": ("frames", ".0f"),
    "s": ("seconds", ".0f"),
    "exit": ("exit", "d"),
}
"""Headings, names in a row and formats."""
LISTS = {"wrong limbs": "wrong", "not said": "missed", "said in vain": "false"}


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return every fit, the mean over clips of each way of fitting, and below what the program said."""
    lines = [_line([row[key] for key in KEYS], row) for row in rows]
    for way in dict.fromkeys(tuple(row[key] for key in KEYS[1:]) for row in rows):
        group = [row for row in rows if tuple(row[key] for key in KEYS[1:]) == way and "pa_mpjpe_mm" in row]
        if len(group) > 1:
            names = [name for name, _ in NUMBERS.values() if name not in ("exit", "frames")]
            mean = {name: float(np.mean([row[name] for row in group])) for name in names}
            lines.append(_line([f"**mean of {len(group)}**", *way], mean))
    said = [f"- {' '.join(str(row[key]) for key in KEYS)}: {sentence}" for row in rows for sentence in row["said"]]
    return "\n".join([markdown_table([*KEYS, *NUMBERS, *LISTS], lines), "", *said])


def _line(keys: Sequence[str], row: Mapping[str, Any]) -> list[str]:
    numbers = [format(row[name], form) if name in row else "–" for name, form in NUMBERS.values()]
    return [*keys, *numbers, *(", ".join(row.get(name, ())) or "–" for name in LISTS.values())]
