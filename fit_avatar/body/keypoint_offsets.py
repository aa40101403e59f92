"""Where the built-in detector sees the body's keypoints: beside them, alike in all people, and by the side shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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

WAVES = 5
"""Numbers that say how far a keypoint is seen from its usual place, by the angle φ of the person's front from the
camera, towards the picture's right: what sin φ, cos 2φ and sin 2φ move it up, and cos 2φ and sin 2φ to the right."""
MIRRORED_WAVES = (-1.0, 1.0, -1.0, -1.0, 1.0)
"""Signs of the other side's."""
VIEWS_M: Mapping[str, tuple[float, float, float, float, float]] = MappingProxyType(
    {
        "neck": (0.0, -0.0089, 0.0, 0.0, 0.0),
        "left_shoulder": (0.0, -0.0064, -0.0069, -0.0028, 0.0055),
        "mid_hip": (0.0, 0.0, 0.0, 0.0, 0.0059),
        "left_hip": (0.0, 0.0, -0.0027, 0.0, 0.0059),
    }
)
"""The same in metres. From the front and from behind a detector sees shoulders 1 to 3 cm lower than from the sides,
where one shoulder hides the other. Held to one place, trunks sank by some millimetres where people are seen broadly.

Measured as the offsets; left out are numbers that are less than one and a half times their spread over people, and
those of elbows and wrists, with which one of four rendered people has hands 1.8 mm farther from their place."""


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


def usual_views(body: Body) -> Tensor:
    """Return how the side that is shown moves keypoints, zero where people differ too much. [K, WAVES] metres"""
    views = body.template.new_zeros(len(BODY_25), WAVES)
    for name, each in VIEWS_M.items():
        place, here = BODY_25.index(name), body.template.new_tensor(each)
        views[place] = here
        if name.startswith("left"):
            views[BODY_25_MIRROR[place]] = here * here.new_tensor(MIRRORED_WAVES)
    return views


@dataclass(frozen=True)
class View:
    """From which side people are seen, in camera coordinates."""

    up: Tensor
    """The body's own vertical axis. [..., 3]"""
    right: Tensor
    """Across the view, at right angles to it, to the right in the picture of somebody upright. [..., 3]"""
    angle: Tensor
    """Of the person's front from the camera, towards the right, in radians. [...]"""

    @classmethod
    def of(cls, root: Tensor, place: Tensor) -> View:
        """Return it for a root's rotation and place in camera coordinates. [..., 3, 3] and [..., 3]"""
        up, front = root[..., 1], root[..., 2]
        to_camera = torch.nn.functional.normalize((place * up).sum(-1, keepdim=True) * up - place, dim=-1)
        right = torch.linalg.cross(up, to_camera)
        return cls(up, right, torch.atan2((front * right).sum(-1), (front * to_camera).sum(-1)))

    @property
    def waves(self) -> Tensor:
        """Return sin φ, cos 2φ and sin 2φ. [..., 3]"""
        return torch.stack([self.angle.sin(), (2 * self.angle).cos(), (2 * self.angle).sin()], -1)

    def moved(self, views: Tensor) -> Tensor:
        """Return how far keypoints are seen from their usual places. [K, WAVES] → [..., K, 3]"""
        upwards, sideways = self.waves @ views[:, :3].T, self.waves[..., 1:] @ views[:, 3:].T
        return upwards[..., None] * self.up[..., None, :] + sideways[..., None] * self.right[..., None, :]
