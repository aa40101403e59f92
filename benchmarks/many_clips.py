"""Many clips at once, and one worker killed: whether anything is lost, and whether each result is that of a run alone.

    python benchmarks/many_clips.py [--ray local] [--clips 12]

Clips are made of the bundled one: small pictures, few frames, each beginning elsewhere in the turn. Files are compared
byte by byte. The exit code is 1 if anything is lost or differs.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import tyro
from numpy.typing import NDArray

from fit_avatar.capture import read_frames
from lib.markdown import markdown_table

OUT, CLIP = Path("out/many_clips"), Path("assets/demo.mp4")
SIZE_PX, FRAMES = 360, 10
KILLED = 1
"""Index of the clip whose worker is killed, once it has begun."""
COMPARED = ("avatar.glb", "avatar.npz", "avatar.png", "avatar.obj", "keypoints.npz", "preview.png")
"""Files without times of the run."""
FOCAL_35MM = 42.0
"""About that of the bundled clip."""


def write_clips(folder: Path, count: int) -> Path:
    """Write clips and their table; return the table."""
    pictures = [cv2.resize(frame, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_AREA) for _, frame in read_frames(CLIP)]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "clips.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["video", "height_m"])
        for number in range(count):
            name = f"clip{number:02}"
            _write(folder / name, pictures, first=number * len(pictures) // count)
            table.writerow([name, f"{1.60 + 0.02 * number:.2f}"])
    return folder / "clips.csv"


def _write(folder: Path, pictures: list[NDArray[np.uint8]], first: int) -> None:
    folder.mkdir(exist_ok=True)
    for index in range(FRAMES):
        picture = pictures[(first + index * len(pictures) // FRAMES) % len(pictures)]
        cv2.imwrite(str(folder / f"{index:03}.png"), picture)


def kill_worker(log: Path, seconds: float = 600) -> str:
    """Kill whatever process has started a clip, or with no Ray the clip's own; return what was done."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        lines = log.read_text().splitlines() if log.is_file() else []
        if len(lines) > 3:  # it is at work
            worker = json.loads(lines[0])["worker"]
            os.kill(worker, signal.SIGKILL)
            return f"killed worker {worker} in its stage {json.loads(lines[-1]).get('stage', '')}"
        time.sleep(0.2)
    return "nothing was killed"


def different(batch: Path, alone: Path) -> list[str]:
    """Return the files that are not the same in both folders."""
    return [name for name in COMPARED if (batch / name).read_bytes() != (alone / name).read_bytes()]


def main(ray: str = "local", clips: int = 12, alone: int = 12, out: Path = OUT) -> None:
    """Run the batch, then its clips alone, and compare.

    Args:
        ray: address of a Ray cluster whose workers are processes of this machine.
        clips: how many there are.
        alone: how many of them are run alone, too.
        out: folder of the clips and results.
    """
    shutil.rmtree(out, ignore_errors=True)
    table, results = write_clips(out / "given", clips), out / "batch"
    program = [sys.executable, "-m", "fit_avatar"]
    options = [
        "--frames", str(FRAMES), "--texture-size", "64", "--quality", "fast", "--motion", "fitted", "--device", "cpu",
        "--focal-35mm", str(FOCAL_35MM),
    ]  # fmt: skip
    began = time.perf_counter()
    command = [*program, "batch", str(table), "--out", str(results), "--ray", ray, "--memory-gb", "1.2", *options]
    batch = subprocess.Popen(command)
    print(kill_worker(results / "logs" / f"clip{KILLED:02}.log"))
    code, seconds = batch.wait(), time.perf_counter() - began
    with (results / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    lines, wrong = [], code != 0
    for row in rows:
        name, told = row["name"], "not run"
        if len(lines) < alone and row["state"] == "done":
            log = (results / "logs" / f"{name}.log").read_text().splitlines()
            single = json.loads(log[0])["command"]
            single[single.index("--out") + 1] = str(out / "alone" / name)
            single[single.index("--log") + 1] = "quiet"
            subprocess.run(single, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.DEVNULL)
            told = ", ".join(different(results / "clips" / name, out / "alone" / name)) or "none"
        wrong |= row["state"] != "done" or told not in ("none", "not run")
        lines.append([name, row["state"], row["attempts"], row["seconds"], row["silhouette_iou"], told])
    print(markdown_table(["clip", "state", "attempts", "s", "IoU", "files that differ from a run alone"], lines))
    print(f"{len(rows)} clips in {seconds:.0f} s")
    raise SystemExit(int(wrong))


if __name__ == "__main__":
    tyro.cli(main)
