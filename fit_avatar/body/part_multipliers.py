"""How strongly the terms on the surface hold which part of the body."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from fit_avatar.body.model import Body


@dataclass(frozen=True)
class PartMultipliers:
    """What residuals of vertices are multiplied by in each part of the body; 1 elsewhere."""

    face: float = 1.0
    ears: float = 1.0
    hands: float = 1.0
    fingers: float = 1.0
    feet: float = 1.0
    toes: float = 1.0
    garment: float = 1.0

    def at_vertices(self, body: Body) -> Tensor:
        """Return the largest multiplier of the parts that a vertex belongs to, blended where parts end. [V]

        A part counts with its multiplier to the power of the vertex's weight. Parts that the body lacks are left out.
        """
        multiplier = torch.ones_like(body.template[:, 0])
        for name, value in asdict(self).items():
            if name in body.part_names:
                multiplier = torch.maximum(multiplier, value ** body.part(name))
        return multiplier


ALLDIECK_LAPLACIAN = PartMultipliers(face=12.0, ears=10.0, hands=5.0, fingers=8.0, feet=5.0, toes=8.0)
"""Of the Laplacian term, where the body's own detail is fine (Alldieck et al. 2018)."""
ALLDIECK_OFFSETS = PartMultipliers(face=7.0, ears=10.0, hands=12.0, fingers=15.0, feet=12.0, toes=15.0)
"""Of the offset prior, where little is worn (Alldieck et al. 2018)."""
ALLDIECK_SYMMETRY = PartMultipliers(face=10.0, ears=5.0, hands=10.0, feet=10.0)
"""Of the symmetry term, where both sides are alike (Alldieck et al. 2018)."""
CONSENSUS_LAPLACIAN = PartMultipliers(face=10.0**0.5, ears=10.0**0.5, hands=20.0**0.5, fingers=50.0**0.5, garment=3.0)
"""Of the default method's Laplacian term, where the body's own detail is finer than an outline shows."""
CONSENSUS_OFFSETS = PartMultipliers(face=5.0**0.5, ears=5.0**0.5, hands=20.0**0.5, fingers=50.0**0.5)
"""Of the default method's offset prior, where little is worn."""
