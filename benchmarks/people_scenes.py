"""Clips of two people who stand, cross, hide each other, leave and return: is the right one observed and fitted?

    python benchmarks/people_scenes.py CLIPS [--scenes crossing …] [--inputs raw keypoints] [--fit]

CLIPS is a folder with the clips walk, punch, kick, reach, dance and sit_stand of ``benchmarks/motions.py write``, out
of which people are cut. Prints for each person: frames used, in how many the right person is observed, overlap of the
masks with what is truly seen of them, distance of the outlines; with --fit also errors of joints.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import tyro

from lib.crowd_scores import score_fit, score_scene
from lib.crowds import SCENES, write_crowd
from lib.markdown import markdown_table

OUT = Path("out/people_scenes")
HEADINGS = ("scene", "inputs", "--person", "person", "used", "right %", "IoU", "worst", "outline px", "s", "PA mm")


def main(
    clips: tyro.conf.Positional[Path],
    scenes: tuple[str, ...] = tuple(SCENES),
    inputs: tuple[Literal["raw", "keypoints"], ...] = ("raw", "keypoints"),
    frames: int = 60,
    fit: bool = False,
    out: Path = OUT,
) -> None:
    """Print the table.

    Args:
        clips: folder of the clips.
        scenes: which are made.
        inputs: raw is the video alone; keypoints are those of everybody, in mixed order.
        frames: use at most this many.
        fit: also fit the preset motion to each person of the raw video, which takes minutes each.
        out: folder of the scenes and avatars.
    """
    rows = []
    for scene in scenes:
        folder = write_crowd(out / scene.replace(" ", "-"), scene, clips)
        for way in inputs:
            for score in score_scene(folder, way == "keypoints", frames):
                number = score["--person"]
                if fit and way == "raw" and "person" in score:
                    score |= score_fit(folder, score["person"], number, frames, folder / f"avatar_{number}")
                rows.append(_row(score))
                print(" | ".join(rows[-1]), score["said"], flush=True)
    print(markdown_table(HEADINGS, rows))


def _row(score: dict[str, object]) -> list[str]:
    forms = {
        "scene": "{}", "inputs": "{}", "--person": "{}", "person": "{}", "used": "{}", "right": "{:.0%}",
        "iou": "{:.3f}", "worst": "{:.3f}", "outline_px": "{:.2f}", "seconds": "{:.0f}", "pa_mpjpe_mm": "{:.0f}",
    }  # fmt: skip
    return [form.format(score[key]) if key in score else "–" for key, form in forms.items()]


if __name__ == "__main__":
    tyro.cli(main)
