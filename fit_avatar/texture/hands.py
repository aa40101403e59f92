"""Fingers that are not where the body has them show the trousers behind: such samples are taken out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fit_avatar.appearance.atlas import Atlas
from fit_avatar.body.model import Body

FloatArray = NDArray[np.float32]

MAX_DEVIATION = 4.0
"""In robust standard deviations of the hands' own colour."""


def foreign_on_hands(body: Body, atlas: Atlas, colours: FloatArray, support: FloatArray) -> NDArray[np.bool_]:
    """Mark texels of the hands whose hue is not that of the backs and palms (skin or glove).

    Args:
        body: has the parts "hands" and "fingers", or nothing is marked.
        atlas: N texels.
        colours: [N, 3] 0 to 255
        support: [N] quality behind each colour; 0 = not seen

    Returns:
        [N]
    """
    foreign = np.zeros(len(support), bool)
    if not {"hands", "fingers"} <= set(body.part_names):
        return foreign
    parts = (body.part(name).cpu().numpy() for name in ("hands", "fingers"))
    hands, fingers = (part[atlas.faces].mean(axis=1)[atlas.face] for part in parts)
    ours = np.flatnonzero((hands > 0.5) & (support > 0))
    hue = colours[ours] / np.maximum(colours[ours].sum(axis=1, keepdims=True), 30)
    palm = (fingers[ours] < 0.3) & (support[ours] > np.median(support[ours]) if len(ours) else False)
    if palm.sum() < 100:
        return foreign
    centre = np.median(hue[palm], axis=0)
    spread = 1.4826 * np.median(np.abs(hue[palm] - centre), axis=0) + 0.01
    foreign[ours] = (np.abs(hue - centre) > MAX_DEVIATION * spread).any(axis=1)
    return foreign
