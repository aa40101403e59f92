"""Compare the presets on the bundled clip, as a table in Markdown.

    python benchmarks/presets.py              print it
    python benchmarks/presets.py --write      put it into docs/presets.md, too

Presets for clips get its frames, those for photographs one or eight of them. Observations, camera (from
assets/LICENSE-demo.md) and height are the same for all. Silhouette IoU and keypoint error measure agreement with the
observations, not with the true surface.
"""

from __future__ import annotations

import os
import re
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import tyro

from fit_avatar.body import Body, load_body
from fit_avatar.capture import Camera, Capture, observe
from fit_avatar.capture.source import Source
from fit_avatar.correspondence import SurfaceTracker
from fit_avatar.fitting import PRESETS, fit
from fit_avatar.report import measure_agreement
from lib.inputs import spread

ROOT = Path(__file__).parents[1]
VIDEO = ROOT / "assets" / "demo.mp4"
CAMERA = Camera(1518.0, 1518.0, 540.0, 540.0, 1080, 1080)
HEIGHT_M = 1.79
PICTURES = {"smplify": 1, "smplify-x": 1, "octopus": 8}
"""How many frames the presets for photographs get."""
PLACE = re.compile(r"(<!-- presets table:.*?-->\n).*?(<!-- end of presets table -->)", re.DOTALL)


def row(name: str, body: Body, capture: Capture, device: str) -> str:
    """Run one preset and return its row."""
    taken = replace(spread(capture, PICTURES[name]), fps=1.0) if name in PICTURES else capture
    began = time.perf_counter()
    tracker = SurfaceTracker(body, taken, Source(CAMERA, VIDEO).pictures(taken))
    fitted = fit(body, taken, height_m=HEIGHT_M, schedule=name, device=device, match_surface=tracker.match)
    seconds = time.perf_counter() - began
    agreement = measure_agreement(body, fitted.body_state(body), taken)
    iterations = sum(summary.iterations for _, summary in fitted.solves)
    error = np.nanmean(agreement.keypoint_error_px)
    frames = len(taken.frame_indices)
    return f"| `{name}` | {frames} | {iterations} | {agreement.iou.mean():.3f} | {error:.1f} | {seconds:.1f} |"


def main(frames: int = 120, device: str = "cpu", write: bool = False) -> None:
    """Run every preset.

    Args:
        frames: of the clip.
        device: to compute on.
        write: put the table into docs/presets.md.
    """
    body = load_body().to(device)
    capture = observe(VIDEO, camera=CAMERA, frames=frames)
    cores = f"{torch.get_num_threads()} of {os.cpu_count()} CPU cores" if device == "cpu" else device
    lines: list[str] = []

    def show(line: str) -> None:
        print(line, flush=True)
        lines.append(line)

    show("| preset | frames | iterations | silhouette IoU | keypoint error (px) | seconds |")
    show("|---|---|---|---|---|---|")
    for name in (name for name in PRESETS if name != "track"):  # which needs an avatar
        show(row(name, body, capture, device))
    show("")
    show(f"Default body, {cores}; without observing the clip, which is the same for all.")
    if write:
        page, table = ROOT / "docs" / "presets.md", "\n".join(lines)
        page.write_text(PLACE.sub(lambda found: f"{found[1]}{table}\n\n{found[2]}", page.read_text()))


if __name__ == "__main__":
    tyro.cli(main, config=(tyro.conf.FlagCreatePairsOff,))
