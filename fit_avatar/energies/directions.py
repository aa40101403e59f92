"""A term on the directions of limbs in 3D, as a detector of metric points sees them in single frames."""

from __future__ import annotations

import torch
from torch import Tensor

from fit_avatar.body.constants import places
from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.capture.limb_directions import LIMBS
from fit_avatar.energies.points import PosedPoints
from fit_avatar.energies.posed_body import PosedBody
from fit_avatar.energies.term import energy

ENDS = tuple(BODY_25.index(end) for limb in LIMBS for end in limb.split("-"))
"""The keypoints at both ends of each limb, one limb after the other."""


def _limb_ends(x: PosedBody) -> PosedPoints:
    return x.read_points(x.body.keypoint_points.take(places(ENDS, x.body.template)))


@energy(
    vector=True,
    observes=("limb_directions", "limb_precision"),
    reads=_limb_ends,
    limb_directions="T 10 3",
    limb_precision="T 10",
)
def limb_direction(points: Tensor, limb_directions: Tensor, limb_precision: Tensor) -> tuple[Tensor, Tensor]:
    """How many standard deviations each limb's direction is from the detected one.

    Detected directions know what 2D keypoints do not, whether a limb points to the camera or away from it, but are
    about 10° off. Use it with a robust kernel.

    Args:
        points: both ends of the 10 limbs of :data:`~fit_avatar.capture.limb_directions.LIMBS`. [..., T, 20, 3]
        limb_directions: unit vectors in the camera's axes. [..., T, 10, 3]
        limb_precision: the inverse of their noise, per radian; 0 where a limb is unseen. [..., T, 10]

    Returns:
        Difference of the unit vectors, nearly the angle, over the noise [..., T, 10, 3]; and 1 where a limb is seen.

    Source: after Xiang et al. 2019 (Monocular Total Capture), section 4.2.
    """
    first, second = points.unflatten(-2, (-1, 2)).unbind(-2)
    along = torch.nn.functional.normalize(second - first, dim=-1)
    return (along - limb_directions) * limb_precision[..., None], (limb_precision > 0).to(points)
