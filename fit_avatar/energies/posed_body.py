"""The posed body: what an energy term is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import torch
from torch import Tensor

from fit_avatar.body import rotation
from fit_avatar.body.constants import places
from fit_avatar.body.keypoint_offsets import View
from fit_avatar.body.model import Body
from fit_avatar.body.points import Points
from fit_avatar.body.skinning import Skeleton, pose_offsets, pose_skeleton, shaped, skin, surface_shifted, weighted_sum
from fit_avatar.energies.points import PosedPoints
from fit_avatar.errors import BadInputError


class PosedBody:
    """The body at the present values of the unknowns, evaluated lazily and once for all terms.

    Every unknown is an attribute under its own name. Shapes end as written here; "..." are any number of
    batch dimensions (clips), T is the number of frames. Unknowns that all frames share have a time axis of length
    one, so that they broadcast against those of each frame: ``x.betas`` is [..., 1, B].
    """

    def __init__(self, body: Body, values: Mapping[str, Tensor]) -> None:
        """Take rotations (``global_orient``, ``body_pose``, ``mean_pose``) as matrices."""
        self.body = body
        self._values = values

    def __getattr__(self, name: str) -> Tensor:
        values = self.__dict__.get("_values", {})  # absent while a copy is being made
        if name not in values:
            raise AttributeError(f"there is no unknown {name} (there are {', '.join(sorted(values))})")
        found: Tensor = values[name]
        return found

    def has(self, name: str) -> bool:
        """Return whether there is such an unknown."""
        return name in self._values

    @cached_property
    def rotations(self) -> Tensor:
        """Local rotation of every joint, the root's first. [..., T, J, 3, 3]"""
        return torch.cat([self._values["global_orient"], self._values["body_pose"]], -3)

    @cached_property
    def global_orient(self) -> Tensor:
        """Axis-angle of the root. [..., T, 3] radians"""
        return rotation.log(self._values["global_orient"])[..., 0, :]

    @cached_property
    def body_pose(self) -> Tensor:
        """Axis-angle of every other joint; zero is the T-pose. [..., T, J−1, 3] radians"""
        return rotation.log(self._values["body_pose"])

    @cached_property
    def coefficients(self) -> Tensor:
        """Betas, followed by the expression where it is an unknown. [..., T or 1, B (+ E)]"""
        betas = self._values["betas"]
        if "expression" not in self._values:
            return betas
        expression = self._values["expression"]
        return torch.cat([betas.expand(*expression.shape[:-1], -1), expression], -1)

    @cached_property
    def skeleton(self) -> Skeleton:
        """The joints' transforms."""
        return pose_skeleton(self.body, self.coefficients, self.rotations, self._values["transl"])

    @cached_property
    def joints(self) -> Tensor:
        """Posed joints in camera coordinates. [..., T, J, 3] metres"""
        return self.skeleton.joints

    def joint(self, name: str) -> Tensor:
        """Return one posed joint by its name, such as ``left_ankle``. [..., T, 3] metres"""
        if name not in self.body.joint_names:
            raise BadInputError(f"the body {self.body.name} has no joint {name!r}")
        return self.joints[..., self.body.joint_names.index(name), :]

    @cached_property
    def naked(self) -> Tensor:
        """The shape without offsets, in the bind pose. [..., T or 1, V, 3] metres"""
        return shaped(self.body, self.coefficients)

    @cached_property
    def surface(self) -> Tensor:
        """The shape with offsets, in the bind pose. [..., T or 1, V, 3] metres

        ``surface_shift`` moves what follows each joint against the joint, weighted as in skinning: clothes stay where
        they are seen while the bone moves inside them.
        """
        surface = self.naked + self._values["offsets"] if "offsets" in self._values else self.naked
        if "surface_shift" in self._values:
            surface = surface + surface_shifted(self.body, self._values["surface_shift"])
        return surface

    @cached_property
    def vertices(self) -> Tensor:
        """Posed vertices in camera coordinates. [..., T, V, 3] metres

        All of them: a term of a few vertices is many times faster with :meth:`read_vertices`.
        """
        rest = self.surface
        if self.body.pose_basis is not None:
            rest = rest + pose_offsets(self.body.pose_basis, self.rotations)
        return skin(self.skeleton, rest, self.body.lbs_weights)

    @cached_property
    def keypoints(self) -> Tensor:
        """The body's keypoints (BODY_25) in camera coordinates. [..., T, K, 3] metres"""
        return self.read_keypoints().posed

    @property
    def view(self) -> View:
        """From which side each frame shows the person, a constant where derivatives are concerned. [..., T]"""
        return View.of(self._values["global_orient"][..., 0, :, :].detach(), self.joints[..., 0, :].detach())

    @cached_property
    def landmarks(self) -> Tensor:
        """The landmarks of hands and face in camera coordinates. [..., T, L, 3] metres"""
        return self.read_points(self.body.landmark_points).posed

    def with_offsets(self, offsets: Tensor) -> PosedBody:
        """Return the same poses with other offsets. [V, 3] metres, of all clips alike"""
        return PosedBody(self.body, {**self._values, "offsets": offsets})

    # -- points that a term reads -----------------------------------------------------------------------------

    def read_keypoints(self) -> PosedPoints:
        """Return all keypoints in their order, moved by ``keypoint_bias`` if there is one."""
        read = self.read_points(self.body.keypoint_points)
        if "keypoint_bias" not in self._values:
            return read
        return replace(read, rest=read.rest + self._values["keypoint_bias"], keypoint_bias=True)

    def read_landmarks(self, index: Sequence[int]) -> PosedPoints:
        """Return some landmarks of hands and face. N indices"""
        return self.read_points(self.body.landmark_points.take(places(index, self.body.template)))

    def read_vertices(self, index: Tensor) -> PosedPoints:
        """Return some vertices of the surface. int64 [N], or [..., T, N] for others in every frame"""
        points = self.body.vertex_points(index)
        rest = self.surface_at(index)
        if points.pose_basis is not None:
            rest = rest + pose_offsets(points.pose_basis, self.rotations)
        return PosedPoints(points, rest, self.skeleton, vertices=index)

    def read_points(self, points: Points) -> PosedPoints:
        """Return points that only shape and pose move."""
        rest = points.template + weighted_sum(points.basis, self.coefficients)
        if points.pose_basis is not None:
            rest = rest + pose_offsets(points.pose_basis, self.rotations)
        return PosedPoints(points, rest, self.skeleton)

    def surface_at(self, index: Tensor) -> Tensor:
        """Return some vertices of the surface in the bind pose. int64 [N], or [..., T, N] → [..., T or 1, N, 3]"""
        if index.dim() == 1:
            return self.surface[..., index, :]
        if self.surface.shape[-3] > 1:
            return self.surface.gather(-2, index[..., None].expand(*index.shape, 3))
        flat = index.flatten(-2)
        found = self.surface[..., 0, :, :].gather(-2, flat[..., None].expand(*flat.shape, 3))
        whole: Tensor = found.unflatten(-2, index.shape[-2:])
        return whole
