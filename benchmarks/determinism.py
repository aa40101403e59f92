"""Whether the same clip gives the same avatar: two runs in fresh processes, compared byte for byte.

    python benchmarks/determinism.py CLIP_FOLDER [--frames 120] [--inputs given|raw]

Every array of ``avatar.npz`` and the pixels of the texture are compared. The exit code is 1 if anything differs.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import tyro
from numpy.typing import NDArray

from lib.command_line import make_avatar
from lib.markdown import markdown_table
from lib.true_clip import read_clip

OUT = Path("out/determinism")


def arrays(folder: Path) -> dict[str, NDArray[Any]]:
    """Return everything that makes an avatar."""
    with np.load(folder / "avatar.npz") as file:
        found = {name: file[name] for name in file.files}
    return {**found, **{picture.name: cv2.imread(str(picture)) for picture in sorted(folder.glob("avatar*.png"))}}


def difference(first: NDArray[Any] | None, second: NDArray[Any] | None) -> str:
    """Return how two arrays differ, in words; empty if they are the same bytes."""
    if first is None or second is None:
        return "only one run has it"
    if first.shape != second.shape or first.dtype != second.dtype:
        return f"{first.dtype} {first.shape} and {second.dtype} {second.shape}"
    if first.tobytes() == second.tobytes():
        return ""
    if not np.issubdtype(first.dtype, np.number):
        return "different"
    return f"up to {np.abs(first.astype(np.float64) - second.astype(np.float64)).max():.3g}"


def main(
    clip: tyro.conf.Positional[Path],
    frames: int = 120,
    inputs: Literal["given", "raw"] = "given",
    texture_size: int = 1024,
    out: Path = OUT,
) -> None:
    """Make the same avatar twice and compare.

    Args:
        clip: folder with video.mp4, masks/, keypoints/, camera.json and gt.npz.
        frames: use at most this many.
        inputs: hand over masks and keypoints (given), or only the video (raw).
        texture_size: side of the texture in pixels.
        out: folder of the results.
    """
    runs = [out / "first", out / "second"]
    for folder in runs:
        folder.parent.mkdir(parents=True, exist_ok=True)
        make_avatar(read_clip(clip), inputs, frames, folder, "--texture-size", str(texture_size))
    first, second = (arrays(folder) for folder in runs)
    found = {name: difference(first.get(name), second.get(name)) for name in {**first, **second}}
    print(markdown_table(["array", "difference"], [[name, text or "none"] for name, text in found.items()]))
    differing = [name for name, text in found.items() if text]
    print(f"\n{len(found) - len(differing)} of {len(found)} arrays are the same, byte for byte")
    sys.exit(1 if differing else 0)


if __name__ == "__main__":
    tyro.cli(main)
