"""fit-avatar: one video of a person turning around becomes a textured, rigged avatar.

The names that a script needs; they are imported when they are first used, so that the command line starts at once.
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fit_avatar.body import Body, BodyState, load_body, pose_body
    from fit_avatar.capture import Camera, Capture, observe
    from fit_avatar.fitting import fit, stages
    from fit_avatar.pipeline import run
    from fit_avatar.texture import bake

__all__ = [
    "Body",
    "BodyState",
    "Camera",
    "Capture",
    "bake",
    "fit",
    "load_body",
    "observe",
    "pose_body",
    "run",
    "stages",
]

_HOMES = {
    "body": ("Body", "BodyState", "load_body", "pose_body"),
    "capture": ("Camera", "Capture", "observe"),
    "fitting": ("fit", "stages"),
    "pipeline": ("run",),
    "texture": ("bake",),
}

try:
    __version__ = version("fit-avatar")
except PackageNotFoundError:  # the source folder, not installed
    __version__ = "0.0.0"


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"fit_avatar.{home}"), name)
    raise AttributeError(f"module fit_avatar has no attribute {name}")
