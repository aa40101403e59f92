"""What it costs to see a person in part: only the upper half, feet cut off for a while, away and back, legs hidden.

    python benchmarks/partial_views.py CLIP_FOLDER … [--views half feet leaves bar] [--inputs raw] [--out OUT]

Clips are those of ``benchmarks/motions.py write`` and others of the same layout. Of each the whole clip and its views
are fitted as users do, height and camera given. Compared are the joints that are truly in sight, in the same frames.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import tyro

from fit_avatar.avatar import Avatar
from lib.markdown import markdown_table
from lib.motion_scores import MotionJob, score
from lib.partial_views import VIEWS, compare_sighted, write_view

OUT = Path("out/partial_views")
HEADINGS = (
    "clip",
    "view",
    "exit",
    "frames",
    "PA in sight",
    "same of the whole clip",
    "ratio",
    "PA of all",
    "s",
    "said",
)


def main(
    clips: tyro.conf.Positional[tuple[Path, ...]],
    views: tuple[str, ...] = tuple(VIEWS),
    inputs: Literal["given", "true-masks", "true-keypoints", "raw"] = "raw",
    frames: int = 60,
    out: Path = OUT,
) -> None:
    """Print the table, and write it to ``table.md``.

    Args:
        clips: folders with video.mp4, masks/, keypoints/, camera.json and gt.npz.
        views: which are made.
        inputs: given hands over masks and keypoints, raw the video alone.
        frames: use at most this many.
        out: folder of the views and avatars.
    """
    rows = []
    for clip in clips:
        whole = MotionJob(clip, inputs, "motion", frames, out)
        done = score(whole)
        if done["exit"]:
            print(f"{clip}: {' '.join(done['said'])}", flush=True)
            continue
        for view in views:
            part = MotionJob(write_view(out / f"{clip.name}-{view}", view, clip), inputs, "motion", frames, out)
            row = score(part)
            numbers = ["–"] * 4
            if not row["exit"]:
                fits = [Avatar.load(out / "avatars" / job.name) for job in (part, whole)]
                own, same = compare_sighted(part.clip, clip, *fits)
                numbers = [f"{own:.0f}", f"{same:.0f}", f"{own / same:.2f}", f"{row['pa_mpjpe_mm']:.0f}"]
            used = f"{row.get('frames', 0)}"
            rows.append(
                [clip.name, view, f"{row['exit']}", used, *numbers, f"{row['seconds']:.0f}", " ".join(row["said"])]
            )
            print(" | ".join(rows[-1]), flush=True)
    table = markdown_table(HEADINGS, rows)
    (out / "table.md").write_text(f"{table}\n\nErrors in mm, fitted on {os.cpu_count()} CPU cores.\n")
    print(table)


if __name__ == "__main__":
    tyro.cli(main)
