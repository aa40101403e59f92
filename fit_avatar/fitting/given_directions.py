"""What poses of another program say of the limbs' directions in 3D, by how well they agree with the keypoints.

A start is forgotten where the energy leads elsewhere. What 2D points leave open, how far a limb points to the camera or
away from it, the file may know better than this run's own detector.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import normalize

from fit_avatar.energies.directions import ENDS
from fit_avatar.fitting.observations import Observations
from fit_avatar.fitting.placement import LEAST_CONFIDENCE

FLAT = 0.6
"""A limb shows how far its direction is off sideways if the picture shows this share of its length."""
LEAST_RAD = math.radians(5)
"""No file's directions are better than this: about what the body's own points are uncertain."""
TO_DEPTH = 1.5
"""Depth errs more than what the picture shows, by this factor. All three chosen by hand."""
TO_SIGMA = 1.48
"""Standard deviation of a normal distribution over the median of the absolute values."""


def given_directions(points: Tensor, known: Tensor, seen: Observations) -> tuple[Tensor, Tensor]:
    """Return the limbs' directions and their precision, from the file and the detector together.

    Directions are added in proportion to 1/σ², so that those that contradict each other count less.

    Args:
        points: the keypoints of the body in the file's poses, placed in the camera's axes. [T, K, 3]
        known: frames in which the file has a pose. bool [T]
        seen: what the frames show.

    Returns:
        Unit vectors [T, 10, 3] and 1/σ per radian [T, 10], 0 where nothing is known, as
        :func:`fit_avatar.energies.limb_direction` takes them.
    """
    first, second = points[:, list(ENDS)].unflatten(1, (-1, 2)).unbind(2)
    along = normalize(second - first, dim=-1)  # [T, 10, 3]
    sigma = TO_DEPTH * _sideways_rad(first, second, along, known, seen)
    evidence = along * (known[:, None] / sigma**2)[..., None]
    if seen.limb_directions is not None and seen.limb_precision is not None:
        evidence = evidence + seen.limb_directions * seen.limb_precision.square()[..., None]
    return normalize(evidence, dim=-1), evidence.norm(dim=-1).sqrt()


def _sideways_rad(first: Tensor, second: Tensor, along: Tensor, known: Tensor, seen: Observations) -> Tensor:
    """Return how far the directions are off in the picture, for each kind of limb. [10]"""
    ends, confidence = seen.keypoints[:, list(ENDS), :2].unflatten(1, (-1, 2)), seen.keypoints[:, list(ENDS), 2]
    shown = normalize(ends[:, :, 1] - ends[:, :, 0], dim=-1)  # [T, 10, 2]
    drawn = normalize(seen.camera.project(second) - seen.camera.project(first), dim=-1)
    turned = torch.atan2(shown[..., 0] * drawn[..., 1] - shown[..., 1] * drawn[..., 0], (shown * drawn).sum(-1))
    flat = along[..., :2].norm(dim=-1)
    counted = (flat > FLAT) & (confidence.unflatten(1, (-1, 2)) > LEAST_CONFIDENCE).all(-1) & known[:, None]
    off = (turned.abs() * flat).where(counted, turned.new_tensor(torch.nan))
    middle = off.reshape(-1).nanmedian().nan_to_num(math.radians(15))  # of all limbs, where one is never seen
    each = off.nanmedian(0).values
    sigma: Tensor = TO_SIGMA * each.where(each.isfinite(), middle)
    return sigma.clamp_min(LEAST_RAD)
