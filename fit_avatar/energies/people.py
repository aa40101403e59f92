"""Terms between people: nobody is inside somebody else, and who is seen in front is nearer. Residuals in metres.

The people are the clips of a batch, the last dimension before the frames: [..., N, T, …]. A residual is one person's,
and what it is compared with, the others, is held fixed during a step. Both give way by half: the others are held where
they would be after giving way, so that a step of all people at once parts them just so far as is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from fit_avatar.energies.collision import end_weights, fit_capsules
from fit_avatar.energies.points import PosedPoints
from fit_avatar.energies.posed_body import PosedBody
from fit_avatar.energies.term import energy
from fit_avatar.errors import BadInputError

NEVER = -1.0
"""Radius of nobody, in metres."""


def _rows(x: PosedBody, values: Tensor | None, trailing: int) -> Tensor:
    """Return a value for each person [..., N] (by default 1) with dimensions for what follows."""
    shape = x.transl.shape[:-2]
    given = x.transl.new_ones(shape) if values is None else values.expand(shape)
    return given.reshape(*shape, *[1] * trailing)


# -- nobody is inside somebody else -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Obstacles:
    """For each of C capsules of each person the nearest capsule of anybody else, as it will be after giving way."""

    ends: Tensor
    """[..., T, C, 2, 3] metres"""
    reach: Tensor
    """Distance of the two axes at which the capsules touch; negative where nobody is. [..., T, C] metres"""


def _read_capsules(x: PosedBody) -> PosedPoints:
    capsules = fit_capsules(x.body)
    count = len(capsules)
    order = torch.arange(2 * count, device=capsules.radii.device).reshape(2, count).T.flatten()
    return x.read_points(capsules.ends.take(order))


def _obstacles(
    x: PosedBody, scale: Tensor | None = None, radii: Tensor | None = None, here: Tensor | None = None
) -> Mapping[str, Any]:
    own_radii = fit_capsules(x.body).radii.expand(*x.transl.shape[:-2], -1) if radii is None else radii
    own_radii = own_radii * _rows(x, scale, 1)
    ends = _read_capsules(x).posed.unflatten(-2, (-1, 2)) * _rows(x, scale, 4)
    if x.transl.dim() < 3:
        return {"obstacles": _nobody(ends)}
    present = torch.ones_like(ends[..., 0, 0, 0], dtype=torch.bool) if here is None else here.expand(ends.shape[:-3])
    people = ends.shape[-5]
    found = []
    for n in range(people):
        nearest = _nobody(ends[..., n, :, :, :, :])
        for m in range(people):
            if m != n:
                both = present[..., n, :] & present[..., m, :]
                own, other = ends[..., n, :, :, :, :], ends[..., m, :, :, :, :]
                nearest = _deeper(nearest, own, other, own_radii[..., n, :], own_radii[..., m, :], both)
        found.append(nearest)
    whole = Obstacles(torch.stack([f.ends for f in found], -5), torch.stack([f.reach for f in found], -3))
    depth = _depth(ends, whole).clamp_min(0)
    return {"obstacles": Obstacles(whole.ends, whole.reach - depth / 2)}


def _nobody(ends: Tensor) -> Obstacles:
    return Obstacles(torch.zeros_like(ends), torch.full_like(ends[..., 0, 0], NEVER))


def _deeper(
    known: Obstacles, own: Tensor, other: Tensor, own_radii: Tensor, other_radii: Tensor, both: Tensor
) -> Obstacles:
    """Return the other's capsules where own ones [..., T, C, 2, 3] are deeper in them than in those known."""
    count = own.shape[-3]
    four = torch.cat(
        [
            own[..., :, None, :, :].expand(*own.shape[:-2], count, 2, 3),
            other[..., None, :, :, :].expand(*own.shape[:-2], count, 2, 3),
        ],
        -2,
    )  # [..., T, C, C, 4, 3]
    reach = own_radii[..., None, :, None] + other_radii[..., None, None, :]
    depth, which = (reach - (end_weights(four)[..., None] * four).sum(-2).norm(dim=-1)).max(-1)
    ends = other.gather(-3, which[..., None, None].expand(*which.shape, 2, 3))
    reach = reach.expand(*which.shape, count).gather(-1, which[..., None])[..., 0]
    better = both[..., None] & (depth > _depth(own, known))
    return Obstacles(torch.where(better[..., None, None], ends, known.ends), torch.where(better, reach, known.reach))


def _depth(ends: Tensor, obstacles: Obstacles) -> Tensor:
    """Return how deep capsules are in their obstacles, negative where they are apart. [..., C, 2, 3] → [..., C]"""
    four = torch.cat([ends, obstacles.ends], -2)
    between = (end_weights(four)[..., None] * four).sum(-2)
    depth: Tensor = obstacles.reach - between.square().sum(-1).clamp_min(1e-12).sqrt()
    return depth


