"""Clips of people who stand side by side, cross, hide each other, shake hands, leave and return.

    python benchmarks/people_scenes.py [--scenes crossing …] [--recordings FOLDER] [--inputs raw keypoints] [--fit]

Are the right people observed, and with --fit: are they fitted, alone and in the scene of all? FOLDER holds ASF/AMC
files as for ``benchmarks/motions.py``; without it, scenes of people who walk are left out. Of each person: frames used,
in how many the right one is observed, how often that changes, overlap of the masks with what is truly seen of them,
distance of the outlines; with --fit errors of the joints when fitted alone (PA) and in the scene (PA, and MPJPE with
the pelvis in place, also against the nearest other person), of the distance between the pelvises, how deep one is
inside another, and frames in which the wrong one is nearer.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import tyro

from lib.crowd_scores import fit_everybody, score_everybody, score_identities, score_scene
from lib.crowds import IDENTITIES, SCENES, Recordings, needs_recordings, write_crowd
from lib.markdown import markdown_table

OUT = Path("out/people_scenes")
COLUMNS = {
    "scene": ("scene", "{}"), "inputs": ("inputs", "{}"), "--person": ("--person", "{}"), "person": ("person", "{}"),
    "used": ("used", "{}"), "right %": ("right", "{:.0%}"), "swaps": ("swaps", "{}"), "IoU": ("iou", "{:.3f}"),
    "worst": ("worst", "{:.3f}"), "outline px": ("outline_px", "{:.2f}"), "s": ("seconds", "{:.0f}"),
    "PA alone": ("pa_alone_mm", "{:.0f}"), "PA": ("pa_mpjpe_mm", "{:.0f}"), "MPJPE": ("mpjpe_mm", "{:.0f}"),
    "MPJPE of the other": ("mpjpe_of_other_mm", "{:.0f}"), "distance off": ("distance_mm", "{:.0f}"),
    "deepest": ("deepest_mm", "{:.0f}"), "wrong order": ("wrong_order", "{:.0%}"),
}  # fmt: skip
"""Headings, names in a row and formats; lengths in mm but for the outline."""


def main(
    scenes: tuple[str, ...] = tuple(SCENES),
    recordings: Path | None = None,
    recorded_fps: float = 120.0,
    inputs: tuple[Literal["raw", "keypoints"], ...] = ("raw", "keypoints"),
    frames: int = 60,
    size: int = 720,
    quality: Literal["fast", "balanced", "best"] = "balanced",
    fit: bool = False,
    out: Path = OUT,
) -> None:
    """Print the table.

    Args:
        scenes: which are made.
        recordings: folder of ASF and AMC files, for scenes of people who walk.
        recorded_fps: their frames a second.
        inputs: raw is the video alone; keypoints are those of everybody, in mixed order.
        frames: use at most this many.
        size: height of the picture in pixels.
        quality: of the fits.
        fit: also fit the preset motion to all people of the raw video, which takes minutes each.
        out: folder of the scenes and avatars.
    """
    rows = []
    for scene in scenes:
        if recordings is None and needs_recordings(scene):
            print(f"{scene}: left out, which takes --recordings", flush=True)
            continue
        folder = out / scene.replace(" ", "-")
        write_crowd(folder, scene, size=size, recordings=Recordings(recordings, recorded_fps))
        for way in inputs:
            if scene in IDENTITIES:
                scores = score_identities(folder, way == "keypoints")
            else:
                scores = score_scene(folder, way == "keypoints", frames)
            if fit and way == "raw" and scene not in IDENTITIES:
                said = fit_everybody(folder, frames, folder / "avatars", "--quality", quality)
                found = {} if said else score_everybody(folder, folder / "avatars")
                scores = [{**row, **found.get(row["--person"], {}), "said": said or row["said"]} for row in scores]
            for score in scores:
                rows.append([form.format(score[key]) if key in score else "–" for key, form in COLUMNS.values()])
                print(" | ".join(rows[-1]), score["said"], flush=True)
    print(markdown_table(tuple(COLUMNS), rows))


if __name__ == "__main__":
    tyro.cli(main)
