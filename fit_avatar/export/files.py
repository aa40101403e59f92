"""The files of an avatar, for the command line and scripts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fit_avatar.body.model import Body
from fit_avatar.body.motion import Motion
from fit_avatar.body.state import BodyState
from fit_avatar.capture.snapshot_files import import_h5py
from fit_avatar.capture.types import Capture
from fit_avatar.export.amass import write_amass
from fit_avatar.export.axes import Axes, Unit, Up
from fit_avatar.export.bind import Bind, in_bind_pose
from fit_avatar.export.bvh import write_bvh
from fit_avatar.export.datasets import FOLDERS
from fit_avatar.export.glb import write_glb
from fit_avatar.export.keypoints import write_keypoints
from fit_avatar.export.lod import LOD, import_meshoptimizer
from fit_avatar.export.npz import write_npz
from fit_avatar.export.obj import write_obj
from fit_avatar.export.skeletons import Skeleton
from fit_avatar.export.usd import import_pxr, write_usdz
from fit_avatar.export.vrm import VrmMeta, write_vrm
from fit_avatar.export.world import in_world
from fit_avatar.io.threads import in_threads

EXTRA_FILES = {
    "bvh": ("avatar.bvh",),
    "usd": ("avatar.usdz",),
    "amass": ("avatar_amass.npz",),
    "vrm": ("avatar.vrm",),
    "lods": tuple(f"avatar_lod{level}.glb" for level in range(1, len(LOD.levels) + 1)),
}
"""What :func:`write_extra` writes."""
EXTRAS = tuple(EXTRA_FILES)
"""Names of the optional files of :func:`write_extra`."""
POSED_FILES = ("joints.npz", "frames")
"""What :func:`~fit_avatar.export.obj.write_frames` writes; the second is a folder."""

_NEEDS = {"usd": import_pxr, "lods": import_meshoptimizer, "people-snapshot": import_h5py}


@dataclass(frozen=True)
class Style:
    """Conventions of files for other programs."""

    skeleton: Skeleton = "smpl"
    """Naming of the joints in GLB, USD and BVH."""
    bind: Bind = "model"
    """Bind pose of GLB, OBJ, USD and BVH."""
    up: Up = "y"
    """Axis that points up in OBJ, USD and BVH; by definition y in GLB and z in AMASS files."""
    unit: Unit = "m"
    """Unit of lengths in OBJ, USD and BVH; by definition metres in GLB and AMASS files."""

    animation: str = "captured"
    """Name of the motion in GLB."""
    blendshapes: bool = True
    """GLB, USD and VRM get the shapes of the default body's face, and joints of jaw and eyes."""
    vrm: VrmMeta = field(default_factory=VrmMeta)
    """Name, authors and licence in a VRM file."""

    @property
    def axes(self) -> Axes:
        """Return the coordinate frame of files whose format leaves it open."""
        return Axes(self.up, self.unit)


def avatar_files(folder: Path, normal_map: bool) -> list[Path]:
    """Return the files of :func:`write_avatar`."""
    names = ("avatar.glb", "avatar.obj", "avatar.mtl", "avatar.png", "avatar.npz", "keypoints.npz")
    return [folder / name for name in (*names, *(["avatar_normal.png"] if normal_map else []))]


def extra_files(folder: Path, name: str) -> list[Path]:
    """Return the files of :func:`write_extra`, and of ``frames`` and data sets, whose folders stand for them.

    Raises:
        ValueError: there is no such extra.
    """
    known = EXTRA_FILES | {"frames": POSED_FILES} | {dataset: (place,) for dataset, place in FOLDERS.items()}
    if name not in known:
        raise ValueError(f"there is no file {name!r}: choose one of {', '.join(EXTRAS)}")
    return [folder / file for file in known[name]]


