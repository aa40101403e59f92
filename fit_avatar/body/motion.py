"""Poses with their times."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from fit_avatar.body.state import BodyState


@dataclass(frozen=True)
class Motion:
    """The poses of N frames, and when each was taken."""

    frame_indices: NDArray[np.int64]
    """Index in the clip of each frame, ascending. [N]"""
    times_s: NDArray[np.float64]
    """Time of each frame since the clip's first one, in seconds, ascending. [N]"""
    state: BodyState
    """Shape, and the poses of the N frames."""
    blendshape_weights: NDArray[np.float32] | None = None
    """What the face does: weights in [0, 1] of the default body's shapes. None: that is not known. [N, 52]"""

    def to(self, device: str | torch.device) -> Motion:
        """Return the same motion on ``device``."""
        moved = {name: value.to(device) for name, value in vars(self.state).items() if value is not None}
        return replace(self, state=BodyState(**moved))
