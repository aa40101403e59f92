"""Where hair hangs beside a body that has none."""

from __future__ import annotations

from functools import lru_cache

from torch import Tensor

from fit_avatar.body.model import Body

JOINTS = ("head", "neck")


@lru_cache(maxsize=4)
def may_have_hair_beside(body: Body) -> Tensor:
    """Return which vertices hair may hang beside: those of head and neck. bool [V]"""
    columns = [i for i, name in enumerate(body.joint_names) if name in JOINTS]
    return body.lbs_weights[:, columns].sum(1) > 0.5
