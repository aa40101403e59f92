"""The files of an avatar, as the command line and a script ask for them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fit_avatar.body.model import Body
from fit_avatar.body.state import BodyState
from fit_avatar.capture.snapshot_files import import_h5py
from fit_avatar.capture.types import Capture
from fit_avatar.export.amass import write_amass
from fit_avatar.export.axes import Axes, Unit, Up
from fit_avatar.export.bind import Bind, in_bind_pose
from fit_avatar.export.bvh import write_bvh
from fit_avatar.export.glb import write_glb
from fit_avatar.export.lod import LEVELS, import_meshoptimizer
from fit_avatar.export.npz import write_npz
from fit_avatar.export.obj import write_obj
from fit_avatar.export.skeletons import Skeleton
from fit_avatar.export.usd import import_pxr, write_usdz

EXTRAS = ("bvh", "usd", "amass", "lods")
"""What :func:`write_extra` knows."""

_NEEDS = {"usd": import_pxr, "lods": import_meshoptimizer, "people-snapshot": import_h5py}


@dataclass(frozen=True)
class Style:
    """How files for other programs are written."""

    skeleton: Skeleton = "smpl"
    """Whose names the joints have: GLB, USD, BVH."""
    bind: Bind = "model"
    """The pose in which the person is held: GLB, OBJ, USD, BVH."""
    up: Up = "y"
    """The axis that points up: OBJ, USD, BVH. (A GLB is y up and an AMASS file z up by definition.)"""
    unit: Unit = "m"
    """The unit of lengths: OBJ, USD, BVH. (GLB and AMASS files are in metres by definition.)"""

    @property
    def axes(self) -> Axes:
        """Return the frame of files that can have any."""
        return Axes(self.up, self.unit)


def check_installed(exports: Iterable[str]) -> None:
    """Load the optional packages that the wanted files need, before anything has been computed.

    Raises:
        MissingDependencyError: one is not installed.
    """
    for name in exports:
        if name in _NEEDS:
            _NEEDS[name]()


def write_avatar(
    folder: Path,
    body: Body,
    state: BodyState,
    capture: Capture,
    texture: NDArray[np.uint8] | Path,
    style: Style | None = None,
    relief: NDArray[np.float32] | None = None,
) -> list[Path]:
    """Write ``avatar.glb``, ``avatar.obj`` with its two companions, and ``avatar.npz``.

    The NPZ holds what was fitted, in the camera's frame and the body's own bind pose, whatever the style. With a relief
    (heights above the surface in metres, [s, s]) there is also ``avatar_normal.png``, which GLB and OBJ use.

    Raises:
        BadInputError: the disk is full or the folder cannot be written to.
    """
    style = style or Style()
    held, poses = in_bind_pose(body, state, style.bind)
    obj = write_obj(folder, held, poses, texture, axes=style.axes, relief=relief)
    clip = (capture.fps, texture, capture.frame_indices)
    return [
        write_glb(folder / "avatar.glb", held, poses, *clip, skeleton=style.skeleton, relief=relief),
        obj,
        obj.with_suffix(".mtl"),
        obj.with_suffix(".png"),
        *([] if relief is None else [folder / "avatar_normal.png"]),
        write_npz(folder / "avatar.npz", body, state, capture),
    ]


def write_extra(
    name: str,
    folder: Path,
    body: Body,
    state: BodyState,
    capture: Capture,
    texture: NDArray[np.uint8] | Path,
    style: Style | None = None,
    relief: NDArray[np.float32] | None = None,
) -> list[Path]:
    """Write one of the :data:`EXTRAS`: ``avatar.bvh``, ``avatar.usdz``, ``avatar_amass.npz``, or ``avatar_lod1.glb`` …

    Raises:
        ValueError: there is no such extra.
        BadInputError: the disk is full or the folder cannot be written to.
        MissingDependencyError: the optional package that it needs is not installed.
    """
    style = style or Style()
    motion, clip = (capture.fps, capture.frame_indices), (capture.fps, texture, capture.frame_indices)
    if name == "amass":
        return [write_amass(folder / "avatar_amass.npz", body, state, *motion)]
    held, poses = in_bind_pose(body, state, style.bind)
    if name == "bvh":
        return [write_bvh(folder / "avatar.bvh", held, poses, *motion, style.skeleton, style.axes)]
    if name == "usd":
        return [write_usdz(folder / "avatar.usdz", held, poses, *clip, style.skeleton, style.axes, relief)]
    if name == "lods":
        files = [folder / f"avatar_lod{level}.glb" for level in range(1, len(LEVELS) + 1)]
        return [
            write_glb(file, held, poses, *clip, skeleton=style.skeleton, detail=part, relief=relief)
            for file, part in zip(files, LEVELS, strict=True)
        ]
    raise ValueError(f"there is no file {name!r}: choose one of {', '.join(EXTRAS)}")
