"""fit-avatar: one video of a person turning around becomes a textured, rigged avatar.

The names that a script needs; they are imported when they are first used, so that the command line starts at once.
"""

import os
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fit_avatar.avatar import Avatar, fit_capture, fit_images, fit_video
    from fit_avatar.body import Body, BodyState, load_body, pose_body
    from fit_avatar.capture import Camera, Capture, observe, observe_images
    from fit_avatar.energies import Annealed, GemanMcClure, Huber, PosedBody, Term, energy
    from fit_avatar.fitting import (
        LBFGS,
        Adam,
        GaussNewton,
        Preset,
        Problem,
        Stage,
        Unknown,
        Unknowns,
        preset,
        solve,
        stack_captures,
        stages,
    )
    from fit_avatar.fitting.run import fit
    from fit_avatar.pipeline import run
    from fit_avatar.texture import bake

__all__ = [
    "LBFGS",
    "Adam",
    "Annealed",
    "Avatar",
    "Body",
    "BodyState",
    "Camera",
    "Capture",
    "GaussNewton",
    "GemanMcClure",
    "Huber",
    "PosedBody",
    "Preset",
    "Problem",
    "Stage",
    "Term",
    "Unknown",
    "Unknowns",
    "bake",
    "energy",
    "fit",
    "fit_capture",
    "fit_images",
    "fit_video",
    "load_body",
    "observe",
    "observe_images",
    "pose_body",
    "preset",
    "run",
    "solve",
    "stack_captures",
    "stages",
]

_HOMES = {
    "avatar": ("Avatar", "fit_capture", "fit_images", "fit_video"),
    "body": ("Body", "BodyState", "load_body", "pose_body"),
    "capture": ("Camera", "Capture", "observe", "observe_images"),
    "energies": ("GemanMcClure", "Huber", "PosedBody", "Annealed", "Term", "energy"),
    "fitting": (
        "LBFGS", "Adam", "GaussNewton", "Preset", "Problem", "Stage", "Unknown", "Unknowns", "fit", "preset", "solve",
        "stack_captures", "stages",
    ),
    "pipeline": ("run",),
    "texture": ("bake",),
}  # fmt: skip

# Threads of PyTorch that wait for work otherwise spin for milliseconds, which slows everything down three times where
# other programs compete for the cores. It must be set before PyTorch is loaded; a user's setting wins.
os.environ.setdefault("GOMP_SPINCOUNT", "3000")

try:
    __version__ = version("fit-avatar")
except PackageNotFoundError:  # the source folder, not installed
    __version__ = "0.0.0"


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"fit_avatar.{home}"), name)
    raise AttributeError(f"module fit_avatar has no attribute {name}")
