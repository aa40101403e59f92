"""Poses that every body has: the one in which its mesh is modelled, and a relaxed A-pose."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from fit_avatar.body import rotation
from fit_avatar.body.model import Body
from fit_avatar.body.relaxed_hand import bent_fingers

ARMS_DOWN_RAD = 0.87
"""Angle between the arms of an A-pose and those of the T-pose: about 50°."""


def bind_pose(body: Body) -> Tensor:
    """Return the local rotations of the pose in which the mesh is modelled. [J−1, 3, 3]"""
    bind = body.bind_rotations
    parents = torch.tensor(body.parents[1:], device=bind.device)
    return bind[parents].transpose(1, 2) @ bind[1:]


@lru_cache(maxsize=4)
def a_pose(body: Body) -> Tensor:
    """Return the local rotations of a relaxed A-pose. [J−1, 3, 3]

    It is the bind pose of a body that is modelled in an A-pose; a body that is modelled in the T-pose lowers its arms.
    Fingers, where the body has them, are side by side and slightly bent.
    """
    bind = _with_relaxed_fingers(body, bind_pose(body))
    names = body.joint_names[1:]
    shoulders = [names.index(name) for name in ("left_shoulder", "right_shoulder")]
    identity = torch.eye(3, dtype=bind.dtype, device=bind.device)
    if (bind[shoulders] - identity).abs().amax() > 0.1:
        return bind
    pose = bind.clone()
    for shoulder, sign in zip(shoulders, (-1.0, 1.0), strict=True):
        pose[shoulder] = rotation.exp(bind.new_tensor([0.0, 0.0, sign * ARMS_DOWN_RAD]))
    return pose


def _with_relaxed_fingers(body: Body, pose: Tensor) -> Tensor:
    """Bend the fingers of a pose [J−1, 3, 3]; thumbs stay. At zero, palms face down and fingers point along ±x."""
    names, pose = body.joint_names[1:], pose.clone()
    for name, turn in bent_fingers().items():
        if name in names:
            pose[names.index(name)] = pose.new_tensor(turn)
    return pose
