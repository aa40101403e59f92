"""The skeleton of the files: names, parents and frames of the joints in the bind pose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fit_avatar.body.model import Body
from fit_avatar.body.state import BodyState
from fit_avatar.export.axes import Axes
from fit_avatar.export.mesh import rest_mesh
from fit_avatar.export.skeletons import renamed

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Rig:
    """J joints of a person who stands on the floor in the bind pose.

    In the T-pose the axes of every joint are those of the world, so that its local rotation is SMPL's.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    world: FloatArray  # [J, 4, 4] from a joint's frame to the world's

    @property
    def local(self) -> FloatArray:
        """Return each joint's frame in its parent's. [J, 4, 4]"""
        above = np.stack([np.eye(4) if parent < 0 else self.world[parent] for parent in self.parents])
        return np.linalg.inv(above) @ self.world

    def children(self, joint: int) -> list[int]:
        """Return the child joints of a joint."""
        return [child for child, parent in enumerate(self.parents) if parent == joint]


def rest_rig(body: Body, state: BodyState, skeleton: str = "smpl", axes: Axes | None = None) -> Rig:
    """Return the skeleton of a person.

    Args:
        body: the body.
        state: the person; only the shape is used.
        skeleton: naming of the joints, see :mod:`fit_avatar.export.skeletons`.
        axes: of the file; by default y up and metres.
    """
    axes = axes or Axes()
    world = np.tile(np.eye(4), (len(body.parents), 1, 1))
    world[:, :3, :3] = axes.rotations(body.bind_rotations.cpu().double().numpy())
    world[:, :3, 3] = axes.points(rest_mesh(body, state).joints)
    return Rig(renamed(body.joint_names, skeleton), tuple(body.parents), world)
