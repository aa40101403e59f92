"""Terms on feet and the ground: feet that stand do not slide, and none is below the floor. Residuals in metres."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from fit_avatar.body.constants import numbers, places
from fit_avatar.body.keypoint_sets import BODY_25_FEET
from fit_avatar.energies.motion import CUT, REFERENCE_RATE_HZ
from fit_avatar.energies.posed_body import PosedBody
from fit_avatar.energies.term import energy
from fit_avatar.energies.turning_along import steps_of

STILL = 0.004
"""How far a standing foot seems to move in a thirtieth of a second, as a part of the person's height: about 7 mm."""
STEADY_S, STEADY_FRAMES = 0.05, 8
"""The speed of a foot's keypoint is the slope of a line over its neighbours in time, weighed by a Gaussian of this
standard deviation, and over at most so many frames either way: from one frame to the next of 30 a second, a detector's
noise moves the keypoints of standing feet as fast as the speed above. Of standing feet of five rendered people .76 to
.95 surely stand, instead of .39 to .75 with the difference of two frames; of feet that move, .05 to .18 are taken for
standing, as before. One wrong keypoint of a sure detector ends the contact for a third of a second."""
TINY = 1e-12
"""Least sum of weights, and least spread of their times in s², to divide by."""
STEEP = 0.2
"""Usual slope of the ground against the camera's horizontal: 11°, for people hold a camera nearly level."""
STANDING_M = 0.02
"""How far a standing point is off the ground that is fitted."""
LEAST_CONTACT = 2.0
"""Below as many standing points in all, nothing is known about the ground."""


def _steps(x: PosedBody, where_stepping: bool = False) -> Mapping[str, Any]:
    if not where_stepping:
        return {"steps": None}
    steps = steps_of(x)
    return {"steps": torch.minimum(steps[..., 1:], steps[..., :-1])}


