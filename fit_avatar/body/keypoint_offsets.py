"""Where the built-in detector sees the body's keypoints: beside them, in all people alike."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from fit_avatar.body.keypoint_sets import BODY_25, BODY_25_MIRROR
from fit_avatar.body.model import Body

OFFSETS_M: Mapping[str, tuple[float, float, float]] = MappingProxyType(
    {
        "neck": (0.000, 0.026, 0.002),
        "left_shoulder": (-0.026, 0.007, 0.004),
        "left_elbow": (-0.011, -0.002, 0.020),
        "left_wrist": (0.011, -0.003, 0.005),
        "mid_hip": (0.000, 0.016, 0.023),
        "left_hip": (-0.018, 0.015, 0.024),
        "left_ankle": (-0.005, 0.015, 0.013),
    }
)
"""Across (outwards on the left side), up and forward, metres in the axes of a T-pose; right sides are mirrored.

Measured by ``tools/build_keypoint_offsets.py`` on twelve rendered turns of nine people. Knees, toes and heels are left
out, since people differ in them half as much as they differ from zero, and nose, eyes and ears, since with them faces
of four rendered clips had their form by .04 to .13 mm more wrong."""


def usual_offsets(body: Body) -> Tensor:
    """Return where the built-in detector usually sees keypoints, from the body's, in the bind pose. [K, 3] metres

    Zero where people differ too much.
    """
    offsets = body.template.new_zeros(len(BODY_25), 3)
    for name, offset in OFFSETS_M.items():
        place, here = BODY_25.index(name), body.template.new_tensor(offset)
        offsets[place] = here
        if name.startswith("left"):
            offsets[BODY_25_MIRROR[place]] = here * here.new_tensor([-1.0, 1.0, 1.0])
    bound = torch.einsum("kj,jab->kab", body.keypoint_points.weights, body.bind_rotations)
    return (bound @ offsets[..., None])[..., 0]
