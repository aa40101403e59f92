"""Which way the axes of another program's world are turned from the camera's, by the limbs' directions in 3D.

A world of its own has gravity along an axis and looks anywhere. The camera sees the same limbs in its axes, so that one
rotation takes all directions of the clip to what the detector sees (Wahba, SIAM Review 7(3), 1965).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import normalize

from fit_avatar.body import rotation
from fit_avatar.energies.directions import ENDS
from fit_avatar.fitting.observations import Observations

ROUNDS = 10
"""Of re-weighting."""
SCALE_RAD = math.radians(20)
"""Geman–McClure scale: directions that are farther off hardly count. Both chosen by hand."""


def turn_to_camera(points: Tensor, covered: Tensor, seen: Observations) -> Tensor | None:
    """Return the rotations that take a world's axes to the camera's.

    Args:
        points: keypoints of the body in the world's axes, wherever it stands. [T, K, 3]
        covered: frames whose pose is known. bool [T]
        seen: what the frames show; directions of limbs, and how the camera turned, if it did.

    Returns:
        [T, 3, 3]; all the same for a camera that did not turn. None where no limb's direction is seen.
    """
    if seen.limb_directions is None or seen.limb_precision is None:
        return None
    first, second = points[:, list(ENDS)].unflatten(1, (-1, 2)).unbind(2)
    along, shown = normalize(second - first, dim=-1), seen.limb_directions
    weights = seen.limb_precision.square() * covered[:, None]
    if not float(weights.sum()) > 0:
        return None
    if seen.world_from_camera is not None:  # directions in the world of this clip, which does not turn
        shown = torch.einsum("tij,tlj->tli", seen.world_from_camera, shown)
    robust = torch.ones_like(weights)
    turn = torch.eye(3, device=points.device)
    for _ in range(ROUNDS):
        turn = rotation.nearest(torch.einsum("tl,tli,tlj->ij", weights * robust, shown, along))
        off = (along @ turn.mT - shown).square().sum(-1)
        robust = (SCALE_RAD**2 / (SCALE_RAD**2 + off)) ** 2
    if seen.world_from_camera is None:
        return turn.expand(len(points), 3, 3)
    return seen.world_from_camera.mT @ turn
