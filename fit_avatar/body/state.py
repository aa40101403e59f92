"""The unknowns of a fit: one shape for the clip, one pose for each frame."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class BodyState:
    """A person's shape and the poses of T frames, with the names of the SMPL family.

    The skinned vertices are in camera coordinates (x right, y down, z forward, metres), so
    ``global_orient`` also carries the half turn from the body's y-up frame.
    """

    betas: Tensor  # [B]
    offsets: Tensor  # [V, 3] metres, added to the shaped template in the bind pose
    global_orient: Tensor  # [T, 3] axis-angle
    body_pose: Tensor  # [T, J-1, 3] axis-angle; zero is the T-pose
    transl: Tensor  # [T, 3] metres, added after the rotation about the pelvis, as in SMPL
    expression: Tensor | None = None  # [T, E] of bodies that have one