@energy(reads=_read_capsules, prepare=_obstacles, makes=("obstacles",))
def people_apart(points: Tensor, obstacles: Obstacles, scale: Tensor | None = None) -> Tensor:
    """How deep each person's capsules are inside somebody else's, each giving way by half. [..., N, T, C] metres

    Each of the C capsules of :func:`fit_capsules` is compared with the one of anybody else in which it is deepest.
    Somebody alone (no batch of clips, or one) is inside nobody.

    Args:
        points: both ends of each capsule in turn. [..., N, T, 2 C, 3]
        obstacles: made by the preparation, from the radii of each person's capsules ``radii`` [..., N, C] (by default
            those of the mean shape) and from who is there in a frame, ``here`` [..., N, T] (by default everybody).
        scale: by how much each person is scaled about the camera. [..., N]

    Source: the idea is that of Jiang et al. 2020 (Coherent reconstruction of multiple humans), section 3.2, with
    distances of capsules instead of a distance field.
    """
    ends = points.unflatten(-2, (-1, 2))
    if scale is not None:
        ends = ends * scale[..., None, None, None, None]
    return _depth(ends, obstacles).clamp_min(0)


# -- who is seen in front is nearer -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Overlaps:
    """Places in the picture at which two fitted people overlap, and who is seen there: S for each person and frame."""

    vertices: Tensor
    """The person's own surface there. int64 [..., N, T, S]"""
    others: Tensor
    """Who else is there: their place in the batch. int64 [..., N, T, S]"""
    other_vertices: Tensor
    """Their surface there. int64 [..., N, T, S]"""
    front: Tensor
    """1 where the person is seen, −1 where the other one is, 0 where that is not known. [..., N, T, S]"""

    def to(self, device: str | torch.device) -> Overlaps:
        """Return the same on ``device``."""
        return Overlaps(*(value.to(device) for value in vars(self).values()))


def _read_surface(x: PosedBody, overlaps: Overlaps) -> PosedPoints:
    return x.read_vertices(overlaps.vertices)


def _limits(x: PosedBody, overlaps: Overlaps, scale: Tensor | None = None, gap_m: float = 0.0) -> Mapping[str, Any]:
    """Return how far away the other surfaces are, as they will be after giving way."""
    people = x.transl.shape[-3] if x.transl.dim() > 2 else 1
    if bool(((overlaps.others < 0) | (overlaps.others >= people)).any()):
        raise BadInputError(f"the overlaps name somebody else than the {people} people who are there")
    own = _read_surface(x, overlaps).posed[..., 2] * _rows(x, scale, 2)
    other = _other_depths(x, overlaps, scale) - gap_m * overlaps.front
    wrong = (overlaps.front * (own - other)).clamp_min(0)
    return {"limits": other + overlaps.front * wrong / 2}


def _other_depths(x: PosedBody, overlaps: Overlaps, scale: Tensor | None) -> Tensor:
    """Return how far away the others' surfaces are. [..., N, T, S]"""
    if x.transl.dim() < 3:
        return x.read_vertices(overlaps.other_vertices).posed[..., 2] * _rows(x, scale, 2)
    found = []
    for n in range(x.transl.shape[-3]):
        asked, who = (t[..., n : n + 1, :, :] for t in (overlaps.other_vertices, overlaps.others))
        every = x.read_vertices(asked.expand(overlaps.other_vertices.shape)).posed[..., 2] * _rows(x, scale, 2)
        found.append(every.gather(-3, who))
    return torch.cat(found, -3)


@energy(observes=("overlaps",), reads=_read_surface, prepare=_limits, makes=("limits",), overlaps="T S")
def depth_order(
    points: Tensor, overlaps: Overlaps, limits: Tensor, scale: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """By how much who is seen in front is behind, each giving way by half. [..., N, T, S] metres

    Args:
        points: the person's own surface at the places of the overlaps. [..., N, T, S, 3]
        overlaps: where people overlap in the picture, and who is seen.
        limits: made by the preparation: how far away the other surface is. [..., N, T, S]
        scale: by how much each person is scaled about the camera. [..., N]

    Of the preparation, ``gap_m`` is how far in front the seen surface is at least: what is in front is not infinitely
    thin.

    Source: Jiang et al. 2020 (Coherent reconstruction of multiple humans), section 3.3, with a hinge.
    """
    depth = points[..., 2] if scale is None else points[..., 2] * scale[..., None, None]
    return (overlaps.front * (depth - limits)).clamp_min(0), overlaps.front.abs()
