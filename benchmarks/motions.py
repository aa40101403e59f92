"""Clips with known truth of synthetic people who move freely.

    python benchmarks/motions.py write OUT [--recordings FOLDER] [--only walk kick] [--size 720] [--frames 60]

FOLDER holds ASF/AMC files of the CMU Graphics Lab Motion Capture Database (mocap.cs.cmu.edu); without it, the motions
are the ones that are made of curves. ``benchmarks/README.md`` describes the folders that are written.
"""

from __future__ import annotations

import sys
from pathlib import Path

import tyro

from lib.motions import CURVES, TAKES, recorded
from lib.moved_person import write_moved_person


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


if __name__ == "__main__":
    tyro.extras.subcommand_cli_from_dict({"write": write})
