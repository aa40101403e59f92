"""A clip as people film and cut it: what black, titles, a covered lens, a bump, cuts and other sizes cost.

    python benchmarks/scenes.py [CLIP.mp4] [--only bumped 320-wide] [--fit] [--frames 120]

Every variation is observed as a user's file would be. Printed are the frames used, how many of them show what is not
the clip, the masks' agreement with the plain clip's, and with ``--fit`` the distance of the avatar's surface at rest
from the plain clip's.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import tyro
from numpy.typing import NDArray

from fit_avatar.body.skinning import shaped
from fit_avatar.capture import read_frames
from fit_avatar.capture.source import Source
from fit_avatar.evaluate import iou, surface_distance
from fit_avatar.io.video import video_file
from fit_avatar.scripting import fit_video
from lib.markdown import markdown_table
from lib.process import in_a_process, peak_memory_gb
from lib.scenes import VARIATIONS

DEMO, OUT = Path(__file__).parents[1] / "assets/demo.mp4", Path("out/scenes")
FPS = 30.0
SAMPLES = 50_000


@dataclass(frozen=True)
class Job:
    """One variation, to be observed or fitted."""

    name: str
    folder: Path
    frames: int
    fit: bool
    height_m: float


def write(name: str, clip: Path, folder: Path) -> None:
    """Write a variation, and beside it what each of its frames shows."""
    scenes = VARIATIONS[name]([frame for _, frame in read_frames(clip)])
    sources, places = [], []
    with video_file(folder / f"{name}.mp4", FPS) as append:
        for scene in scenes:
            append(scene.picture)
            sources.append(-1 if scene.source is None else scene.source)
            places.append(scene.placed)
    np.savez(folder / f"{name}_shown.npz", sources=sources, places=places)


def run(job: Job) -> dict[str, Any]:
    """Observe a variation, fit it where that is asked for, and keep its masks and surface."""
    start, path = time.perf_counter(), job.folder / f"{job.name}.mp4"
    if job.fit:
        avatar = fit_video(path, height_m=job.height_m, frames=job.frames, texture_size=None, check=False)
        capture = avatar.capture
        surface = shaped(avatar.body, avatar.state.betas, avatar.state.offsets).numpy()
        np.savez(job.folder / f"{job.name}_surface.npz", vertices=surface, faces=avatar.body.faces.numpy())
    else:
        capture = Source.of(video=path, max_frames=job.frames).observe()
    kept = {"indices": capture.frame_indices, "masks": np.packbits(capture.masks, axis=-1)}
    steady = getattr(capture, "steadying", None)
    kept["steadying"] = np.tile(np.eye(2, 3), (len(capture.masks), 1, 1)) if steady is None else steady
    np.savez(job.folder / f"{job.name}_observed.npz", **kept, size=[capture.camera.width, capture.camera.height])
    return {
        "warnings": capture.warnings,
        "reasons": sorted({frame.reason for frame in capture.left_out}),
        "seconds": time.perf_counter() - start,
        "gb": peak_memory_gb(),
    }


def agreement(name: str, folder: Path) -> tuple[int, int, float, float]:
    """Return the number of used frames, of spoilt ones among them, and the mean and the least IoU with the plain masks.

    All masks are compared in the plain clip's pixels.
    """
    shown = np.load(folder / f"{name}_shown.npz")
    mine, plain = (np.load(folder / f"{n}_observed.npz") for n in (name, "plain"))
    wanted = dict(zip(plain["indices"].tolist(), plain["masks"], strict=True))
    (width, height), (own_width, own_height) = plain["size"].tolist(), mine["size"].tolist()
    stored = cv2.VideoCapture(str(folder / f"{name}.mp4"))
    scale = own_width / stored.get(cv2.CAP_PROP_FRAME_WIDTH), own_height / stored.get(cv2.CAP_PROP_FRAME_HEIGHT)
    ious, spoilt = [], 0
    for index, packed, steady in zip(mine["indices"], mine["masks"], mine["steadying"], strict=True):
        source = int(shown["sources"][index])
        spoilt += source < 0
        if source not in wanted:
            continue
        mask = np.unpackbits(packed, axis=-1, count=own_width)
        placed = _chain(steady, np.diag(scale) @ shown["places"][index])
        centre = placed.copy()
        centre[:, 2] += placed[:, :2] @ [0.5, 0.5] - 0.5
        back = cv2.warpAffine(mask, centre, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        ious.append(iou(back > 0, np.unpackbits(wanted[source], axis=-1, count=width) > 0))
    return len(mine["indices"]), spoilt, float(np.mean(ious)), float(np.min(ious))


def surface_distance_mm(name: str, folder: Path) -> float | None:
    """Return the mean distance between the avatar's surface at rest and that of the plain clip, both ways, in mm."""
    files = [folder / f"{n}_surface.npz" for n in (name, "plain")]
    if not all(file.is_file() for file in files):
        return None
    mine, plain = (np.load(file) for file in files)
    return 1000 * surface_distance(mine["vertices"], mine["faces"], plain["vertices"], plain["faces"], SAMPLES).mean


def _chain(after: NDArray[np.float64], before: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the affine map [2, 3] that applies ``before`` first."""
    return np.column_stack([after[:, :2] @ before[:, :2], after[:, :2] @ before[:, 2] + after[:, 2]])


def main(
    clip: tyro.conf.Positional[Path] = DEMO,
    only: tuple[str, ...] = tuple(VARIATIONS),
    frames: int = 120,
    fit: bool = False,
    height_m: float = 1.75,
    out: Path = OUT,
) -> None:
    """Print the table.

    Args:
        clip: of one person in front of a still camera.
        only: names of variations; the plain clip is always made first, unless an earlier run has made it.
        frames: use at most this many.
        fit: also fit avatars, which takes minutes each.
        height_m: of the person, for the fit.
        out: folder of the variations and their results.
    """
    torch.manual_seed(0)
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    for name in ("plain", *(name for name in only if name != "plain")):
        if not (out / f"{name}_shown.npz").is_file():
            write(name, clip, out)
        if name == "plain" and (out / f"plain_{'surface' if fit else 'observed'}.npz").is_file():
            continue  # of an earlier run
        try:
            done = in_a_process(run, Job(name, out, frames, fit, height_m))
        except Exception as error:
            print(f"{name}: {error}", flush=True)
            continue
        used, spoilt, mean, least = agreement(name, out)
        distance = surface_distance_mm(name, out) if fit else None
        print(f"\n{name}", *done["warnings"], *done["reasons"], sep="\n    ", flush=True)
        figures = [f"{mean:.4f}", f"{least:.4f}", "" if distance is None else f"{distance:.2f}"]
        rows.append([name, str(used), str(spoilt), *figures, f"{done['seconds']:.0f}", f"{done['gb']:.2f}"])
    titles = ["variation", "frames used", "spoilt ones", "masks' IoU", "worst", "surface mm", "seconds", "GB"]
    print("\n" + markdown_table(titles, rows))


if __name__ == "__main__":
    tyro.cli(main)
