"""The program as a user starts it: a command line, in a process of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from lib.inputs import INPUTS
from lib.true_clip import TrueClip


def command(clip: TrueClip, inputs: str, frames: int, out: Path, *more: str) -> list[str]:
    """Return the command line that makes an avatar of a clip whose camera and height are known."""
    options = {"--video": clip.folder / "video.mp4", "--camera": clip.folder / "camera.json", "--out": out}
    options |= {f"--{name}": clip.folder / name for name in INPUTS[inputs]}
    words = [str(word) for pair in options.items() for word in pair]
    words += ["--height-m", f"{clip.height_m:.4f}", "--frames", str(frames), "--log", "quiet", *more]
    return [sys.executable, "-m", "fit_avatar", *words]


def make_avatar(clip: TrueClip, inputs: str, frames: int, out: Path, *more: str) -> None:
    """Make an avatar afresh, in an empty folder; a run that fails ends this one, too."""
    shutil.rmtree(out, ignore_errors=True)
    code = subprocess.run(command(clip, inputs, frames, out, *more), check=False).returncode
    if code:
        sys.exit(f"fit-avatar ended with exit code {code} on {clip.folder}")
