"""A fit and its texture on a graphics card against the same on the CPU, and clips fitted together against one by one.

    python benchmarks/device.py [--device cuda] [--frames 40] [--clips 4] [--video VIDEO]

Run it where you have a card, to see that it gives what the CPU gives, and what it saves. Without one it compares the
CPU with itself.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import tyro
from numpy.typing import NDArray

from fit_avatar import load_body
from fit_avatar.body import pose_body
from fit_avatar.body.model import Body
from fit_avatar.capture import camera_from, observe, probe, read_frames
from fit_avatar.capture.types import Capture
from fit_avatar.config import resolve_device
from fit_avatar.fitting import FitState, fit, fit_batch, preset, some_frames
from fit_avatar.fitting.state import calibrated
from fit_avatar.texture import Texture, bake
from lib.markdown import markdown_table

Picture = tuple[int, NDArray[np.uint8]]
DEMO = Path(__file__).parents[1] / "assets" / "demo.mp4"


class Clock:
    """When each action of a schedule began."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.began: dict[str, float] = {}

    def now(self) -> float:
        """Return the time at which the device has done all that it was asked for."""
        if self.device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    def __call__(self, action: str, done: int, total: int) -> None:
        """Note an action's progress."""
        self.began.setdefault(action, self.now())


def stages(body: Body, seen: Capture, device: str) -> tuple[dict[str, float], FitState]:
    """Return the seconds between the first steps of one action and of the next, and the state."""
    fit(
        body, some_frames(seen, slice(8)), schedule=preset("motion").with_action("final consensus shape"), device=device
    )
    clock = Clock(device)
    state = fit(body, seen, schedule="motion", device=device, progress=clock)
    ends = [*list(clock.began.values())[1:], clock.now()]
    return {name: end - start for (name, start), end in zip(clock.began.items(), ends, strict=True)}, state.to(
        torch.device("cpu")
    )


def textured(
    body: Body, seen: Capture, state: FitState, pictures: Sequence[Picture], device: str
) -> tuple[float, Texture]:
    """Return the seconds of making a texture, decoding left out, and the texture."""
    there = body.to(device)
    given = there, state.to(torch.device(device)).body_state(there), seen
    bake(*given, pictures[:8], size=256)
    clock = Clock(device)
    start = clock.now()
    texture = bake(*given, pictures)
    return clock.now() - start, texture


def together(body: Body, clips: Sequence[Capture], device: str) -> tuple[float, float]:
    """Return the seconds of tracking clips one by one, and as one batch."""
    plan = preset("motion")
    solves = [action for action in plan.actions if "consensus shape" not in action.name]
    clock = Clock(device)
    start = clock.now()
    for seen in clips:
        fit(body, seen, schedule=solves, device=device)
    middle = clock.now()
    fit_batch(body, clips, schedule=solves, device=device)
    return middle - start, clock.now() - middle


def main(device: str = "auto", frames: int = 40, clips: int = 4, video: Path = DEMO) -> None:
    """Print two tables.

    Args:
        device: to compare with the CPU: auto, cpu or cuda.
        frames: of the clip that is fitted.
        clips: into so many the clip is cut, to be fitted together.
        video: the clip.
    """
    chosen, body = resolve_device(device), load_body()
    camera = camera_from(probe(video).width, probe(video).height)[0]
    seen = some_frames(observe(video, camera=camera), slice(frames))
    cpu, expected = stages(body, seen, "cpu")
    there, found = stages(body, seen, chosen)
    pictures = list(read_frames(video, seen.frame_indices.tolist()))
    filmed = calibrated(seen, expected)
    painted = {where: textured(body, filmed, expected, pictures, where) for where in dict.fromkeys(["cpu", chosen])}
    cpu["texture"], there["texture"] = painted["cpu"][0], painted[chosen][0]
    rows = [[name, f"{cpu[name]:.2f}", f"{there[name]:.2f}", f"{cpu[name] / there[name]:.1f}"] for name in cpu]
    rows.append(
        ["all", *(f"{sum(s.values()):.2f}" for s in (cpu, there)), f"{sum(cpu.values()) / sum(there.values()):.1f}"]
    )
    print(markdown_table([f"{len(seen.frame_indices)} frames, seconds", "cpu", chosen, "cpu / " + chosen], rows))
    vertices = [pose_body(body, state.body_state(body)).vertices for state in (expected, found)]
    apart = (vertices[0] - vertices[1]).norm(dim=-1)
    print(f"\nvertices differ by {1e3 * float(apart.mean()):.2f} mm in the mean\n")
    image, other = (painted[where][1].image.astype(float) for where in ("cpu", chosen))
    print(f"texels of the same fit differ by {abs(image - other).mean():.2f} grey levels in the mean\n")
    size = len(seen.frame_indices) // clips
    parts = [some_frames(seen, slice(i * size, (i + 1) * size)) for i in range(clips)]
    rows = []
    for where in dict.fromkeys(["cpu", chosen]):
        alone, batch = together(body, parts, where)
        rows.append([where, f"{alone:.2f}", f"{batch:.2f}", f"{alone / batch:.2f}"])
    print(markdown_table([f"{clips} clips of {size} frames, tracked", "one by one", "together", "ratio"], rows))


if __name__ == "__main__":
    tyro.cli(main)
