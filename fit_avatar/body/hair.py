"""Where hair hangs beside a body that has none."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.body.model import Body

JOINTS = ("head", "neck")
EARS = [BODY_25.index(name) for name in ("left_ear", "right_ear")]
BEHIND_DEG = 125.0
"""Around the neck from the front: from here on backwards it is its back. Chosen by hand."""


@lru_cache(maxsize=4)
def may_have_hair_beside(body: Body) -> Tensor:
    """Return which vertices hair may hang beside: those of head and neck. bool [V]"""
    columns = [i for i, name in enumerate(body.joint_names) if name in JOINTS]
    return body.lbs_weights[:, columns].sum(1) > 0.5


@lru_cache(maxsize=4)
def may_have_hair_behind(body: Body) -> Tensor:
    """Return which vertices long hair hangs behind: front and sides of the neck, and of the head below the ears. [V]"""
    template = body.template.double().cpu().numpy()
    ears = body.keypoint_points.template[EARS, 1].mean().item()
    low = may_have_hair_beside(body).cpu().numpy() & (template[:, 1] < ears)
    if "face" in body.part_names:
        low &= body.part("face").cpu().numpy() < 0.5
    return torch.from_numpy(low & (degrees_from_front(body) < BEHIND_DEG)).to(body.template.device)


@lru_cache(maxsize=4)
def degrees_from_front(body: Body) -> NDArray[np.float64]:
    """Return where vertices are around the axis of the neck: 0 in front, 90 at both sides, 180 behind. [V]"""
    template = body.template.double().cpu().numpy()
    ends = body.joint_template[[body.joint_names.index(name) for name in JOINTS]].double().cpu().numpy()
    axis = np.interp(template[:, 1], ends[::-1, 1], ends[::-1, 2])
    around: NDArray[np.float64] = np.degrees(np.arctan2(np.abs(template[:, 0]), template[:, 2] - axis))
    return around