@energy(
    vector=True,
    prepare=_steps,
    makes=("steps",),
    observes=("contact", "frame_intervals_s"),
    contact="T-1 6",
    frame_intervals_s="T-1",
)
def foot_contact(
    x: PosedBody, contact: Tensor, frame_intervals_s: Tensor, steps: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """How far a foot's keypoints move from frame to frame; the confidence is that of their contact.

    The movement is that of a thirtieth of a second if the foot drifts at random, so that a second is held as strongly
    at any frame rate: it is divided by the square root of the interval in thirtieths.

    Args:
        x: the posed body.
        contact: of each keypoint in ``BODY_25_FEET``'s order, 0…1; see :func:`estimate_contact`. [..., T−1, 6]
        frame_intervals_s: seconds between neighbouring frames. [..., T−1]
        steps: made by the preparation with the option ``where_stepping``: 0 where feet turn along with the person, as
            on a turntable, however slowly (:func:`steps_of`). [..., T−1]

    Returns:
        [..., T−1, 6, 3] metres

    Source: after Rempe et al. 2021 (HuMoR), the contact term of their test-time optimisation.
    """
    feet = x.keypoints[..., places(BODY_25_FEET, x.keypoints), :]
    drift = (frame_intervals_s * REFERENCE_RATE_HZ).sqrt()[..., None, None]
    moved = (feet[..., 1:, :, :] - feet[..., :-1, :, :]) / drift
    return moved, contact if steps is None else contact * steps[..., None]


@energy(observes=("contact",), contact="T-1 6", plane="4")
def ground_plane(x: PosedBody, plane: Tensor | None = None, contact: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Height of the feet's keypoints above the ground. [..., T, 6] metres

    Below the ground it always counts; above, as far as the keypoint is in contact before or after the frame.

    Args:
        x: the posed body.
        plane: (n, d) with n · p + d the height of a point p above the ground, in camera coordinates; n need not be a
            unit vector. By default the unknown ``x.plane``. [4] or [..., 1, 4]
        contact: as for :func:`foot_contact`; without it only penetration counts. [..., T−1, 6]
    """
    feet = x.keypoints[..., places(BODY_25_FEET, x.keypoints), :]
    ground = x.plane if plane is None else plane
    if ground.dim() == 1:
        ground = ground[None]
    length = ground[..., :3].norm(dim=-1, keepdim=True)
    height = ((feet * ground[..., None, :3]).sum(-1) + ground[..., 3:]) / length
    stands = height.new_zeros(()) if contact is None else at_frames(contact)
    return height, torch.where(height.detach() < 0, torch.ones_like(height), stands.expand_as(height))


def fit_ground(feet: Tensor, stands: Tensor) -> Tensor:
    """Return the planes on which the points of the feet stand: parallel, one for each kind of point.

    The ground's slope is small against the camera's horizontal (:data:`STEEP`). Toes and heels are at heights of their
    own above it, for a keypoint is not on the sole. Linear least squares; all zeros if too few points stand.

    Args:
        feet: positions of some kinds of points, those of the left foot first. [..., T, 2 kinds, 3]
        stands: how surely each stands. [..., T, 2 kinds]

    Returns:
        (n, d) for each point, with n · p + d its height above where it would stand. [..., 1, 2 kinds, 4]
    """
    weight = stands.flatten(-2)
    total = weight.sum(-1, keepdim=True)
    middle = (weight[..., None] * feet.flatten(-3, -2)).sum(-2) / total.clamp_min(LEAST_CONTACT)
    away = feet - middle[..., None, None, :]
    count = feet.shape[-2] // 2
    kinds = torch.eye(count, dtype=feet.dtype, device=feet.device).repeat(2, 1)
    design = torch.cat([away[..., ::2], kinds.expand(*feet.shape[:-1], count)], -1).flatten(-3, -2)
    normal = torch.einsum("...nk,...n,...nl->...kl", design, weight, design)
    expected = numbers((STANDING_M / STEEP,) * 2 + (STANDING_M,) * count, feet).square()
    up = torch.einsum("...nk,...n,...n->...k", design, weight, -away[..., 1].flatten(-2))
    slope, height = torch.linalg.solve(normal + expected.diag(), up).split([2, count], -1)
    n = torch.stack([-slope[..., 0], torch.full_like(slope[..., 0], -1.0), -slope[..., 1]], -1)
    d = -(n * middle).sum(-1, keepdim=True) - torch.cat([height, height], -1)
    planes = torch.cat([n[..., None, :].expand(*d.shape, 3), d[..., None]], -1)
    return torch.where(total[..., None] >= LEAST_CONTACT, planes, 0.0)[..., None, :, :]


def _ground(x: PosedBody, contact: Tensor) -> Mapping[str, Any]:
    return {"ground": fit_ground(x.keypoints[..., places(BODY_25_FEET, x.keypoints), :].detach(), at_frames(contact))}


@energy(prepare=_ground, makes=("ground",), observes=("contact",), contact="T-1 6")
def feet_on_ground(x: PosedBody, contact: Tensor, ground: Tensor) -> tuple[Tensor, Tensor]:
    """Height of the feet's keypoints above the ground that those which stand have in common. [..., T, 6] metres

    Below the ground it always counts; above, as far as the keypoint is in contact before or after the frame. The ground
    is fitted anew before every step, so that it is an unknown without being a variable.

    Args:
        x: the posed body.
        contact: as for :func:`foot_contact`. [..., T−1, 6]
        ground: made by the preparation; see :func:`fit_ground`. [..., 1, 6, 4]
    """
    height = (x.keypoints[..., places(BODY_25_FEET, x.keypoints), :] * ground[..., :3]).sum(-1) + ground[..., 3]
    below = (height.detach() < 0).to(height)
    return height, torch.maximum(below, at_frames(contact).expand_as(height))


def estimate_contact(keypoints: Tensor, frame_intervals_s: Tensor | None = None, still: float = STILL) -> Tensor:
    """Return how surely each of the feet's keypoints stands still between neighbouring frames.

    A standing foot's keypoint hardly moves in the image; its speed is measured against the person's height there, so
    that neither the image's size nor the distance matters, over some frames (:data:`STEADY_S`).

    Args:
        keypoints: BODY_25, (u, v, confidence). [..., T, 25, 3]
        frame_intervals_s: seconds between neighbouring frames, by default a thirtieth. [..., T−1]
        still: speed at which contact is as likely as not, in heights in a thirtieth of a second.

    Returns:
        [..., T−1, 6] in [0, 1], 0 for keypoints that were not seen.
    """
    feet, confidence = keypoints[..., places(BODY_25_FEET, keypoints), :].split([2, 1], -1)
    feet = feet.where(confidence > 0, 0.0)
    seen = keypoints[..., 2:] > 0.1
    top = keypoints[..., :2].where(seen, torch.full_like(keypoints[..., :2], torch.inf)).amin((-3, -2))[..., 1]
    bottom = keypoints[..., :2].where(seen, torch.full_like(keypoints[..., :2], -torch.inf)).amax((-3, -2))[..., 1]
    height = (bottom - top).clamp_min(1.0)[..., None, None]
    if frame_intervals_s is None:
        frame_intervals_s = feet.new_full((*feet.shape[:-3], feet.shape[-3] - 1), 1 / REFERENCE_RATE_HZ)
    speed = _velocities(feet, confidence, frame_intervals_s).norm(dim=-1) / (height * still * REFERENCE_RATE_HZ)
    # Across a cut of the video, whose interval is very long, nothing is known to stand.
    usual = frame_intervals_s.median(-1, keepdim=True).values if frame_intervals_s.shape[-1] else frame_intervals_s
    speed = speed.masked_fill((frame_intervals_s > CUT * usual)[..., None], torch.inf)
    both = torch.minimum(confidence[..., 1:, :, 0], confidence[..., :-1, :, 0])
    sure: Tensor = both.clamp(0, 1) / (1 + speed**4)
    return sure


def _velocities(points: Tensor, confidence: Tensor, frame_intervals_s: Tensor) -> Tensor:
    """Return the slopes of lines fitted to points around the middle of each frame interval (:data:`STEADY_S`).

    Where no two frames show a point it is zero, which does not say that the point stands.

    [..., T, n, 2], [..., T, n, 1], [..., T−1] → [..., T−1, n, 2] pixels per second
    """
    count, device = points.shape[-3], points.device
    near = torch.arange(count - 1, device=device)[:, None]
    near = near + torch.arange(1 - STEADY_FRAMES, 1 + STEADY_FRAMES, device=device)  # [T − 1, K]
    there = (near >= 0) & (near < count)
    near = near.clamp(0, count - 1)
    times = torch.nn.functional.pad(frame_intervals_s.cumsum(-1), (1, 0))
    after = times[..., near] - (times[..., 1:, None] + times[..., :-1, None]) / 2  # [..., T − 1, K]
    width = (frame_intervals_s / 2).clamp_min(STEADY_S)[..., None]
    weight = (there * (-0.5 * (after / width).square()).exp())[..., None, None] * confidence[..., near, :, :]
    total = weight.sum(-3, keepdim=True).clamp_min(TINY)
    after = after[..., None, None]
    after = after - (weight * after).sum(-3, keepdim=True) / total
    spread = (weight * after.square()).sum(-3).clamp_min(TINY)
    slope: Tensor = (weight * after * points[..., near, :, :]).sum(-3) / spread
    return slope


def at_frames(contact: Tensor) -> Tensor:
    """Return the contact of every frame, the larger one of before and after. [..., T−1, n] → [..., T, n]"""
    none = contact.new_zeros(*contact.shape[:-2], 1, contact.shape[-1])
    return torch.maximum(torch.cat([none, contact], -2), torch.cat([contact, none], -2))
