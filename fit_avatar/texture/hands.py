"""Outliers on the hands: fingers that are not where the body has them show the trousers behind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fit_avatar.appearance.atlas import Atlas
from fit_avatar.body.model import Body
from fit_avatar.texture.outliers import far_from_usual

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class HandsConfig:
    """When a colour on the hands is an outlier. All values were chosen by hand."""

    max_deviation: float = 4.0
    """Largest difference of a hue from the palms' median, in robust standard deviations; a lower one removes more."""
    min_deviation: float = 0.01
    """Added to the robust standard deviation of the hue (red, green and blue as fractions of their sum)."""
    min_palm_texels: int = 100
    """With fewer texels of palms and backs nothing is removed."""
    min_sum: float = 30.0
    """Lower bound of red + green + blue in the hue's denominator: in the dark, hue is noise."""


HANDS = HandsConfig()


def hand_outliers(
    body: Body, atlas: Atlas, colours: FloatArray, support: FloatArray, config: HandsConfig = HANDS
) -> NDArray[np.bool_]:
    """Mark texels of the hands whose hue is not that of the backs and palms (skin or glove).

    Args:
        body: has the parts "hands" and "fingers", or nothing is marked.
        atlas: N texels.
        colours: [N, 3] 0 to 255
        support: [N] quality behind each colour; 0 = not seen
        config: thresholds.

    Returns:
        [N]
    """
    outliers = np.zeros(len(support), bool)
    if not {"hands", "fingers"} <= set(body.part_names):
        return outliers
    parts = (body.part(name).cpu().numpy() for name in ("hands", "fingers"))
    hands, fingers = (part[atlas.arrays.faces].mean(axis=1)[atlas.arrays.face] for part in parts)
    on_hands = np.flatnonzero((hands > 0.5) & (support > 0))
    if not len(on_hands):
        return outliers
    hue = colours[on_hands] / np.maximum(colours[on_hands].sum(axis=1, keepdims=True), config.min_sum)
    palm = (fingers[on_hands] < 0.3) & (support[on_hands] > np.median(support[on_hands]))
    if palm.sum() < config.min_palm_texels:
        return outliers
    outliers[on_hands] = far_from_usual(hue, palm, config.max_deviation, config.min_deviation)
    return outliers
