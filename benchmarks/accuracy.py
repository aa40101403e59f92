"""How accurate the avatars are, on clips whose truth is known: a table, and a page with pictures.

    python benchmarks/accuracy.py [CLIP_FOLDER …] [--people 4] [--inputs given|raw|both] [--variants base no-symmetry]

Clips are folders as ``benchmarks/README.md`` describes them, and people that ``benchmarks/people.py`` makes up. It
needs Open3D: pip install 'fit-avatar[evaluate]'.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import tyro
from page import Pictures, draw_pictures, write_page
from people import TrueClip, read_clip, write_person
from scipy.spatial.transform import Rotation, Slerp

from fit_avatar.body import Body, BodyState, load_body, pose_body
from fit_avatar.capture import Capture, observe
from fit_avatar.capture.masks import GivenMasks
from fit_avatar.evaluate import Mesh, compare_clip, iou, mpjpe, pa_mpjpe, pooled, repose_onto, surface_distance
from fit_avatar.fitting import PRESETS, ConsensusStage, Preset, Stage, fit, preset
from fit_avatar.fitting.presets import video_avatar
from fit_avatar.silhouettes.raster import silhouette

OUT = Path("out/accuracy")
SAMPLES = 50_000


def without(name: str, *unknowns: str) -> Callable[[Preset], Preset]:
    """Return a change that leaves a term out of every stage that has it, and keeps some unknowns at their start."""

    def change(plan: Preset) -> Preset:
        def less(stage: Stage) -> Stage:
            if name in {term.name for term in stage.terms}:
                stage = stage.without(name)
            return replace(stage, free=tuple(each for each in stage.free if each not in unknowns))

        return replace(plan, stages=tuple(less(s) if isinstance(s, Stage) else s for s in plan.stages))

    return change


def consensus(**fields: Any) -> Callable[[Preset], Preset]:
    """Return a change of every consensus stage."""

    def change(plan: Preset) -> Preset:
        changed = (replace(s, **fields) if isinstance(s, ConsensusStage) else s for s in plan.stages)
        return replace(plan, stages=tuple(changed))

    return change


def first_stages(count: int) -> Callable[[Preset], Preset]:
    """Return a change that stops after some stages."""
    return lambda plan: replace(plan, stages=plan.stages[:count])


VARIANTS: dict[str, Callable[[Preset], Preset]] = {
    "base": lambda plan: plan,
    "fast": lambda plan: video_avatar("fast"),
    "best": lambda plan: video_avatar("best"),
    "no-keypoint-bias": without("keypoint_bias_prior", "keypoint_bias"),
    "no-mean-pose": without("mean_pose_prior", "mean_pose"),
    "no-shape-prior": lambda plan: plan.with_weights(shape_prior=1e-3),
    "no-smoothness": lambda plan: plan.with_weights(rotation_acceleration=0.0, translation_acceleration=0.0),
    "no-height": without("stature"),
    "no-keypoints-late": lambda plan: replace(
        plan,
        stages=tuple(
            s.without("keypoint_reprojection") if isinstance(s, Stage) and "consensus" in s.name else s
            for s in plan.stages
        ),
    ),
    "no-symmetry": consensus(symmetry=0.0),
    "no-offset-prior": consensus(body=1e-5),
    "smoother": consensus(smooth_m=0.02),
    "rougher": consensus(smooth_m=0.008),
    "every-frame": lambda plan: replace(plan, key_frames=None),
    "no-surface-shift": without("surface_shift_prior", "surface_shift"),
    "body-only": first_stages(2),
    "one-consensus": first_stages(3),
    **{name: (lambda plan, name=name: preset(name)) for name in PRESETS if name != "video-avatar"},
}


@dataclass(frozen=True)
class Job:
    """One fit of one clip."""

    clip: Path
    inputs: str
    variant: str
    frames: int
    num_betas: int
    hold_out: bool
    device: str
    out: Path

    @property
    def name(self) -> str:
        """Return what tells it from the others."""
        held = "-held-out" if self.hold_out else ""
        return f"{self.clip.name}-{self.inputs}-{self.variant}-{self.frames}f-{self.num_betas}b{held}"


def take(seen: Capture, chosen: np.ndarray) -> Capture:
    """Return some of a capture's frames."""
    names = ("frame_indices", "keypoints", "masks", "frame_weights", "face", "hands")
    return replace(seen, **{name: value[chosen] for name in names if (value := getattr(seen, name)) is not None})


