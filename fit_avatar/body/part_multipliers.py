"""How strongly the terms on the surface hold which part of the body.

The multipliers are those of Alldieck et al. 2018, whose terms are weighted by them before they are squared.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from fit_avatar.body.model import Body

LAPLACIAN_PARTS = {"face": 12.0, "hands": 5.0, "fingers": 8.0, "feet": 5.0, "toes": 8.0, "ears": 10.0}
"""Multipliers of :func:`~fit_avatar.energies.surface.laplacian`'s residual where the body's own detail is fine."""
OFFSET_PARTS = {"face": 7.0, "hands": 12.0, "fingers": 15.0, "feet": 12.0, "toes": 15.0, "ears": 10.0}
"""Multipliers of :func:`~fit_avatar.energies.surface.offset_prior`'s residual where little is worn."""
SYMMETRY_PARTS = {"face": 10.0, "hands": 10.0, "feet": 10.0, "ears": 5.0}
"""Multipliers of :func:`~fit_avatar.energies.surface.symmetry`'s residual where both sides are alike."""


def part_multiplier(body: Body, table: Mapping[str, float]) -> Tensor:
    """Return the largest multiplier of the parts that a vertex belongs to, 1 elsewhere, blended where parts end. [V]

    It is the field ``part_weights`` of the terms on the surface. Parts that the body does not have are passed over.
    """
    multiplier = torch.ones_like(body.template[:, 0])
    for name, value in table.items():
        if name in body.part_names:
            multiplier = torch.maximum(multiplier, value ** body.part(name))
    return multiplier