def check_installed(exports: Iterable[str]) -> None:
    """Import the optional packages that the requested files need, before anything is computed.

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
    displacement: NDArray[np.float32] | None = None,
    every: Motion | None = None,
    blendshape_weights: NDArray[np.float32] | None = None,
) -> list[Path]:
    """Write ``avatar.glb``, ``avatar.obj`` with its two companions, ``avatar.npz``, and if there are any, keypoints.

    The NPZ holds the fit in camera coordinates and the body's own bind pose, whatever the style. With a displacement
    (heights above the surface in metres, [s, s]) ``avatar_normal.png`` is written too, which GLB and OBJ use.

    With ``every``, the poses of every frame of the clip, the GLB holds those, and the NPZ has them beside the fitted
    ones; without, they hold the T poses of ``state``, with ``blendshape_weights`` [T, 52] of what the face does.

    Raises:
        BadInputError: the disk is full or the folder cannot be written to.
    """
    style = style or Style()
    moving = in_world(body, every or _fitted(state, capture, blendshape_weights), capture)
    bound, poses = in_bind_pose(body, moving.state, style.bind)
    clip = (capture.fps, texture, moving.frame_indices)
    jobs: list[Callable[[], Path]] = [
        lambda: write_glb(
            folder / "avatar.glb",
            bound,
            poses,
            *clip,
            skeleton=style.skeleton,
            displacement=displacement,
            times_s=moving.times_s,
            name=style.animation,
            blendshapes=style.blendshapes,
            blendshape_weights=moving.blendshape_weights,
        ),
        lambda: write_obj(folder, bound, poses, texture, axes=style.axes, displacement=displacement),
        lambda: write_npz(folder / "avatar.npz", body, state, capture, every, blendshape_weights),
    ]
    if (capture.keypoints[..., 2] > 0).any():
        jobs.append(lambda: write_keypoints(folder / "keypoints.npz", capture))
    glb, obj, *arrays = in_threads(lambda job: job(), jobs)
    pictures = [obj.with_suffix(".mtl"), obj.with_suffix(".png")]
    pictures += [] if displacement is None else [folder / "avatar_normal.png"]
    return [glb, obj, *pictures, *arrays]


def write_extra(
    name: str,
    folder: Path,
    body: Body,
    state: BodyState,
    capture: Capture,
    texture: NDArray[np.uint8] | Path,
    style: Style | None = None,
    displacement: NDArray[np.float32] | None = None,
    every: Motion | None = None,
    blendshape_weights: NDArray[np.float32] | None = None,
) -> list[Path]:
    """Write one of the :data:`EXTRAS`, for which :data:`EXTRA_FILES` has the names of the files.

    With ``every``, the poses of every frame of the clip, they hold those; without, the T poses of ``state``, with
    ``blendshape_weights`` [T, 52].

    Raises:
        ValueError: there is no such extra.
        BadInputError: the disk is full or the folder cannot be written to.
        MissingDependencyError: the optional package that it needs is not installed.
    """
    if name not in EXTRAS:
        raise ValueError(f"there is no file {name!r}: choose one of {', '.join(EXTRAS)}")
    files, style = extra_files(folder, name), style or Style()
    if name == "vrm":
        return [write_vrm(files[0], body, state, texture, style.vrm, displacement, style.blendshapes)]
    moving = in_world(body, every or _fitted(state, capture, blendshape_weights), capture)
    if name == "amass":
        return [write_amass(files[0], body, moving.state, moving.times_s)]
    bound, poses = in_bind_pose(body, moving.state, style.bind)
    frames, times = moving.frame_indices, moving.times_s
    if name == "bvh":
        return [write_bvh(files[0], bound, poses, capture.fps, frames, style.skeleton, style.axes, times)]
    clip = (capture.fps, texture, frames)
    if name == "usd":
        return [
            write_usdz(
                files[0],
                bound,
                poses,
                *clip,
                style.skeleton,
                style.axes,
                displacement,
                times,
                style.blendshapes,
                moving.blendshape_weights,
            )
        ]
    return [
        write_glb(
            file,
            bound,
            poses,
            *clip,
            skeleton=style.skeleton,
            detail=fraction,
            displacement=displacement,
            times_s=times,
            name=style.animation,
        )
        for file, fraction in zip(files, LOD.levels, strict=True)
    ]


def _fitted(state: BodyState, capture: Capture, blendshape_weights: NDArray[np.float32] | None) -> Motion:
    """Return the poses of the fitted frames alone."""
    return Motion(capture.frame_indices, capture.times_s, state, blendshape_weights)
