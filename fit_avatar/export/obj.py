"""Wavefront OBJ: the textured avatar, and the posed mesh of every frame."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fit_avatar.body.model import SMPL_JOINTS, Body
from fit_avatar.body.skinning import pose_body
from fit_avatar.body.state import BodyState
from fit_avatar.export.axes import Axes
from fit_avatar.export.image import image_bytes
from fit_avatar.export.mesh import rest_mesh
from fit_avatar.export.normal_map import normal_map
from fit_avatar.io.arrays import write_npz
from fit_avatar.io.atomic import atomic_folder, atomic_path
from fit_avatar.progress import StepProgress


def write_obj(
    folder: Path,
    body: Body,
    state: BodyState,
    texture: NDArray[np.uint8] | Path,
    name: str = "avatar",
    axes: Axes | None = None,
    displacement: NDArray[np.float32] | None = None,
) -> Path:
    """Write ``avatar.obj``, ``avatar.mtl`` and ``avatar.png``: the person in the bind pose, feet on the floor.

    Args:
        folder: where to write; made if missing.
        body: the body.
        state: the person; only the shape is used.
        texture: [S, S, 3] uint8 RGB, or the path of a PNG file.
        name: of the three files.
        axes: of the file, recorded in its first line; by default y up and metres.
        displacement: heights above the surface, in metres, for a normal map, ``avatar_normal.png``, too. [s, s]

    Returns:
        The path of the OBJ.

    Raises:
        BadInputError: the disk is full or the folder cannot be written to.
    """
    axes = axes or Axes()
    mesh = rest_mesh(body, state)
    faces, uv_faces = body.faces.cpu().numpy() + 1, body.uv_faces.cpu().numpy() + 1
    corners = np.stack([faces, uv_faces, faces], axis=-1)
    text = "".join(
        [
            f"# fit-avatar: {axes.about}\nmtllib {name}.mtl\no {name}\n",
            _lines("v", axes.points(mesh.vertices), 6),
            _lines("vt", body.uvs.cpu().numpy(), 6),
            _lines("vn", axes.vectors(mesh.normals), 4),
            f"usemtl {name}\ns 1\n",
            ("f %d/%d/%d %d/%d/%d %d/%d/%d\n" * len(corners)) % tuple(corners.ravel().tolist()),
        ]
    )
    material = f"newmtl {name}\nKa 1 1 1\nKd 1 1 1\nKs 0 0 0\nd 1\nillum 1\nmap_Kd {name}.png\n"
    contents = {f"{name}.png": image_bytes(texture, ".png"), f"{name}.obj": text.encode()}
    if displacement is not None:
        contents[f"{name}_normal.png"] = image_bytes(normal_map(displacement, body, mesh), ".png")
        material += f"norm {name}_normal.png\n"
    contents[f"{name}.mtl"] = material.encode()
    with ExitStack() as stack:  # all files are complete before the first one is moved
        paths = {file: stack.enter_context(atomic_path(folder / file)) for file in contents}
        for file, content in contents.items():
            paths[file].write_bytes(content)
    return folder / f"{name}.obj"


def write_frames(
    folder: Path,
    body: Body,
    state: BodyState,
    frame_indices: NDArray[np.int64],
    progress: StepProgress | None = None,
) -> Path:
    """Write ``frames/<frame index>.obj``, the posed mesh of every frame, and ``joints.npz``.

    Both are in camera coordinates (x right, y down, z forward, metres). ``joints.npz`` holds ``smpl24``
    [T, 24, 3], all ``joints`` [T, J, 3] with their ``joint_names``, and ``frame_index`` [T].

    Args:
        folder: where to write; made if missing.
        body: the body.
        state: shape and T poses.
        frame_indices: of the frames in the video. [T]
        progress: called with (frames done, number of frames).

    Returns:
        The folder ``frames``; an older one is replaced.

    Raises:
        BadInputError: the disk is full or the folder cannot be written to.
    """
    posed = pose_body(body, state)
    vertices = posed.vertices.detach().cpu().numpy()
    faces = body.faces.cpu().numpy() + 1
    face_text = ("f %d %d %d\n" * len(faces)) % tuple(faces.ravel().tolist())
    every = posed.joints.detach().cpu().numpy()
    arrays = {
        "smpl24": every[:, _smpl24(body)],
        "joints": every,
        "joint_names": np.array(body.joint_names),
        "frame_index": np.asarray(frame_indices),
    }
    with (
        atomic_path(folder / "joints.npz") as joints,
        atomic_folder(folder / "frames") as frames,
    ):
        write_npz(joints, arrays)
        for done, index in enumerate(frame_indices):
            (frames / f"{int(index):06d}.obj").write_text(_lines("v", vertices[done], 5) + face_text)
            if progress:
                progress(done + 1, len(frame_indices))
    return folder / "frames"


def _smpl24(body: Body) -> list[int]:
    """Return the indices of SMPL's 24 joints; for a hand with fingers, that of the middle finger's first joint."""
    names = body.joint_names
    return [names.index(n if n in names else n.replace("_hand", "_middle1")) for n in SMPL_JOINTS]


def _lines(keyword: str, rows: NDArray[np.floating[Any]], digits: int) -> str:
    """Return one line for each row, by one long format string, which is much faster than a loop. rows [N, C]"""
    line = keyword + f" %.{digits}f" * rows.shape[1] + "\n"
    return (line * len(rows)) % tuple(rows.ravel().tolist())
