"""Points of the surface as pictures show them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class SurfaceMatches:
    """Where T frames show N points of the surface each, and which vertices these are."""

    points: Tensor  # [T, N, 3] (u, v, confidence), pixels
    vertices: Tensor  # [T, N] int64, others in every frame

    def to(self, device: str | torch.device) -> SurfaceMatches:
        """Return the same matches on ``device``."""
        return SurfaceMatches(self.points.to(device), self.vertices.to(device))

    def frames(self, index: Tensor) -> SurfaceMatches:
        """Return the matches of some frames."""
        return SurfaceMatches(self.points[index], self.vertices[index])
