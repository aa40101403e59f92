"""Frames that a reflection on the floor spoils: people who stand whole in the picture, on a floor like a mirror.

    python benchmarks/mirror_floor.py [CLIP_FOLDER …] [--people 2] [--frames 120]

Prints how many frames are called cut off (there should be none) or left out, and how well the masks made from the video
alone agree with the true ones.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tyro

from fit_avatar.capture import observe
from fit_avatar.evaluate import iou
from lib.disturbances import DISTURBANCES
from lib.film import Film, Original, write_film
from lib.markdown import markdown_table
from lib.synthetic_person import write_person
from lib.true_clip import read_clip

OUT = Path("out/mirror_floor")


def row(folder: Path, frames: int) -> list[str]:
    """Write a clip with a mirror floor, observe it, and return the table's row."""
    clip = read_clip(folder)
    original = Original(clip)
    every = np.arange(original.count)
    film = DISTURBANCES["mirror-floor"](Film(original, clip.camera, clip.fps, every, np.ones(len(every), bool)))
    written = OUT / "clips" / folder.name
    write_film(film, written)
    capture = observe(written / "video.mp4", camera=clip.camera, frames=frames)
    cut_off = sum("cut off" in frame.reason for frame in capture.left_out)
    pairs = zip(capture.masks, capture.frame_indices, strict=True)
    agreement = np.array([iou(mask, original.shot(int(index), with_image=False).true_mask) for mask, index in pairs])
    used = f"{len(agreement)} of {min(frames, original.count)}"
    return [folder.name, used, str(cut_off), f"{agreement.mean():.4f}", f"{agreement.min():.4f}"]


def main(clips: tyro.conf.Positional[tuple[Path, ...]] = (), people: int = 2, frames: int = 120) -> None:
    """Print the table.

    Args:
        clips: folders of clips with known truth; without any, synthetic people are made.
        people: how many of those.
        frames: of each clip that are used at most.
    """
    folders = clips or tuple(write_person(OUT / "people" / f"person{seed:02d}", seed, frames) for seed in range(people))
    rows = [row(folder, frames) for folder in folders]
    print(markdown_table(["clip", "frames used", "called cut off", "masks' IoU", "worst"], rows))


if __name__ == "__main__":
    tyro.cli(main)
