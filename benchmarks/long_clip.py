"""What a pose for every frame of a long clip costs, and whether the files hold it: a short clip, looped.

    python benchmarks/long_clip.py [CLIP.mp4] [--seconds 30] [--fps 25] [--frames 120]

The clip is fitted with its motion left at the fitted frames, and then again in the same folder with the motion of every
frame, so that the second run does only what the first has not done. Printed are the seconds of each stage of both, the
processor's seconds of both processes, and the number of poses and their times in GLB, BVH, USD and NPZ.
"""

from __future__ import annotations

import itertools
import json
import resource
import shutil
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import tyro
from av.video.stream import VideoStream
from numpy.typing import NDArray

from fit_avatar.capture import read_frames
from fit_avatar.export.usd import import_pxr
from lib.markdown import markdown_table

OUT = Path("out/long_clip")
DEMO = Path("assets/demo.mp4")
FILES = ("avatar files", "bvh file", "usd file", "report")
"""Stages that both runs do, with few poses and with many."""


@dataclass(frozen=True)
class Run:
    """One run of the command line."""

    stages: dict[str, float]
    """Seconds of those that were computed."""
    cpu_s: float
    """Of the whole process."""


def loop(clip: Path, frames: int, fps: int, path: Path) -> None:
    """Write so many frames of a clip that is played again and again."""
    with av.open(str(path), "w") as container:
        stream: VideoStream | None = None
        endless = itertools.chain.from_iterable(read_frames(clip) for _ in itertools.count())
        for _, frame in itertools.islice(endless, frames):
            if stream is None:
                stream = container.add_stream("libx264", rate=fps, options={"crf": "18"})
                stream.height, stream.width, stream.pix_fmt = *frame.shape[:2], "yuv420p"
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="bgr24")))
        if stream is not None:
            container.mux(stream.encode())


def run(video: Path, out: Path, frames: int, motion: str) -> Run:
    """Run the command line in a process of its own."""
    words = ["--video", video, "--out", out, "--frames", frames, "--motion", motion, "--export", "bvh", "usd"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "fit_avatar", *map(str, words), "--log", "quiet"]
    if code := subprocess.run(command, check=False).returncode:
        sys.exit(f"fit-avatar ended with exit code {code}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    stages = json.loads((out / "metrics.json").read_text())["seconds"]["stages"]
    computed = {stage["name"]: float(stage["seconds"]) for stage in stages if not stage["kept_from_earlier_run"]}
    return Run(computed, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def glb_times(path: Path) -> NDArray[np.float32]:
    """Return the times of the animation's keys, in seconds."""
    data = path.read_bytes()
    (length,) = struct.unpack("<I", data[12:16])
    document: dict[str, Any] = json.loads(data[20 : 20 + length])
    accessor = document["accessors"][document["animations"][0]["samplers"][0]["input"]]
    start = 28 + length + document["bufferViews"][accessor["bufferView"]]["byteOffset"]
    return np.frombuffer(data, "<f4", accessor["count"], start)


def bvh_times(path: Path) -> NDArray[np.float64]:
    """Return the times of the frames, in seconds."""
    lines = path.read_text().splitlines()
    first = lines.index("MOTION")
    return np.asarray(np.arange(len(lines) - first - 3) * float(lines[first + 2].split(":")[1]), np.float64)


def usd_times(path: Path) -> NDArray[np.float64]:
    """Return the times of the animation's samples, in seconds."""
    stage = import_pxr().Usd.Stage.Open(str(path))
    codes = stage.GetPrimAtPath("/avatar/skeleton/captured").GetAttribute("rotations").GetTimeSamples()
    return np.asarray(np.array(codes) / stage.GetTimeCodesPerSecond(), np.float64)


def main(
    clip: tyro.conf.Positional[Path] = DEMO, seconds: int = 30, fps: int = 25, frames: int = 120, out: Path = OUT
) -> None:
    """Fit a looped clip, with and without the motion of every frame, and print what that costs.

    Args:
        clip: a video of one person.
        seconds: length of the looped clip.
        fps: its rate.
        frames: how many are fitted.
        out: folder of the results.
    """
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    count, video = seconds * fps, out / "video.mp4"
    loop(clip, count, fps, video)
    fitted = run(video, out / "avatar", frames, "fitted")
    every = run(video, out / "avatar", frames, "every")
    names = list(dict.fromkeys((*fitted.stages, *every.stages)))
    rows = [[name, *(f"{each.stages.get(name, 0.0):.1f}" for each in (fitted, every))] for name in names]
    without = sum(fitted.stages.values())
    # What was computed anew only because the first run had left the motion out (body, metrics) is no cost of it.
    new = sum(s - (fitted.stages.get(n, 0.0) if n in FILES else 0.0) for n, s in every.stages.items() if n != "body")
    rows += [
        ["together", f"{without:.1f}", f"{new:.1f} more"],
        ["processor", f"{fitted.cpu_s:.1f}", f"{every.cpu_s:.1f}"],
    ]
    print(markdown_table(["seconds", "fitted frames", "every frame, after that"], rows))
    print(f"\nThe motion of {count} frames takes {new / without:.1%} more time than that of {frames}.\n")
    expected = np.arange(count) / fps
    avatar = out / "avatar"
    with np.load(avatar / "avatar.npz") as file:
        npz = file["motion_times_s"]
    times = {
        "GLB": glb_times(avatar / "avatar.glb"), "BVH": bvh_times(avatar / "avatar.bvh"),
        "USD": usd_times(avatar / "avatar.usdz"), "NPZ": npz,
    }  # fmt: skip
    rows = [
        [
            name,
            str(len(found)),
            f"{found[-1]:.3f}",
            f"{np.abs(found - expected).max():.1e}" if len(found) == count else "–",
        ]
        for name, found in times.items()
    ]
    print(markdown_table(["file", "poses", "last at s", "farthest from its time, s"], rows))


if __name__ == "__main__":
    tyro.cli(main)
