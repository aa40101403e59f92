"""Optional packages, imported where they are first needed."""

from __future__ import annotations

import platform
import shlex
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from fit_avatar.errors import MissingDependencyError

DETECTOR_SYSTEMS = (("Linux", "x86_64"), ("Linux", "aarch64"), ("Darwin", "arm64"), ("Windows", "AMD64"))
"""Systems and processors with wheels of ai-edge-litert, as pyproject.toml asks for it; tools/wheels.py lists them."""


def install(*packages: str) -> str:
    """Return the command that adds packages to the environment in which this program runs: made by pip, pipx or uv."""
    here, names = Path(sys.prefix), " ".join(map(shlex.quote, packages))
    if (here / "pipx_metadata.json").is_file():
        return f"pipx inject fit-avatar {names}"
    if (here / "uv-receipt.toml").is_file():
        return f"uv pip install --python {shlex.quote(sys.executable)} {names}"
    return f"pip install {names}"


def has_detector_wheel() -> bool:
    """Return whether ai-edge-litert, which runs the default detector, has wheels for this computer."""
    return (platform.system(), platform.machine()) in DETECTOR_SYSTEMS


def detector_remedy() -> str:
    """Return what to do where the default detector cannot run."""
    instead = "give --masks, and --keypoints or another --detector"
    if not has_detector_wheel():
        return f"there is no wheel of it for {platform.system()} on {platform.machine()}, so {instead}"
    return f"install it with `{install('ai-edge-litert')}`, or {instead}"


def import_optional(module: str, need: str, remedy: str) -> Any:
    """Return a module of an optional package.

    Args:
        module: its full name.
        need: what needs which package, as the beginning of the message.
        remedy: how to install it.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingDependencyError(f"{need} ({error}): {remedy}") from None