def observed(job: Job, truth: TrueClip) -> tuple[Capture, float]:
    """Return what is seen in all frames, and the seconds that took; kept for the next fit of the clip."""
    kept = job.out / "observed" / f"{job.clip.name}-{job.inputs}.pkl"
    stamp = (job.clip / "video.mp4").stat().st_mtime
    if kept.exists():
        found = pickle.loads(kept.read_bytes())
        if found[0] == stamp:
            return found[1:]
    began = time.perf_counter()
    given = {n: job.clip / n for n in ("keypoints", "masks")} if job.inputs == "given" else {}
    seen = observe(job.clip / "video.mp4", camera=truth.camera, frames=10**6, **given)
    seconds = time.perf_counter() - began
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(pickle.dumps((stamp, seen, seconds)))
    return seen, seconds


def between(state: BodyState, own: np.ndarray, wanted: np.ndarray) -> BodyState:
    """Return the poses of other frames: rotations on the shortest way, places on a line; the ends are held."""
    at = np.clip(wanted, own[0], own[-1]).astype(float)
    turns = torch.cat([state.global_orient[:, None], state.body_pose], 1).cpu().double().numpy()
    poses = np.stack([Slerp(own, Rotation.from_rotvec(turns[:, j]))(at).as_rotvec() for j in range(turns.shape[1])], 1)
    places = np.stack([np.interp(at, own, state.transl[:, k].cpu().double().numpy()) for k in range(3)], 1)
    pose, place = (torch.tensor(v).to(state.transl) for v in (poses, places))
    return replace(state, global_orient=pose[:, 0], body_pose=pose[:, 1:], transl=place)


def overlaps(body: Body, state: BodyState, indices: np.ndarray, truth: TrueClip) -> list[float]:
    """Return the silhouette's agreement with the true masks in frames whose poses are given."""
    faces = body.faces[body.skin[body.faces].all(1)]
    masks = GivenMasks(truth.folder / "masks", truth.camera.width, truth.camera.height, len(truth.joints))
    found = masks.read(indices.tolist())
    vertices = pose_body(body, state).vertices
    return [
        iou(silhouette(vertices[t], faces, truth.camera).cpu().numpy(), found[i])
        for t, i in enumerate(indices.tolist())
    ]


def run(job: Job) -> tuple[dict[str, Any], Pictures]:
    """Fit one clip and measure the avatar."""
    torch.set_grad_enabled(False)
    truth = read_clip(job.clip)
    every, seconds_seen = observed(job, truth)
    seen = take(every, np.arange(0, len(every.frame_indices), 2)) if job.hold_out else every
    if job.frames < len(seen.frame_indices):
        count = len(seen.frame_indices)
        seen = take(seen, np.linspace(0, count, job.frames, endpoint=False).round().astype(int))
    body = load_body(job.num_betas).to(job.device)
    seconds: dict[str, float] = defaultdict(float, {"observing": seconds_seen})
    last = time.perf_counter()

    def spent(name: str, done: int, total: int) -> None:
        nonlocal last
        now = time.perf_counter()
        seconds[name.rstrip("0123456789/ ")] += now - last
        last = now

    began = last
    plan = VARIANTS[job.variant](preset("video-avatar"))
    with torch.enable_grad():
        fitted = fit(body, seen, height_m=truth.height_m, schedule=plan, device=job.device, progress=spent)
    seconds["fitting, all"] = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**30 if sys.platform == "darwin" else 2**20)
    state = replace(fitted.state.body_state(body))
    row, pictures = measure(job, body, state, seen, every, truth)
    row["seconds"], row["peak_memory_gb"] = {k: round(v, 2) for k, v in seconds.items()}, round(peak, 2)
    return row, pictures


