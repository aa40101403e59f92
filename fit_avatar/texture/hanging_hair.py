"""Outliers on hair that hangs: where it lies near neck and back, frames show the skin or the clothes beside it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fit_avatar.appearance.atlas import Atlas
from fit_avatar.body.hanging_hair import is_hair
from fit_avatar.body.model import Body
from fit_avatar.texture.outliers import far_from_usual

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class HangingHairConfig:
    """When a colour on hair is an outlier. All values were chosen by hand."""

    max_deviation: float = 3.0
    """Largest difference of a colour's logarithm from the median of what is seen best, in robust standard deviations,
    in each channel; a lower one removes more."""
    min_deviation: float = 0.12
    """Added to the robust standard deviation: strands shine and shade one another."""
    min_texels: int = 100
    """With fewer texels that are seen nothing is removed."""
    darkest: float = 16.0
    """Grey level below which colours are alike: in the dark the logarithm is noise."""


HANGING_HAIR = HangingHairConfig()


def hair_outliers(
    body: Body, atlas: Atlas, colours: FloatArray, support: FloatArray, config: HangingHairConfig = HANGING_HAIR
) -> NDArray[np.bool_]:
    """Mark texels of hair that hangs whose colour is not that of where it is seen best.

    Args:
        body: nothing is marked on one without such hair.
        atlas: N texels.
        colours: [N, 3] 0 to 255
        support: [N] quality behind each colour; 0 = not seen
        config: thresholds.

    Returns:
        [N]
    """
    outliers = np.zeros(len(support), bool)
    of_hair: NDArray[np.bool_] = is_hair(body)[atlas.arrays.faces].min(axis=1)
    seen = np.flatnonzero(of_hair[atlas.arrays.face] & (support > 0))
    if len(seen) < config.min_texels:
        return outliers
    logarithm = np.log(np.maximum(colours[seen], config.darkest))
    best = support[seen] >= np.median(support[seen])
    outliers[seen] = far_from_usual(logarithm, best, config.max_deviation, config.min_deviation)
    return outliers
