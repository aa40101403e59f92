"""A person who sits before the camera, whose thighs a first guess from an A-pose turns the wrong way."""

from __future__ import annotations

from dataclasses import replace

import torch
from synthetic import CAMERA
from torch import Tensor
from torch.nn.functional import normalize

from fit_avatar.body import load_body
from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.body.skinning import pose_skeleton
from fit_avatar.fitting import FitState
from fit_avatar.fitting.limb_sides import CHAINS
from fit_avatar.solvers import ClipState

BODY = load_body()
LEGS = (1, 3)


def sitting(frames: int = 1) -> ClipState:
    """Return a person whose thighs point to the camera and whose shins hang down."""
    clip = FitState.upright(BODY, frames).clip
    rotations = clip.rotations.clone()
    for side in ("left", "right"):
        for joint, turn in ((f"{side}_hip", -1.2), (f"{side}_knee", 1.2)):
            angle = torch.tensor(turn)
            rotations[:, BODY.joint_names.index(joint)] = torch.tensor(
                [[1, 0, 0], [0, angle.cos(), -angle.sin()], [0, angle.sin(), angle.cos()]]
            )
    return replace(clip, rotations=rotations)


def joints(clip: ClipState) -> Tensor:
    return pose_skeleton(BODY, clip.betas, clip.rotations, clip.transl).joints


def seen_of(clip: ClipState) -> Tensor:
    """Return the joints' places in the picture as keypoints. [T, 25, 3]"""
    places = CAMERA.project(joints(clip))
    keypoints = torch.zeros(len(places), 25, 3)
    for chain in CHAINS:
        for name in chain:
            keypoints[:, BODY_25.index(name), :2] = places[:, BODY.joint_names.index(name)]
            keypoints[:, BODY_25.index(name), 2] = 1
    return keypoints


def segments(clip: ClipState) -> Tensor:
    """Return the directions of upper and lower segments. [T, C, 2, 3]"""
    places = joints(clip)[:, [[BODY.joint_names.index(name) for name in chain] for chain in CHAINS]]
    return normalize(places.diff(dim=2), dim=-1)
