"""A body is arrays: template, shape basis, skeleton, skinning weights, UVs and landmarks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fit_avatar.body.points import Points
from fit_avatar.errors import BadInputError

SMPL_JOINTS = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2",
    "left_ankle", "right_ankle", "spine3", "left_foot", "right_foot", "neck", "left_collar",
    "right_collar", "head", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow",
    "left_wrist", "right_wrist", "left_hand", "right_hand",
)  # fmt: skip
"""Names of the 24 joints in SMPL's order."""

SMPL_PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
"""Parent of each joint; -1 for the root."""


@dataclass(frozen=True, eq=False)
class Body:
    """A linear-blend-skinned body, independent of the file that it came from. It is equal to itself alone.

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
    num_expression: int = 0
    """How many of the last columns of the shape basis are the face's expression, which changes with the frame."""
    pose_basis: Tensor | None = None  # [V, 3, 9 (J−1)] pose-dependent blend shapes, zero in the T-pose (posedirs)
    keypoint_weights: Tensor | None = None  # [K, J] skinning of the keypoints; None: regressor @ lbs_weights
    hand_components: Tensor | None = None  # [2, P, 45] principal axes of the left and right hand's axis-angles
    hand_mean: Tensor | None = None  # [2, 45]
    landmark_names: tuple[str, ...] = ()  # L names: left_hand_0 … 20, right_hand_0 … 20, face_0 … 69 (OpenPose)
    landmark_regressor: Tensor | None = None  # [L, V]
    covered: Tensor | None = None  # [V] bool, skin below a garment; None: there is none
    name: str = "body"
    licence: str = ""
    gender: str = "neutral"
    """Of the model: neutral, male or female; the coefficients of one mean nothing for another."""

    @cached_property
    def keypoint_points(self) -> Points:
        """Return the keypoints as points that are skinned like vertices."""
        return self._regressed(self.keypoint_regressor, self.keypoint_weights)

    @cached_property
    def landmark_points(self) -> Points:
        """Return the landmarks of hands and face, likewise.

        Raises:
            BadInputError: this body has none.
        """
        if self.landmark_regressor is None:
            raise BadInputError(f"the body {self.name} has no landmarks of hands and face")
        return self._regressed(self.landmark_regressor)

    def vertex_points(self, index: Tensor | None = None) -> Points:
        """Return some of the vertices (all by default) as points. index [N], or [..., N] others in every frame"""
        whole = Points(self.template, self.shape_basis, self.lbs_weights, self.pose_basis)
        return whole if index is None else whole.take(index)

    @cached_property
    def skin_index(self) -> Tensor:
        """Return the vertices of the skin, without eyes and teeth. int64 [N]"""
        return torch.nonzero(self.skin)[:, 0]

    def spread_vertices(self, spacing_m: float) -> Tensor:
        """Return skin that can be seen, thinned to about one vertex per ``spacing_m`` (0: all). int64 [N]"""
        if spacing_m not in self._spread:
            self._spread[spacing_m] = self._thinned(spacing_m)
        return self._spread[spacing_m]

    @cached_property
    def _spread(self) -> dict[float, Tensor]:
        """What :meth:`spread_vertices` has returned so far."""
        return {}

    def _thinned(self, spacing_m: float) -> Tensor:
        chosen = torch.nonzero(self.skin if self.covered is None else self.skin & ~self.covered)[:, 0]
        if spacing_m <= 0:
            return chosen
        cells = torch.floor(self.template[chosen] / spacing_m).long()
        _, inverse = torch.unique(cells, dim=0, return_inverse=True)
        first = torch.full((int(inverse.max()) + 1,), len(chosen), dtype=torch.long, device=chosen.device)
        first = first.scatter_reduce(0, inverse, torch.arange(len(chosen), device=chosen.device), "amin")
        return chosen[first]

    def _regressed(self, regressor: Tensor, weights: Tensor | None = None) -> Points:
        """Return weighted means of vertices as skinned points. regressor [N, V], weights [N, J]"""
        on_skeleton = weights is not None
        return Points(
            template=regressor @ self.template,
            basis=torch.einsum("kv,vcb->kcb", regressor, self.shape_basis),
            weights=regressor @ self.lbs_weights if weights is None else weights,
            pose_basis=None
            if self.pose_basis is None or on_skeleton
            else torch.einsum("kv,vcp->kcp", regressor, self.pose_basis),
        )

    @property
    def num_betas(self) -> int:
        """Return the number of shape coefficients, without the expression's."""
        return int(self.shape_basis.shape[-1]) - self.num_expression

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

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the body's fields as arrays, by their names; those that are None are left out."""
        given = {f.name: getattr(self, f.name) for f in fields(self)}
        return {
            name: value.cpu().numpy() if isinstance(value, Tensor) else np.array(value)
            for name, value in given.items()
            if value is not None
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Body:
        """Return the body from what :meth:`arrays` returned; other names are ignored.

        Raises:
            KeyError: an array is missing.
        """
        values: dict[str, object] = {}
        for f in fields(cls):
            if f.name not in arrays and f.default is not MISSING:
                continue
            array = arrays[f.name]
            if f.name in ("part_names", "joint_names", "landmark_names"):
                values[f.name] = tuple(str(s) for s in array)
            elif f.name == "parents":
                values[f.name] = tuple(int(p) for p in array)
            elif f.name == "num_expression":
                values[f.name] = int(array)
            elif f.name in ("name", "licence", "gender"):
                values[f.name] = str(array)
            else:
                values[f.name] = torch.from_numpy(array)
        return cls(**values)  # type: ignore[arg-type]

    def save(self, path: Path) -> None:
        """Write the arrays to one .npz file."""
        arrays: dict[str, Any] = self.arrays()
        np.savez_compressed(path, **arrays)

    @classmethod
    def load(cls, path: Path) -> Body:
        """Read what :meth:`save` wrote."""
        with np.load(path, allow_pickle=False) as z:
            return cls.from_arrays(z)
