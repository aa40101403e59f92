"""Where the limbs of another program's skeleton point in its T-pose, from its poses and the keypoints of the clip.

A file with rotations alone does not say it. A limb's direction in its own axes is the same in all frames, so that the
keypoints of a clip tell it better than it needs to be known.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from fit_avatar.body.model import Body
from fit_avatar.fitting.observations import Observations
from fit_avatar.fitting.placement import Placement, place
from fit_avatar.fitting.retarget import LIMBS, onto, retarget

REST_SIGMA = 0.1
"""How far limbs of T-poses are from the axes, radians: about 6°."""
POINT_SIGMA_M = 0.05
"""Noise of a keypoint with that of the poses, metres."""
INDEPENDENT = 0.3
"""Independent pieces of information per keypoint: poses err alike in neighbouring frames. All three chosen by hand."""
STEPS = 4
"""Gauss–Newton steps; the last changes less than a degree."""
KINDS = ("hip", "knee", "shoulder", "elbow")
"""Limbs by their first joints; left and right mirror each other."""


def straight_limbs(changes: Tensor) -> dict[str, Tensor]:
    """Return the limbs of a T-pose, legs down and arms to the sides, with changes of the left ones [4, 3]."""
    found = {}
    for kind, change in zip(KINDS, changes, strict=True):
        along = change.new_tensor([0.0, -1.0, 0.0] if kind in ("hip", "knee") else [1.0, 0.0, 0.0])
        left = normalize(along + change, dim=0)
        found[f"left_{kind}"], found[f"right_{kind}"] = left, left * change.new_tensor([-1.0, 1.0, 1.0])
    return {name: limb for name, limb in found.items() if name in LIMBS}


def fitted_limbs(body: Body, betas: Tensor, like: Tensor, rotations: Tensor, seen: Observations) -> dict[str, Tensor]:
    """Return where the limbs point in the T-pose of a skeleton, so that its poses explain the keypoints best.

    Args:
        body: on which the poses are put.
        betas: its shape. [B]
        like: its rotations, of which those that SMPL does not have are kept. [T, J, 3, 3]
        rotations: local ones of SMPL's 24 joints. [T, 24, 3, 3]
        seen: what the frames show.

    Returns:
        First joint of a limb → unit vector [3].
    """

    def placed(changes: Tensor) -> Placement:
        turned = retarget(body, betas, rotations, straight_limbs(changes.to(rotations)))
        return place(body, betas, onto(like, turned), seen)

    changes = torch.zeros(len(KINDS), 3, dtype=torch.float64, device=rotations.device)
    for _ in range(STEPS):
        now = placed(changes)
        weights = (INDEPENDENT / POINT_SIGMA_M**2 * now.weights.double())[..., None]
        columns = [(placed(changes + step).residual_m - now.residual_m).double() / STEP for step in _steps(changes)]
        jacobian = torch.stack(columns, -1)  # [T, K, 2, 12]
        normal = torch.einsum("tkap,tka,tkaq->pq", jacobian, weights.expand(-1, -1, 2), jacobian)
        right = torch.einsum("tkap,tka,tka->p", jacobian, weights.expand(-1, -1, 2), now.residual_m.double())
        prior = torch.eye(changes.numel(), dtype=changes.dtype, device=changes.device) / REST_SIGMA**2
        change = torch.linalg.solve(normal + prior, -right - changes.flatten() / REST_SIGMA**2)
        changes = changes + change.reshape(changes.shape)
    return straight_limbs(changes.to(rotations))


STEP = 0.02
"""Of finite differences, radians: far above the rounding of float32."""


def _steps(changes: Tensor) -> Tensor:
    """Return one small change for each unknown. [12, 4, 3]"""
    eye = STEP * torch.eye(changes.numel(), dtype=changes.dtype, device=changes.device)
    return eye.reshape(-1, *changes.shape)
