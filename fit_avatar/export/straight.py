"""The T-pose that VRM asks for: legs upright, feet forward, arms and hands straight to the sides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from fit_avatar.body import rotation
from fit_avatar.body.model import Body
from fit_avatar.body.state import BodyState
from fit_avatar.export.bind import bound_at, in_bind_pose
from fit_avatar.export.mesh import rest_mesh

FloatArray = NDArray[np.float64]

DOWN, FORWARD = np.array([0.0, -1, 0]), np.array([0.0, 0, 1])
HAND_TIPS = ("middle1", "hand")
"""What the wrist points to, of bodies with fingers and without."""


def in_straight_pose(body: Body, state: BodyState) -> tuple[Body, BodyState]:
    """Return the person as a body that is modelled in VRM's T-pose, whose joints have the axes of the world in it.

    The T-pose of a body is that of its average person, a few degrees from this one's, with legs a little apart as in
    SMPL. The poses of the state do not belong to the new body.

    Source: https://github.com/vrm-c/vrm-specification, VRMC_vrm 1.0, tpose.md.
    """
    joints = rest_mesh(*in_bind_pose(body, state, "t")).joints
    target = torch.from_numpy(_straightening(body, joints)).to(body.bind_rotations)
    there, straight = bound_at(body, state, target)
    return replace(there, bind_rotations=torch.eye(3).to(target).expand_as(target)), straight


def _straightening(body: Body, joints: FloatArray) -> FloatArray:
    """Return each joint's rotation from the body's T-pose to the straight one. joints [J, 3], T-pose → [J, 3, 3]"""
    names = list(body.joint_names)
    turns = np.tile(np.eye(3), (len(names), 1, 1))

    def aim(joint: str, tip: str, at: FloatArray, level: bool = False) -> None:
        bone = joints[names.index(tip)] - joints[names.index(joint)]
        if level:
            bone[1] = 0.0
        turns[names.index(joint)] = rotation.between(torch.from_numpy(bone), torch.from_numpy(at)).numpy()

    for side, outwards in (("left", 1.0), ("right", -1.0)):
        aside = np.array([outwards, 0, 0])
        aim(f"{side}_hip", f"{side}_knee", DOWN)
        aim(f"{side}_knee", f"{side}_ankle", DOWN)
        aim(f"{side}_ankle", f"{side}_foot", FORWARD, level=True)
        aim(f"{side}_shoulder", f"{side}_elbow", aside)
        aim(f"{side}_elbow", f"{side}_wrist", aside)
        tip = next(f"{side}_{name}" for name in HAND_TIPS if f"{side}_{name}" in names)
        aim(f"{side}_wrist", tip, aside)
        for moving in (f"{side}_ankle", f"{side}_wrist"):
            _stiffen(turns, body.parents, names.index(moving))
    return turns


def _stiffen(turns: FloatArray, parents: tuple[int, ...], joint: int) -> None:
    """Give everything below a joint its rotation."""
    for child, parent in enumerate(parents):
        if parent == joint:
            turns[child] = turns[joint]
            _stiffen(turns, parents, child)
