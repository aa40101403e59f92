"""Where the hands are on a body's surface, and vertices that lie denser there."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from fit_avatar.body.model import Body


def of_hands(body: Body) -> Tensor:
    """Return which vertices wrists and fingers move for the most part. bool [V]"""
    return body.part("hands") > 0.5


@lru_cache(maxsize=8)
def spread_denser_at_hands(body: Body, spacing_m: float, hand_spacing_m: float) -> Tensor:
    """Return vertices of the skin, thinned to one per ``spacing_m``, and at hands to one per ``hand_spacing_m``.

    As those of :meth:`~fit_avatar.body.model.Body.spread_vertices`, ascending. int64 [N]
    """
    hands, usual, dense = of_hands(body), body.spread_vertices(spacing_m), body.spread_vertices(hand_spacing_m)
    return torch.cat([usual[~hands[usual]], dense[hands[dense]]]).sort().values
