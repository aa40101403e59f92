"""How time and memory grow with the number of frames: one clip through the whole command line, each time afresh.

    python benchmarks/growth.py [CLIP_FOLDER] [--frames 30 60 120 240] [--inputs given|raw]

Every run is a process of its own, which takes evenly spread frames of the same clip. A clip that has fewer than are
asked for is played forwards and backwards; without a clip, a synthetic person is rendered with as many.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tyro

from lib.command_line import make_avatar
from lib.figures import draw_growth
from lib.film import Film, Original, write_film
from lib.markdown import markdown_table
from lib.synthetic_person import write_person
from lib.true_clip import TrueClip, read_clip

OUT = Path("out/growth")
TOTAL, MEMORY = "total", "peak GB"
PROCESSOR = "processor time"
"""Of all cores together, which hardly depends on what else the machine does."""
NO_STAGES = (TOTAL, PROCESSOR, MEMORY)


def lengthened(clip: TrueClip, frames: int, folder: Path) -> TrueClip:
    """Return a clip with at least so many frames: itself, or played forwards and backwards."""
    original = Original(clip)
    if original.count >= frames:
        return clip
    there_and_back = np.concatenate([np.arange(original.count), np.arange(original.count)[::-1]])
    source = np.resize(there_and_back, frames)
    write_film(Film(original, clip.camera, clip.fps, source, np.ones(frames, bool), changes_picture=True), folder)
    return replace(clip, folder=folder)


def run(clip: TrueClip, inputs: str, frames: int, out: Path) -> dict[str, float]:
    """Make an avatar in a process of its own, and return the seconds of every stage and the peak memory."""
    before = _processor_s()
    make_avatar(clip, inputs, frames, out)
    processor_s = _processor_s() - before
    metrics = json.loads((out / "metrics.json").read_text())
    if metrics["frames_used"] < 0.9 * frames:
        sys.exit(f"only {metrics['frames_used']} of {frames} frames of {clip.folder} could be used")
    seconds = {stage["name"]: float(stage["seconds"]) for stage in metrics["seconds"]["stages"]}
    return {**seconds, TOTAL: sum(seconds.values()), PROCESSOR: processor_s, MEMORY: float(metrics["peak_memory_gb"])}


def _processor_s() -> float:
    """Return the processor time of all processes that this one has waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def exponent(frames: list[int], values: list[float]) -> float:
    """Return the p of the frames^p that is nearest to the values, by least squares of the logarithms."""
    slope, _ = np.polyfit(np.log(frames), np.log(np.maximum(values, 1e-3)), 1)
    return float(slope)


def stage_names(runs: Mapping[int, Mapping[str, float]]) -> list[str]:
    """Return the stages that some run had, in order."""
    return list(dict.fromkeys(name for run in runs.values() for name in run if name not in NO_STAGES))


def table(runs: dict[int, dict[str, float]]) -> str:
    """Return a row for every stage with its values and its exponent."""
    counts, lines = list(runs), []
    for name in (*stage_names(runs), *NO_STAGES):
        values = [values.get(name, 0.0) for values in runs.values()]
        grows = f"{exponent(counts, values):.2f}" if len(counts) > 1 and min(values) >= 0.1 else "–"
        lines.append([name, *(f"{value:.2f}" for value in values), grows])
    return markdown_table(["seconds", *(f"{count} frames" for count in counts), "exponent"], lines)


def curves(runs: Mapping[int, Mapping[str, float]]) -> dict[str, list[float]]:
    """Return the seconds of the stages that are worth a curve: they take a twentieth of the largest run or more."""
    largest = runs[max(runs)]
    names = [name for name in stage_names(runs) if largest.get(name, 0.0) >= 0.05 * largest[TOTAL]]
    return {name: [values.get(name, 0.0) for values in runs.values()] for name in (TOTAL, *names)}


def main(
    clip: tyro.conf.Positional[Path | None] = None,
    frames: tuple[int, ...] = (30, 60, 120, 240),
    inputs: Literal["given", "raw"] = "given",
    seed: int = 0,
    size: int = 1080,
    out: Path = OUT,
) -> None:
    """Fit with more and more frames, and write ``table.md``, ``results.json`` and ``growth.png``.

    Args:
        clip: folder with video.mp4, masks/, keypoints/, camera.json and gt.npz; without it a synthetic person is made.
        frames: how many, for each run.
        inputs: hand over masks and keypoints (given), or only the video (raw).
        seed: of the synthetic person.
        size: of the synthetic person's video.
        out: folder of the results.
    """
    out.mkdir(parents=True, exist_ok=True)
    most = max(frames)
    if clip is None:
        film = read_clip(write_person(out / f"person{seed:02d}-{most}", seed, most, size))
        about = f"{most} frames of one turn of a synthetic person"
    else:
        film = lengthened(read_clip(clip), most, out / f"{clip.name}-{most}")
        about = clip.name if film.folder == clip else f"{clip.name}, played forwards and backwards"
    runs: dict[int, dict[str, float]] = {}
    results: dict[str, Any] = {"clip": about, "inputs": inputs, "runs": runs}
    for count in sorted(frames):
        runs[count] = run(film, inputs, count, out / f"{count}-frames")
        print(f"{count} frames: {runs[count][TOTAL]:.1f} s, {runs[count][MEMORY]:.2f} GB", flush=True)
        (out / "results.json").write_text(json.dumps(results, indent=1))
        (out / "table.md").write_text(f"{table(runs)}\n\nClip: {about}; inputs: {inputs}.\n")
        draw_growth(out / "growth.png", list(runs), curves(runs))
    print(f"\n{table(runs)}\n\n{out / 'table.md'}, {out / 'growth.png'}")


if __name__ == "__main__":
    tyro.cli(main)
