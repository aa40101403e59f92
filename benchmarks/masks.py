"""Masks made from the video alone, of people in scenes that are hard for them, against the true masks.

    python benchmarks/masks.py [CLIP_FOLDER …] [--people 2] [--frames 24] [--scenes "mirror floor 0.5" …]

Prints for each scene: frames used and called cut off, overlap, distance of the outlines, the same at the head, and by
how much the feet come out too long (negative: too short).
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import cv2
import numpy as np
import tyro

from fit_avatar.capture import Camera, observe
from lib.hard_scenes import SCENES, WITH_OTHERS, write_scene
from lib.markdown import markdown_table
from lib.mask_errors import mask_errors

OUT = Path("out/masks")
HEADINGS = ("clip", "used", "cut off", "IoU", "worst", "outline px", "head px", "feet ± px", "seconds")


def row(folder: Path, name: str, frames: int, pictures: Path | None) -> list[str]:
    """Observe a clip and return the table's row."""
    values = json.loads((folder / "camera.json").read_text())
    camera = Camera(*(values[key] for key in ("fx", "fy", "cx", "cy", "width", "height")))
    began = time.perf_counter()
    capture = observe(folder / "video.mp4", camera=camera, frames=frames)
    seconds = time.perf_counter() - began
    files = sorted((folder / "masks").glob("*.png"))
    errors = []
    for mask, index in zip(capture.masks, capture.frame_indices, strict=True):
        true = cv2.imread(str(files[index]), cv2.IMREAD_GRAYSCALE) > 127
        errors.append(mask_errors(mask, true))
    if pictures is not None:
        pictures.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(pictures / f"{name}.npz", masks=capture.masks, frames=capture.frame_indices)
    for warning in capture.warnings:
        print(f"{name}: {warning}", flush=True)
    ious, outline, head, feet = (
        np.array([getattr(e, key) for e in errors]) for key in ("iou", "outline_px", "head_px", "feet_px")
    )
    cut_off = sum("cut off" in frame.reason for frame in capture.left_out)
    numbers = f"{ious.mean():.4f} {ious.min():.4f} {outline.mean():.2f} {np.nanmean(head):.2f} {np.nanmean(feet):+.1f}"
    return [name, str(len(errors)), str(cut_off), *numbers.split(), f"{seconds:.1f}"]


def main(
    clips: tyro.conf.Positional[tuple[Path, ...]] = (),
    people: int = 2,
    frames: int = 24,
    size: int = 1080,
    scenes: tuple[str, ...] = (*SCENES, *WITH_OTHERS),
    keep: Path | None = None,
) -> None:
    """Print the table.

    Args:
        clips: folders of clips with true masks; without any, people are rendered.
        people: how many of those in each scene.
        frames: of each clip that are used at most.
        size: width and height of the rendered pictures, in pixels.
        scenes: which are rendered.
        keep: folder for the masks that come out.
    """
    rendered = [(scene, seed) for scene in scenes for seed in range(people)]
    named = [(folder, folder.name) for folder in clips] or [
        (write_scene(OUT / f"{scene} {seed}".replace(" ", "-"), scene, seed, frames, size), f"{scene}, person {seed}")
        for scene, seed in rendered
    ]
    rows = []
    for folder, name in named:
        rows.append(row(folder, name, frames, keep))
        print(" | ".join(rows[-1]), flush=True)
    print(markdown_table(HEADINGS, rows))


if __name__ == "__main__":
    tyro.cli(main)
