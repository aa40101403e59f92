"""Clips with known truth of synthetic people who move freely, and what fits make of such clips.

    python benchmarks/motions.py write OUT [--recordings FOLDER] [--only walk kick] [--size 720] [--frames 60]
    python benchmarks/motions.py score CLIP_FOLDER … [--presets motion] [--inputs given raw] [--ablation]
        [--untold]

FOLDER holds ASF/AMC files of the CMU Graphics Lab Motion Capture Database (mocap.cs.cmu.edu); without it, the motions
are the ones that are made of curves. ``benchmarks/README.md`` describes the folders that are written.
"""

from __future__ import annotations

import json
import os
import sys
from itertools import product
from pathlib import Path
from typing import Any, Literal

import tyro

from fit_avatar.fitting import PRESETS, preset
from lib.motion_scores import KEYS, UNTOLD, MotionJob, parts_of, score, score_part, table
from lib.motions import CURVES, TAKES, recorded
from lib.moved_person import write_moved_person
from lib.process import in_a_process

OUT = Path("out/motions")
NOTE = "Joints in mm, hips aligned; accelerations in m/s². Fitted on"


def write(
    out: tyro.conf.Positional[Path],
    recordings: Path | None = None,
    recorded_fps: float = 120.0,
    only: tuple[str, ...] = (),
    frames: int = 60,
    size: int = 720,
) -> None:
    """Write clips.

    Args:
        out: the folder.
        recordings: folder of ASF and AMC files, for walk, run, punch, jump and sword.
        recorded_fps: their frames a second.
        only: names of motions; by default all that there are.
        frames: in each clip, at most.
        size: height of the picture in pixels.
    """
    names = [*TAKES, *CURVES]
    unknown = [name for name in only if name not in names]
    if unknown:
        sys.exit(f"there is no motion {unknown[0]!r}; there are {', '.join(names)}")
    for seed, name in enumerate(names):
        if only and name not in only:
            continue
        if name in CURVES:
            motion, facing = CURVES[name].make(frames), CURVES[name].facing_deg
        elif recordings is not None:
            motion, facing = recorded(recordings, TAKES[name], frames, recorded_fps), TAKES[name].facing_deg
        else:
            print(f"{name}: left out, which takes --recordings", flush=True)
            continue
        print(write_moved_person(out / name, seed, motion, facing, name, size), flush=True)


def score_clips(
    clips: tyro.conf.Positional[tuple[Path, ...]],
    presets: tuple[str, ...] = ("motion",),
    inputs: tuple[Literal["given", "true-masks", "true-keypoints", "raw"], ...] = ("given", "raw"),
    frames: int = 60,
    ablation: bool = False,
    untold: bool = False,
    out: Path = OUT,
) -> None:
    """Fit clips, measure the motions, and write ``table.md`` and ``results.json``.

    Args:
        clips: folders with video.mp4, masks/, keypoints/, camera.json and gt.npz.
        presets: to compare.
        inputs: given hands over masks and keypoints, raw the video alone. Camera and height are given in any case.
        frames: use at most this many.
        ablation: instead of running the program as users do, fit with 2D points alone, and let directions, outlines,
            prior and contact join one after the other; nothing is refused.
        untold: likewise, but with all terms and no directions in 3D, as captures from a script or from other programs'
            2D points may have none: once from a single start, once with the search for the ways in which limbs point.
        out: folder of the results; rows of earlier runs stay in them.
    """
    if not clips:
        sys.exit("give folders of clips; python benchmarks/motions.py write makes some")
    unknown = [name for name in presets if name not in PRESETS]
    if unknown:
        sys.exit(f"there is no preset {unknown[0]!r}; there are {', '.join(PRESETS)}")
    out.mkdir(parents=True, exist_ok=True)
    kept, text = out / "results.json", ""
    rows: list[dict[str, Any]] = json.loads(kept.read_text()) if kept.exists() else []
    for method, way, clip in product(presets, inputs, clips):
        parts = [*(parts_of(preset(method)) if ablation else []), *(UNTOLD if untold else [])]
        for part in parts or [""]:
            job = MotionJob(clip, way, method, frames, out, part)
            row = in_a_process(score_part if part else score, job)
            rows = [old for old in rows if any(old[key] != row[key] for key in KEYS)] + [row]
            number = f"PA {row['pa_mpjpe_mm']:.0f} mm" if "pa_mpjpe_mm" in row else " ".join(row["said"])
            print(f"{job.name}: exit {row['exit']}, {row['seconds']:.0f} s, {number}", flush=True)
            text = table(rows)
            kept.write_text(json.dumps(rows, indent=1))
            (out / "table.md").write_text(f"{text}\n\n{NOTE} {os.cpu_count()} CPU cores.\n")
    print(f"\n{text}\n\n{out / 'table.md'}")


if __name__ == "__main__":
    tyro.extras.subcommand_cli_from_dict({"write": write, "score": score_clips})
