"""A clip whose truth is known, read from its folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture import Camera
from fit_avatar.evaluate import Mesh

SKIN = ("skin", "body", "eyes")
"""Names of parts that are neither clothes nor hair."""


@dataclass(frozen=True)
class TrueClip:
    """What is known of a clip."""

    folder: Path
    camera: Camera
    height_m: float
    up: NDArray[np.float64]  # [3] in camera coordinates
    surfaces: dict[int, Mesh]
    joints: NDArray[np.float64]  # [frames in the video, 24, 3]
    keypoints: NDArray[np.float64]  # [frames in the video, 25, 3]
    fps: float
    skin: NDArray[np.bool_] | None = None
    """Which triangles of the surfaces are skin or eyes, where that is known. [F]"""


def read_clip(folder: Path) -> TrueClip:
    """Read camera and truth of a clip's folder."""
    with np.load(folder / "gt.npz") as z:
        vertices = (z["verts_q"].astype(np.float64) + z["verts_c"][:, None]) * float(z["verts_scale"])
        faces = z["faces"].astype(np.int64)
        surfaces = {int(i): Mesh(v, faces) for i, v in zip(z["frame_index"], vertices, strict=True)}
        up, height = z["world_up_in_camera"].astype(float), float(z["height_naked_m"])
        joints, keypoints = (z[name].astype(float) for name in ("joints_smpl24", "joints_body25"))
        skin = np.isin(z["part_names"].astype(str)[z["face_part"]], SKIN) if "face_part" in z else None
    values = json.loads((folder / "camera.json").read_text())
    camera = Camera(*(values[name] for name in ("fx", "fy", "cx", "cy", "width", "height")))
    return TrueClip(folder, camera, height, up, surfaces, joints, keypoints, float(values.get("fps", 30)), skin)