def measure(
    job: Job, body: Body, state: BodyState, seen: Capture, every: Capture, truth: TrueClip
) -> tuple[dict[str, Any], Pictures]:
    """Return a row of numbers (mm where nothing else is said) and the pictures of one fit."""
    own = seen.frame_indices
    scored = np.array(sorted(set(truth.surfaces) & set(own.tolist())))
    if not len(scored):  # no true surface at a frame that was used: poses in between stand for it
        scored = np.array([i for i in sorted(truth.surfaces) if own[0] <= i <= own[-1]])
    posed = pose_body(body, between(state, own, scored))
    vertices, joints = (v.cpu().double().numpy() for v in (posed.vertices, posed.joints))
    faces = body.faces.cpu().numpy()
    skin = faces[body.skin.cpu().numpy()[faces].all(1)]
    found = [Mesh(v, skin).outer(truth.up) for v in vertices]
    true = [truth.surfaces[i].outer(truth.up) for i in scored.tolist()]
    result = compare_clip(found, true, truth.up, SAMPLES)
    row: dict[str, Any] = {
        "clip": job.clip.name, "inputs": job.inputs, "variant": job.variant, "frames": len(own),
        "num_betas": job.num_betas, "held_out": job.hold_out, "frames_scored": scored.tolist(),
        "scale_error_percent": 100 * result.scale_error,
    }  # fmt: skip
    for name in ("similarity", "height", "camera"):
        row[name] = told(pooled(getattr(result, name)))

    weights, shape = body.lbs_weights.cpu().double().numpy(), []
    for t, motion in enumerate(result.motions):
        moved = repose_onto(
            motion(vertices[t]),
            found[t].faces,
            weights,
            motion(joints[t]),
            body.parents,
            true[t].vertices,
            true[t].faces,
        )
        shape.append(surface_distance(moved, found[t].faces, true[t].vertices, true[t].faces, SAMPLES))
    row["shape"] = told(pooled(shape))

    ours = pose_body(body, state).joints.cpu().double().numpy()[:, :24]
    theirs = truth.joints[own]
    scale = np.median(theirs[..., 2].mean(1) / ours[..., 2].mean(1))
    row["mpjpe_camera_mm"] = 1000 * mpjpe(scale * ours, theirs)
    row["mpjpe_root_mm"] = 1000 * mpjpe(scale * ours, theirs, root=0)
    row["pa_mpjpe_mm"] = 1000 * pa_mpjpe(ours, theirs)
    row["iou"] = float(np.mean(overlaps(body, state, own, truth)))
    left = np.array([i for i in range(len(truth.joints)) if i not in set(own.tolist()) and own[0] < i < own[-1]], int)
    left = left[:: max(1, len(left) // 60)]
    row["iou_left_out"] = float(np.mean(overlaps(body, between(state, own, left), left, truth))) if len(left) else None
    pictures = draw_pictures(job.name, job.clip, truth, body, state, seen, vertices, scored, result.motions, true)
    return row, pictures


def told(distance: Any) -> dict[str, float]:
    """Return mean and 95th percentile in mm, of both directions and of each."""
    values = {"to_truth": distance.forward, "from_truth": distance.backward}
    values["both"] = np.concatenate(list(values.values()))
    return {
        key: float(number)
        for name, v in values.items()
        for key, number in ((name, 1000 * v.mean()), (name + "_p95", 1000 * np.percentile(v, 95)))
    }


COLUMNS: dict[str, Callable[[dict[str, Any]], float | None]] = {
    **{
        f"{name}{suffix}": (lambda row, n=name, k=key: row[n][k])
        for name, keys in {
            "similarity": ("both",),
            "height": ("both", "both_p95", "to_truth", "from_truth"),
            "camera": ("both",),
            "shape": ("both", "both_p95"),
        }.items()
        for key in keys
        for suffix in [{"both": "", "both_p95": " p95", "to_truth": " →", "from_truth": " ←"}[key]]
    },
    "MPJPE": lambda row: row["mpjpe_camera_mm"],
    "root": lambda row: row["mpjpe_root_mm"],
    "PA": lambda row: row["pa_mpjpe_mm"],
    "scale %": lambda row: row["scale_error_percent"],
    "IoU %": lambda row: 100 * row["iou"],
    "left out %": lambda row: row["iou_left_out"] and 100 * row["iou_left_out"],
    "observe s": lambda row: row["seconds"]["observing"],
    "fit s": lambda row: row["seconds"]["fitting, all"],
    "GB": lambda row: row["peak_memory_gb"],
}
KEYS = ("inputs", "variant", "frames", "num_betas")


def table(rows: list[dict[str, Any]]) -> str:
    """Return the table in Markdown: every fit, then the mean over clips of each way of fitting."""
    lines = [f"| clip | inputs | variant | frames | betas | {' | '.join(COLUMNS)} |", "|---" * (5 + len(COLUMNS)) + "|"]

    def line(name: str, row: dict[str, Any], values: list[float | None]) -> str:
        told = " | ".join("–" if value is None else f"{value:.2f}" for value in values)
        return f"| {name} | {' | '.join(str(row[key]) for key in KEYS)} | {told} |"

    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        lines.append(line(row["clip"], row, [column(row) for column in COLUMNS.values()]))
        groups[tuple(row[key] for key in KEYS)].append(row)
    for group in groups.values():
        if len(group) > 1:
            each = [[v for row in group if (v := column(row)) is not None] for column in COLUMNS.values()]
            lines.append(line(f"**mean of {len(group)}**", group[0], [float(np.mean(v)) if v else None for v in each]))
    return "\n".join(lines)


def main(
    clips: tyro.conf.Positional[tuple[Path, ...]] = (),
    people: int = 0,
    frames: tuple[int, ...] = (120,),
    inputs: Literal["given", "raw", "both"] = "given",
    variants: tuple[str, ...] = ("base",),
    num_betas: tuple[int, ...] = (10,),
    hold_out: bool = False,
    size: int = 1080,
    device: str = "cpu",
    out: Path = OUT,
) -> None:
    """Fit every clip in every way, measure, and write ``table.md``, ``results.json`` and ``page.html``.

    Args:
        clips: folders with video.mp4, masks/, keypoints/, camera.json and gt.npz.
        people: how many people to make up; they are kept in the folder of the results.
        frames: use at most this many; several are compared.
        inputs: true masks and noisy true keypoints; or those that the program finds in the video; or both.
            Camera and height are given in any case.
        variants: names of schedules: base, and others with something changed.
        num_betas: shape coefficients; several are compared.
        hold_out: fit every second frame; the silhouettes of the others tell how well poses in between are met.
        size: of the videos of made-up people.
        device: where to compute.
        out: folder of the results.
    """
    unknown = [name for name in variants if name not in VARIANTS]
    if unknown:
        sys.exit(f"there is no variant {unknown[0]!r}; there are {', '.join(VARIANTS)}")
    folders = list(clips) + [write_person(out / "people" / f"person{s:02d}", s, size=size) for s in range(people)]
    if not folders:
        sys.exit("give folders of clips, or --people N")
    ways = ("given", "raw") if inputs == "both" else (inputs,)
    jobs = [
        Job(clip, way, variant, count, betas, hold_out, device, out)
        for way in ways for variant in variants for count in frames for betas in num_betas for clip in folders
    ]  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    rows, pictures = [], []
    for job in jobs:
        # a process of its own for each, so that the memory is that of one fit
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            row, drawn = pool.apply(run, (job,))
        rows.append(row)
        pictures.append(drawn)
        short = (
            f"height {row['height']['both']:.2f}, camera {row['camera']['both']:.2f}, shape {row['shape']['both']:.2f}"
        )
        print(f"{job.name}: {short} mm, IoU {row['iou']:.4f}", flush=True)
        cores = f"{torch.get_num_threads()} of {os.cpu_count()} CPU cores" if device == "cpu" else device
        text = table(rows)
        (out / "table.md").write_text(f"{text}\n\nDistances in mm; fitted on {cores}.\n")
        (out / "results.json").write_text(json.dumps(rows, indent=1))
        write_page(out / "page.html", rows, COLUMNS, pictures)
    print(f"\n{text}\n\n{out / 'page.html'}")


if __name__ == "__main__":
    tyro.cli(main)
