"""How accurate the avatars are, on clips whose truth is known: tables, and a page with pictures.

    python benchmarks/accuracy.py [CLIP_FOLDER …] [--people 4] [--wear hat …] [--inputs given raw] [--variants terms]

Clips are folders as ``benchmarks/README.md`` describes them, or synthetic people of ``benchmarks/people.py``. It needs
Open3D: pip install '.[evaluate]'.
"""

from __future__ import annotations

import json
import os
import sys
from itertools import product
from pathlib import Path
from typing import Literal

import torch
import tyro

from lib.accuracy_table import accuracy_columns, seconds_columns, table
from lib.chosen_clips import chosen_clips
from lib.inputs import INPUTS
from lib.page import write_page
from lib.process import in_a_process
from lib.timed_fit import Job, observe_first, run
from lib.variants import GROUPS, VARIANTS

OUT = Path("out/accuracy")


def main(
    clips: tyro.conf.Positional[tuple[Path, ...]] = (),
    people: int = 0,
    wear: tuple[str, ...] = ("",),
    steps: bool = False,
    frames: tuple[int, ...] = (120,),
    inputs: tuple[Literal["given", "true-masks", "true-keypoints", "raw", "all"], ...] = ("given",),
    variants: tuple[str, ...] = ("base",),
    num_betas: tuple[int, ...] = (10,),
    camera: tuple[Literal["given", "guessed"], ...] = ("given",),
    no_height: bool = False,
    hold_out: bool = False,
    texture: bool = False,
    size: int = 1080,
    device: str = "cpu",
    shoes: Literal["auto", "yes", "no"] | None = None,
    out: Path = OUT,
) -> None:
    """Fit every clip in every way, measure, and write ``table.md``, ``results.json`` and ``page.html``.

    Args:
        clips: folders with video.mp4, masks/, keypoints/, camera.json and gt.npz.
        people: how many synthetic people to make, of each that is worn; they are kept in the folder of the results.
        wear: what they wear, as for people.py.
        steps: synthetic people step around, as for people.py.
        frames: use at most this many; several are compared.
        inputs: given hands over the clip's masks and keypoints, true-masks and true-keypoints one of them, raw none:
            the program detects the rest in the video. All compares the four.
        variants: names of schedules: base, and others with something changed; "terms" leaves out one term at a time,
            "all" is every variant.
        num_betas: shape coefficients, up to 16; 0 keeps the average body, scaled to the height. Several are compared.
        camera: the true one, or the program's guess for an unknown one; both are compared if both are given.
        no_height: do not give the person's height.
        hold_out: fit every second frame; the silhouettes of the others measure the interpolated poses.
        texture: also make a texture of some frames, and score it on others.
        size: of the videos of synthetic people, in pixels.
        device: to compute on.
        shoes: whether people wear shoes, as for the command; by default as the command has it.
        out: folder of the results.
    """
    ways = list(INPUTS) if "all" in inputs else list(inputs)
    names = list(dict.fromkeys(name for given in variants for name in GROUPS.get(given, (given,))))
    unknown = [name for name in names if name not in VARIANTS]
    if unknown:
        sys.exit(f"there is no variant {unknown[0]!r}; there are {', '.join([*GROUPS, *VARIANTS])}")
    folders = chosen_clips(clips, people, wear, size, out, steps)
    jobs = [
        Job(clip, way, variant, count, betas, lens, not no_height, hold_out, texture, device, shoes, out)
        for way, variant, count, betas, lens, clip in product(ways, names, frames, num_betas, camera, folders)
    ]
    out.mkdir(parents=True, exist_ok=True)
    rows, pictures, done, text = [], [], set(), ""
    for job in jobs:
        observed = (job.clip, job.inputs)
        if observed not in done:
            in_a_process(observe_first, job)
            done.add(observed)
        row, drawn = in_a_process(run, job)
        rows.append(row)
        pictures.append(drawn)
        errors = ", ".join(f"{name} {row[name]['both']:.2f}" for name in ("height", "camera", "shape"))
        print(f"{job.name}: {errors} mm, PA {row['pa_mpjpe_mm']:.1f} mm, IoU {row['iou']:.4f}", flush=True)
        cores = f"{torch.get_num_threads()} of {os.cpu_count()} CPU cores" if device == "cpu" else device
        columns = accuracy_columns(rows)
        text = f"{table(rows, columns)}\n\nDistances in mm; fitted on {cores}.\n\nSeconds of each action:\n\n"
        text += table(rows, seconds_columns(rows))
        (out / "table.md").write_text(f"{text}\n")
        (out / "results.json").write_text(json.dumps(rows, indent=1))
        write_page(out / "page.html", rows, columns, pictures)
    print(f"\n{text}\n\n{out / 'page.html'}")


if __name__ == "__main__":
    tyro.cli(main, config=(tyro.conf.FlagCreatePairsOff,))
