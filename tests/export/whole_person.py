"""A person with the default body, for tests of what only that body has."""

from __future__ import annotations

import numpy as np
import torch

from fit_avatar.body.default_body import read_default
from fit_avatar.body.model import Body
from fit_avatar.body.state import BodyState

TEXTURE = np.random.default_rng(0).integers(0, 255, (16, 16, 3), dtype=np.uint8)


def somebody(name: str = "anny", size: float = 1.0) -> tuple[Body, BodyState]:
    """Return a body and two poses, of a person whose every length is ``size`` times that of the template."""
    body = read_default(name, 10)
    pose = 0.1 * torch.randn(2, len(body.parents) - 1, 3, generator=torch.Generator().manual_seed(0))
    return body, BodyState(
        betas=torch.zeros(10),
        offsets=(size - 1) * body.template,
        global_orient=torch.tensor([[np.pi, 0.0, 0.0]]).expand(2, 3).float(),
        body_pose=pose,
        transl=torch.tensor([[0.0, 0.0, 3.0]]).expand(2, 3),
    )
