"""The skeleton of the files: names, parents and frames of the joints in the bind pose.

Skeletons that have a root bone get it as their first joint, fixed to the floor at the origin, where its frame is the
world's. So the pelvis moves in it as it moves in the world, and every other joint as without it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fit_avatar.body.model import Body
from fit_avatar.body.state import BodyState
from fit_avatar.export.axes import Axes
from fit_avatar.export.face import Face
from fit_avatar.export.mesh import rest_mesh
from fit_avatar.export.skeletons import renamed, root_bone

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Rig:
    """The R joints of a person who stands on the floor in the bind pose: those of the body, a root, and the face's.

    The root comes before the body's joints, those of the face behind them.

    In the T-pose the axes of every joint are those of the world, so that its local rotation is SMPL's.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    world: FloatArray  # [R, 4, 4] from a joint's frame to the world's
    pelvis: int = 0
    """Index of the body's first joint, and so how far its joints are shifted: 1 if there is a root."""

    @property
    def local(self) -> FloatArray:
        """Return each joint's frame in its parent's. [R, 4, 4]"""
        above = np.stack([np.eye(4) if parent < 0 else self.world[parent] for parent in self.parents])
        return np.linalg.inv(above) @ self.world

    def children(self, joint: int) -> list[int]:
        """Return the child joints of a joint."""
        return [child for child, parent in enumerate(self.parents) if parent == joint]

    def with_root(self, rotations: FloatArray) -> FloatArray:
        """Return the quaternions (x, y, z, w) of all joints from those of the body's. [T, J, 4] → [T, R, 4]"""
        whole = np.tile([0.0, 0.0, 0.0, 1.0], (len(rotations), len(self.names), 1))
        whole[:, self.pelvis : self.pelvis + rotations.shape[1]] = rotations
        return whole


def rest_rig(
    body: Body, state: BodyState, skeleton: str = "smpl", axes: Axes | None = None, face: Face | None = None
) -> Rig:
    """Return the skeleton of a person.

    Args:
        body: the body.
        state: the person; only the shape is used.
        skeleton: naming of the joints, see :mod:`fit_avatar.export.skeletons`.
        axes: of the file; by default y up and metres.
        face: whose joints are added below the head.
    """
    axes = axes or Axes()
    ours, parents, places = tuple(body.joint_names), tuple(body.parents), rest_mesh(body, state).joints
    turns = body.bind_rotations.cpu().double().numpy()
    if face is not None:
        head = ours.index("head")
        ours, parents = (*ours, *face.joints), (*parents, *(head for _ in face.joints))
        places = np.concatenate([places, face.places])
        turns = np.concatenate([turns, np.tile(turns[head], (len(face.joints), 1, 1))])
    world = np.tile(np.eye(4), (len(parents), 1, 1))
    world[:, :3, :3], world[:, :3, 3] = axes.rotations(turns), axes.points(places)
    names, root = renamed(ours, skeleton), root_bone(skeleton)
    if root is None:
        return Rig(names, parents, world)
    parents = (-1, *(parent + 1 for parent in parents))
    return Rig((root, *names), parents, np.concatenate([np.eye(4)[None], world]), pelvis=1)
