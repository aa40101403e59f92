"""What disturbances cost: clips with known truth are spoilt in many ways, fitted, and measured against the truth.

    python benchmarks/robustness.py [CLIP_FOLDER …] [--people 1] [--inputs given raw] [--only half-turn start-90]

Every disturbance rewrites the clip's files, which are then observed, checked and fitted as a user's files are. The rows
have the error, its ratio to the error of the undisturbed clip, and the warnings; a refusal is repeated on the command
line. It needs Open3D: pip install '.[evaluate]'.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import traceback
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import tyro

from fit_avatar.body import Body, BodyState, load_body, pose_body
from fit_avatar.capture import Capture
from fit_avatar.capture.source import Source
from fit_avatar.errors import FitAvatarError
from fit_avatar.evaluate import Mesh, compare_clip, iou, pa_mpjpe, pooled
from fit_avatar.fitting import video_avatar
from fit_avatar.io.runner import Runner
from fit_avatar.options import Options
from fit_avatar.pipeline import reconstruct
from fit_avatar.progress import Silent
from fit_avatar.visibility import silhouette
from lib.command_line import command
from lib.disturbances import DISTURBANCES
from lib.film import Film, Original, write_film
from lib.inputs import INPUTS
from lib.measure import distance_numbers, interpolated, skin_faces
from lib.process import in_a_process, peak_memory_gb
from lib.robustness_table import overview, table
from lib.synthetic_person import write_person
from lib.true_clip import TrueClip, read_clip

OUT = Path("out/robustness")
SAMPLES = 10_000
SCORED = 4
"""True surfaces that are compared."""


@dataclass(frozen=True)
class Job:
    """One disturbance of one clip."""

    clip: Path
    name: str
    frames: int
    inputs: str
    out: Path

    @property
    def folder(self) -> Path:
        """Return where the disturbed clip is written."""
        return self.out / "clips" / f"{self.clip.name}-{self.inputs}-{self.name}"


def run(job: Job) -> dict[str, Any] | None:
    """Disturb, observe, fit and measure; None if the disturbance changes nothing that the program is given."""
    clip = read_clip(job.clip)
    original = Original(clip)
    with_all = np.arange(original.count)
    film = DISTURBANCES[job.name](Film(original, clip.camera, clip.fps, with_all, np.ones(original.count, bool)))
    if job.inputs == "raw" and not (film.changes_picture or film.camera != clip.camera or job.name == "undisturbed"):
        return None
    write_film(film, job.folder)
    row: dict[str, Any] = {"clip": job.clip.name, "disturbance": job.name, "inputs": job.inputs}
    given = {name: job.folder / name for name in INPUTS[job.inputs]}
    runner = Runner(None, Silent())
    try:
        source = Source.of(video=job.folder / "video.mp4", camera=film.camera, max_frames=job.frames, **given)
        options = Options(video_avatar(), clip.height_m, texture_size=0)
        avatar = reconstruct(source, load_body(), options, runner).avatar
    except FitAvatarError as error:
        code, said = on_the_command_line(job, replace(clip, folder=job.folder))
        return row | {"outcome": "refused", "said": str(error), "exit_code": code, "cli_said": said}
    except Exception:
        return row | {"outcome": "crashed", "said": traceback.format_exc()}
    seconds = {stage["name"]: stage["seconds"] for stage in runner.done}
    return row | {
        "outcome": "fitted",
        "observe_s": seconds["observe"],
        "fit_s": sum(seconds[action.name] for action in options.schedule.actions),
        "peak_memory_gb": peak_memory_gb(),
        "warnings": list(avatar.warnings),
        **measure(film, avatar.body, avatar.state, avatar.capture),
    }


def measure(film: Film, body: Body, state: BodyState, capture: Capture) -> dict[str, Any]:
    """Return the errors of a fit."""
    clip, fitted = film.original.clip, capture.frame_indices
    surface = skin_faces(body)
    skin = surface.cpu().numpy()
    places: list[tuple[int, int]] = []
    for truth in sorted(clip.surfaces):
        shown = [p for p in np.flatnonzero((film.source == truth) & film.scored) if fitted[0] <= p <= fitted[-1]]
        if shown:
            places.append((truth, int(min(shown, key=lambda p: np.abs(fitted - p).min()))))
    places = [places[i] for i in np.unique(np.linspace(0, len(places) - 1, SCORED).round().astype(int))]
    vertices = [
        pose_body(body, interpolated(state, fitted, np.array([p]))).vertices[0].cpu().double().numpy()
        for _, p in places
    ]
    found = [Mesh(v, skin).outer(clip.up) for v in vertices]
    true = [clip.surfaces[i].outer(clip.up) for i, _ in places]
    height = distance_numbers(pooled(compare_clip(found, true, clip.up, SAMPLES).height))

    scored = np.flatnonzero(film.scored[fitted])
    posed = pose_body(body, state)
    joints = posed.joints.cpu().double().numpy()[scored, :24]
    agreement = [
        iou(
            silhouette(posed.vertices[t], surface, capture.camera).cpu().numpy(), film.shot(int(fitted[t])).true_mask
        )
        for t in scored
    ]  # fmt: skip
    return {
        "frames": len(fitted),
        "height_mm": height["both"],
        "height_p95_mm": height["both_p95"],
        "pa_mpjpe_mm": 1000 * pa_mpjpe(joints, clip.joints[film.source[fitted[scored]]]),
        "iou": float(np.mean(agreement)),
        "scored": [int(truth) for truth, _ in places],
    }


def on_the_command_line(job: Job, clip: TrueClip) -> tuple[int, str]:
    """Return the exit code and the last line of the same clip, given to the program as a user would."""
    words = command(clip, job.inputs, job.frames, job.folder / "out", "--texture-size", "256", "--quality", "fast")
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    lines = done.stderr.strip().splitlines()
    return done.returncode, lines[-1] if lines else ""


def main(
    clips: tyro.conf.Positional[tuple[Path, ...]] = (),
    people: int = 0,
    frames: int = 24,
    inputs: tuple[Literal["given", "raw"], ...] = ("given",),
    only: tuple[str, ...] = (),
    keep: bool = False,
    out: Path = OUT,
) -> None:
    """Disturb clips, fit them, and write ``table.md`` and ``results.json``.

    Args:
        clips: folders with video.mp4, masks/, keypoints/, camera.json and gt.npz.
        people: how many synthetic people to make; they are kept in the folder of the results.
        frames: use at most this many.
        inputs: hand over masks and keypoints (given), or only the video (raw); both are compared. Camera and height
            are given in any case.
        only: names of disturbances; by default all. Rows of earlier runs stay in the files.
        keep: keep the disturbed clips.
        out: folder of the results.
    """
    unknown = [name for name in only if name not in DISTURBANCES]
    if unknown:
        sys.exit(f"there is no disturbance {unknown[0]!r}; there are {', '.join(DISTURBANCES)}")
    folders = list(clips) + [write_person(out / "people" / f"person{s:02d}", s) for s in range(people)]
    if not folders:
        sys.exit("give folders of clips, or --people N")
    out.mkdir(parents=True, exist_ok=True)
    kept = out / "results.json"
    rows: list[dict[str, Any]] = json.loads(kept.read_text()) if kept.exists() else []
    order = list(DISTURBANCES)
    text = "no disturbance applies"
    for way in inputs:
        for folder, name in product(folders, only or order):
            job = Job(folder, name, frames, way, out)
            done = in_a_process(run, job, fork=True)
            if not keep:
                shutil.rmtree(job.folder, ignore_errors=True)
            if done is None:
                continue
            row = {**done, "frames_wanted": frames}
            same = ("clip", "disturbance", "inputs", "frames_wanted")
            rows = [r for r in rows if any(r[k] != row[k] for k in same)] + [row]
            rows.sort(key=lambda r: (r["clip"], r["inputs"], r["frames_wanted"], order.index(r["disturbance"])))
            number = f"{row['height_mm']:.2f} mm, PA {row['pa_mpjpe_mm']:.1f}" if "height_mm" in row else row["said"]
            print(f"{folder.name} {way} {name}: {row['outcome']}, {number}", flush=True)
            kept.write_text(json.dumps(rows, indent=1))
            cores = f"{torch.get_num_threads()} of {os.cpu_count()} CPU cores"
            text = f"{overview(rows)}\n\n{table(rows)}"
            (out / "table.md").write_text(f"{text}\n\nGiven height; up to {frames} frames; fitted on {cores}.\n")
    print(f"\n{text}\n\n{out / 'table.md'}")


if __name__ == "__main__":
    tyro.cli(main)
