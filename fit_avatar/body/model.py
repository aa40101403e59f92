"""A body is arrays: template, shape basis, skeleton, skinning weights, UVs and landmarks."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

SMPL_JOINTS = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2",
    "left_ankle", "right_ankle", "spine3", "left_foot", "right_foot", "neck", "left_collar",
    "right_collar", "head", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow",
    "left_wrist", "right_wrist", "left_hand", "right_hand",
)  # fmt: skip
"""Names of the 24 joints in SMPL's order."""

SMPL_PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
"""Parent of each joint; -1 for the root."""


@dataclass(frozen=True)
class Body:
    """A linear-blend-skinned body, whatever file it came from.

    Rest frame: metres, y up, facing +z, left side at +x (as SMPL). V vertices, J joints, B betas,
    F triangles, U texture coordinates, K keypoints. The mesh is modelled in the *bind pose*
    (zeros for SMPL, an A-pose for Anny); pose zero always means the T-pose.
    """

    template: Tensor  # [V, 3] mean shape in the bind pose
    shape_basis: Tensor  # [V, 3, B] metres per unit of beta; betas are standard normal
    joint_template: Tensor  # [J, 3] joints of the mean shape in the bind pose
    joint_basis: Tensor  # [J, 3, B]
    bind_rotations: Tensor  # [J, 3, 3] global rotation of each joint from T-pose to bind pose
    lbs_weights: Tensor  # [V, J]
    faces: Tensor  # [F, 3] int64
    uvs: Tensor  # [U, 2] in [0, 1], v up (as in OBJ)
    uv_faces: Tensor  # [F, 3] int64, into uvs
    mirror: Tensor  # [V] int64, the vertex on the other side
    keypoint_regressor: Tensor  # [K, V] BODY_25
    skin: Tensor  # [V] bool, vertices of the closed outer skin (no eyes, teeth, tongue)
    part_names: tuple[str, ...]  # P names: face, hands, feet, ears, …
    part_weights: Tensor  # [P, V] in [0, 1]
    parents: tuple[int, ...] = SMPL_PARENTS
    joint_names: tuple[str, ...] = SMPL_JOINTS
    name: str = "body"
    licence: str = ""

    @property
    def num_betas(self) -> int:
        """Return the number of shape coefficients."""
        return int(self.shape_basis.shape[-1])

    def part(self, name: str) -> Tensor:
        """Return the per-vertex weight of one part. [V]"""
        return self.part_weights[self.part_names.index(name)]

    def to(self, device: str | torch.device) -> Body:
        """Return the same body with its arrays on ``device``."""
        moved = {
            f.name: getattr(self, f.name).to(device) for f in fields(self) if isinstance(getattr(self, f.name), Tensor)
        }
        return replace(self, **moved)

    def double(self) -> Body:
        """Return the same body in float64 (for checking derivatives)."""
        wide = {
            f.name: getattr(self, f.name).double()
            for f in fields(self)
            if torch.is_tensor(getattr(self, f.name)) and getattr(self, f.name).is_floating_point()
        }
        return replace(self, **wide)

    def save(self, path: Path) -> None:
        """Write the arrays to one .npz file."""
        arrays = {}
        for f in fields(self):
            value = getattr(self, f.name)
            arrays[f.name] = value.cpu().numpy() if isinstance(value, Tensor) else np.array(value)
        np.savez_compressed(path, **arrays)

    @classmethod
    def load(cls, path: Path) -> Body:
        """Read what :meth:`save` wrote."""
        with np.load(path, allow_pickle=False) as z:
            values: dict[str, object] = {}
            for f in fields(cls):
                array = z[f.name]
                if f.name in ("part_names", "joint_names"):
                    values[f.name] = tuple(str(s) for s in array)
                elif f.name == "parents":
                    values[f.name] = tuple(int(p) for p in array)
                elif f.name in ("name", "licence"):
                    values[f.name] = str(array)
                else:
                    values[f.name] = torch.from_numpy(array)
        return cls(**values)  # type: ignore[arg-type]
