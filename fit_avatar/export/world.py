"""The captured motion without the camera's own, in a world whose axes are those of the first frame's camera."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from fit_avatar.body import rotation
from fit_avatar.body.model import Body
from fit_avatar.body.motion import Motion
from fit_avatar.body.skinning import weighted_sum
from fit_avatar.capture import Capture


def in_world(body: Body, motion: Motion, capture: Capture) -> Motion:
    """Return poses as they were in the world, which is where gravity always points the same way.

    A camera that shook or turned on the spot is at the origin. One that went around the person is somewhere else in
    every frame, by an unknown scale; the person is taken to stand in place: the pelvis is where it was on average.

    Args:
        body: that moves.
        motion: in camera coordinates.
        capture: whose camera it was; the motion of one that stood still is returned as it is.
    """
    moved = capture.camera_motion
    if moved is None or not moved.moves:
        return motion
    state = motion.state
    turns = torch.as_tensor(moved.rotations_at(np.asarray(motion.frame_indices)), device=state.transl.device)
    orient = rotation.log(turns @ rotation.exp(state.global_orient.to(turns)))
    rest = (body.joint_template + weighted_sum(body.joint_basis, state.betas))[0].to(turns)
    pelvis = rest + state.transl.to(turns)
    stands = moved.mode == "orbit"
    pelvis = pelvis.mean(0).expand_as(pelvis) if stands else torch.einsum("tij,tj->ti", turns, pelvis)
    like = state.transl
    changed = replace(state, global_orient=orient.to(like), transl=(pelvis - rest).to(like))
    return replace(motion, state=changed)
