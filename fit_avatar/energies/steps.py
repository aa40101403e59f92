"""Terms on people who step around on a floor: feet that stand are on it, and one that swings goes straight over it.

A camera looks down on feet: by 20°, 3 mm of height are 8 mm of depth. Where a foot stands, its height says how far away
it is. Where it swings, it is lifted, and in the picture that is the same as a foot farther away; a person's usual pose
prefers the latter, since a straight leg that swings back bends less than one that is lifted. But then the foot would go
forth and back within a third of a second. Residuals in metres. Nothing is known of people who never stand still
(:data:`LEAST_STANDING`), nor where feet turn along as on a turntable (:func:`steps_of`), nor of a camera that turns.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from fit_avatar.body.constants import places
from fit_avatar.body.keypoint_sets import BODY_25_FEET
from fit_avatar.body.model import Body
from fit_avatar.energies.contact import at_frames, fit_ground
from fit_avatar.energies.motion import REFERENCE_RATE_HZ, acceleration
from fit_avatar.energies.points import PosedPoints
from fit_avatar.energies.posed_body import PosedBody
from fit_avatar.energies.term import energy
from fit_avatar.energies.turning_along import steps_of

LIFTED_M = (0.1, 0.05, 0.025, 0.012, 0.012, 0.012)
"""A foot that is higher above the floor than this counts little as one that stands: in each of the rounds in which the
floor is fitted anew, to the feet near it. Chosen by hand."""
LOWEST = 6
"""Vertices of a foot whose mean is its lowest place: heel, ball or toes, whichever it stands on. Chosen by hand."""
SURE_CONTACT = 1 / 3
"""Mean contact of a foot's keypoints from which on it surely stands; with less it counts by the cube of its share. Feet
that stood had .37, those that moved .11: detectors are sure of neither. Of three rendered people."""
STANDS_M = 0.1 / REFERENCE_RATE_HZ
"""A foot that moves less than this in a thirtieth of a second stands. Chosen by hand."""
LEAST_STANDING = 0.08
"""Feet that stand in a smaller part of the time are on no floor that is still before the camera. Of people who step
around they stood in 0.14 to 0.33. Chosen on rendered clips."""


def standing_part(feet: Tensor, frame_intervals_s: Tensor) -> Tensor:
    """Return in which part of the time feet stand, 0 for a single frame. [..., T, 6, 3], [T−1] → [...]"""
    if feet.shape[-3] < 2:
        return feet.new_zeros(feet.shape[:-3])
    middles = feet.unflatten(-2, (2, 3)).mean(-2)
    moved = (middles[..., 1:, :, :] - middles[..., :-1, :, :]).norm(dim=-1)
    stands = moved < STANDS_M * REFERENCE_RATE_HZ * frame_intervals_s[..., None]
    part: Tensor = stands.to(feet).mean((-2, -1))
    return part


def _keypoints(x: PosedBody) -> Tensor:
    """Return toes and heels of the body itself, wherever a detector sees them. [..., T, 6, 3]"""
    return x.read_points(x.body.keypoint_points.take(places(BODY_25_FEET, x.body.template))).posed


def _stepping(x: PosedBody, feet: Tensor, frame_intervals_s: Tensor, world_from_camera: Tensor | None) -> Tensor:
    """Return where people step, before a camera that does not turn, from 0 to 1. [..., T]"""
    if world_from_camera is not None:
        return feet.new_zeros(feet.shape[:-2])
    stand = standing_part(feet, frame_intervals_s) >= LEAST_STANDING
    return steps_of(x) * stand.to(feet)[..., None]


# -- the floor ------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4)
def _vertices_of_feet(body: Body) -> tuple[Tensor, Tensor] | None:
    """Return the vertices of both feet, and which of them are of the left and of the right one. [N], bool [2, N]

    None for a body without feet by SMPL's names.
    """
    sides = []
    for side in ("left", "right"):
        columns = [i for i, name in enumerate(body.joint_names) if name in (f"{side}_ankle", f"{side}_foot")]
        sides.append((body.lbs_weights[:, columns].sum(1) > 0.5) & body.skin)
    if min(int(side.sum()) for side in sides) < LOWEST:
        return None
    index = torch.nonzero(sides[0] | sides[1])[:, 0]
    return index, torch.stack([side[index] for side in sides])


def _floor(
    x: PosedBody, contact: Tensor, frame_intervals_s: Tensor, world_from_camera: Tensor | None = None
) -> Mapping[str, Any]:
    feet, known = _keypoints(x).detach(), _vertices_of_feet(x.body)
    if known is None:
        soles = torch.zeros(*feet.shape[:-2], 2 * LOWEST, dtype=torch.long, device=feet.device)
        return {"soles": soles, "floor": feet.new_zeros(*feet.shape[:-3], 1, 2, 4), "stands": 0 * feet[..., :2, 0]}
    index, own = known
    surface = x.read_vertices(index).posed.detach()
    stands = (at_frames(contact).unflatten(-1, (2, 3)).mean(-1) / SURE_CONTACT).clamp(max=1.0) ** 3
    upwards, height = -surface[..., 1], surface.new_zeros(stands.shape)
    for _ in range(2):  # which vertices are the lowest depends a little on the floor's slope
        each = torch.where(own, upwards[..., None, :], torch.inf)  # [..., T, 2, N]
        lowest = each.topk(LOWEST, largest=False).indices.flatten(-2)
        middle = surface.gather(-2, lowest[..., None].expand(*lowest.shape, 3)).unflatten(-2, (2, LOWEST)).mean(-2)
        sure = stands
        for lifted in LIFTED_M:
            floor = fit_ground(middle, sure)  # [..., 1, 2, 4]
            height = (middle * floor[..., :3]).sum(-1) + floor[..., 3]
            sure = stands * (1 + (height.clamp_min(0) / lifted) ** 2).pow(-2)
        upwards = (surface * floor[..., :1, :3]).sum(-1)
    below = (height < 0).to(stands)  # no foot is below the floor, whether it stands or not
    steps = _stepping(x, feet, frame_intervals_s, world_from_camera)[..., None]
    return {"soles": index[lowest], "floor": floor, "stands": torch.maximum(stands, below) * steps}


def _read_soles(x: PosedBody, soles: Tensor) -> PosedPoints:
    return x.read_vertices(soles)


@energy(
    reads=_read_soles,
    prepare=_floor,
    makes=("soles", "floor", "stands"),
    observes=("contact", "frame_intervals_s", "world_from_camera"),
    contact="T-1 6",
)
def feet_on_floor(points: Tensor, floor: Tensor, stands: Tensor) -> tuple[Tensor, Tensor]:
    """Height of each foot's lowest place above the floor on which those that stand are. [..., T, 2] metres

    Heels rise while toes stand, so that neither has a height of its own: unlike :func:`feet_on_ground` it takes the
    surface, and whatever of a foot is the lowest. Above the floor it counts as far as the foot stands by its contact
    (:func:`estimate_contact`), below it in any case. The floor, one for both feet, is fitted anew before every step.

    Args:
        points: the lowest vertices of the left foot, then of the right one. [..., T, 2 · LOWEST, 3]
        floor: made by the preparation; see :func:`fit_ground`. [..., 1, 2, 4]
        stands: how surely each foot stands, made by the preparation. [..., T, 2]
    """
    middles = points.unflatten(-2, (2, LOWEST)).mean(-2)
    return (middles * floor[..., :3]).sum(-1) + floor[..., 3], stands


# -- swinging feet --------------------------------------------------------------------------------------------


def _upwards(
    x: PosedBody, contact: Tensor, frame_intervals_s: Tensor, world_from_camera: Tensor | None = None
) -> Mapping[str, Any]:
    feet = _keypoints(x).detach()
    ground = fit_ground(feet, at_frames(contact))[..., 0, :3]  # [..., 1, 3]
    steps = _stepping(x, feet, frame_intervals_s, world_from_camera)[..., 1:-1]
    return {"upwards": torch.nn.functional.normalize(ground, dim=-1), "steps": steps}


@energy(
    vector=True,
    prepare=_upwards,
    makes=("upwards", "steps"),
    observes=("contact", "frame_intervals_s", "world_from_camera"),
    contact="T-1 6",
    frame_intervals_s="T-1",
)
def straight_steps(x: PosedBody, upwards: Tensor, steps: Tensor, frame_intervals_s: Tensor) -> tuple[Tensor, Tensor]:
    """Change of each foot's velocity along the floor; that of its height is free. [..., T−2, 2, 3] metres

    A foot is the middle of toes and heel, and the change is that in a thirtieth of a second.

    Args:
        x: the posed body.
        upwards: the floor's normal, made by the preparation. [..., 1, 3]
        steps: 1 where the person steps, made by the preparation. [..., T−2]
        frame_intervals_s: seconds between neighbouring frames. [..., T−1]
    """
    feet = _keypoints(x).unflatten(-2, (2, 3)).mean(-2)
    normal = upwards[..., None, :]
    along = feet - (feet * normal).sum(-1, keepdim=True) * normal
    change = acceleration(along, frame_intervals_s)
    return change, steps[..., None].expand(change.shape[:-1])
