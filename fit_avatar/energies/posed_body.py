"""What an energy term sees: the body at the present values of the unknowns."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import torch
from torch import Tensor

from fit_avatar.body import rotation
from fit_avatar.body.model import Body
from fit_avatar.body.points import Points
from fit_avatar.body.skinning import Skeleton, pose_offsets, pose_skeleton, shaped, skin, surface_shifted, weighted_sum
from fit_avatar.errors import BadInputError


class PosedBody:
    """The posed body, evaluated lazily and once for all terms.

    Every unknown is an attribute under its own name. Shapes end as written here; "..." are any number of
    batch dimensions (clips), T is the number of frames. Unknowns that all frames share have a time axis of length
    one, so that they broadcast against those of each frame: ``x.betas`` is [..., 1, B].
    """

    def __init__(self, body: Body, values: Mapping[str, Tensor]) -> None:
        """Take rotations (``global_orient``, ``body_pose``, ``mean_pose``) as matrices."""
        self.body = body
        self._values = values

    def __getattr__(self, name: str) -> Tensor:
        try:
            return self._values[name]
        except KeyError:
            known = ", ".join(sorted(self._values))
            raise AttributeError(f"there is no unknown {name} (there are {known})") from None

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

        Where there is a ``surface_shift``, each joint's share of the surface is moved by it against the joint: clothes
        stay where they are seen while the bone moves inside them.
        """
        surface = self.naked + self._values["offsets"] if "offsets" in self._values else self.naked
        if "surface_shift" in self._values:
            surface = surface + surface_shifted(self.body, self._values["surface_shift"])
        return surface

    @cached_property
    def vertices(self) -> Tensor:
        """Posed vertices in camera coordinates. [..., T, V, 3] metres

        All of them: a term that looks at a few is many times faster with :meth:`points`.
        """
        rest = self.surface
        if self.body.pose_basis is not None:
            rest = rest + pose_offsets(self.body.pose_basis, self.rotations)
        return skin(self.skeleton, rest, self.body.lbs_weights)

    @cached_property
    def rest_keypoints(self) -> Tensor:
        """The body's keypoints in the bind pose, moved by ``keypoint_bias`` if there is one. [..., T or 1, K, 3]"""
        rest = self.rest(self.body.keypoint_points)
        return rest + self._values["keypoint_bias"] if "keypoint_bias" in self._values else rest

    @cached_property
    def keypoints(self) -> Tensor:
        """The body's keypoints (BODY_25) in camera coordinates. [..., T, K, 3] metres"""
        return skin(self.skeleton, self.rest_keypoints, self.body.keypoint_points.weights)

    @cached_property
    def landmarks(self) -> Tensor:
        """The landmarks of hands and face in camera coordinates. [..., T, L, 3] metres"""
        return self.points(self.body.landmark_points)

    def rest(self, points: Points) -> Tensor:
        """Return points in the bind pose, with pose-dependent blend shapes. [..., T or 1, N, 3]"""
        rest = points.template + weighted_sum(points.basis, self.coefficients)
        return rest if points.pose_basis is None else rest + pose_offsets(points.pose_basis, self.rotations)

    def points(self, points: Points) -> Tensor:
        """Return skinned points in camera coordinates. [..., T, N, 3] metres"""
        return skin(self.skeleton, self.rest(points), points.weights)
