"""Where hair hangs beside a body that has none, and where a hat covers it."""

from __future__ import annotations

from functools import lru_cache

from torch import Tensor

from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.body.model import Body

JOINTS = ("head", "neck")
EYES = [BODY_25.index(name) for name in ("left_eye", "right_eye")]


@lru_cache(maxsize=4)
def may_have_hair_beside(body: Body) -> Tensor:
    """Return which vertices hair may hang beside: those of head and neck. bool [V]"""
    columns = [i for i, name in enumerate(body.joint_names) if name in JOINTS]
    return body.lbs_weights[:, columns].sum(1) > 0.5


@lru_cache(maxsize=4)
def may_be_below_a_hat(body: Body) -> Tensor:
    """Return which vertices the outline of a hat may be taken for: those of the head above the eyes. bool [V]"""
    head = [i for i, name in enumerate(body.joint_names) if name == "head"]
    eyes = body.keypoint_points.template[EYES, 1].mean()
    above: Tensor = (body.lbs_weights[:, head].sum(1) > 0.5) & (body.template[:, 1] > eyes)
    return above
