"""How far pixels are from the nearest one outside a region, on the region's device."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

_LARGEST = 127
"""The largest distance whose square, twice, fits into 16 bits."""


def distance_inside(region: Tensor, reach: int) -> Tensor:
    """Return the distance of each pixel's centre from that of the nearest one outside, at most ``reach`` pixels.

    What is beyond the border is outside. Exact, along columns first and then along rows, as the lower envelope of
    parabolas of which only the nearest can matter here (Felzenszwalb and Huttenlocher 2012, section 2).

    bool [h, w] → float [h, w]
    """
    down = pad(region, (1, 1, 1, 1)).to(torch.int16 if reach <= _LARGEST else torch.int32) * reach
    step = 1
    while step < reach:  # distances that are sums of 1, 2, 4, …
        for nearer, farther in ((down[:-step], down[step:]), (down[step:], down[:-step])):
            torch.minimum(farther, nearer + step, out=farther)
        step *= 2
    square = down.square()
    nearest = square.clone()
    for step in range(1, reach):
        farther = square + step**2
        for at, beside in ((nearest[:, step:], farther[:, :-step]), (nearest[:, :-step], farther[:, step:])):
            torch.minimum(at, beside, out=at)
    return nearest[1:-1, 1:-1].float().sqrt_()
