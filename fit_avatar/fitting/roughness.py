"""How a person's velocities change, measured on fitted frames: what is usual between them."""

from __future__ import annotations

import torch
from torch import Tensor

from fit_avatar.energies.motion import REFERENCE_RATE_HZ
from fit_avatar.energies.pose import between
from fit_avatar.solvers import ClipState


def roughness(clip: ClipState, times_s: Tensor, interval_s: Tensor) -> tuple[Tensor, Tensor]:
    """Measure how a person's velocities change, for the smoothness between fitted frames.

    Accelerations are taken for white noise of density q, so that the velocities over two intervals h and h' that follow
    each other differ by a variance of q (h + h') / 3, whatever the intervals are.

    Args:
        clip: the T fitted frames.
        times_s: when they were taken. [T]
        interval_s: between frames whose accelerations are asked for. []

    Returns:
        Standard deviations of each joint's angular acceleration [J], in radians, and of the root's acceleration [], in
        metres, both a thirtieth of a second squared, as the terms on motion have them.

    Source: the integrated Wiener process, as in Rasmussen and Williams 2006, section 6.3.1.
    """
    if len(times_s) < 3:
        return clip.transl.new_zeros(clip.rotations.shape[-3]), clip.transl.new_zeros(())
    steps = (times_s[1:] - times_s[:-1]) * REFERENCE_RATE_HZ
    scale = (3 / (steps[1:] + steps[:-1])).to(clip.transl)
    steps = steps.to(clip.transl)
    turns = between(clip.rotations[:-1], clip.rotations[1:]) / steps[:, None, None]
    moves = (clip.transl[1:] - clip.transl[:-1]) / steps[:, None]
    turn = ((turns[1:] - turns[:-1]).square().mean(-1) * scale[:, None]).mean(0)
    move = ((moves[1:] - moves[:-1]).square().mean(-1) * scale).mean()
    usual = (2 / (3 * interval_s * REFERENCE_RATE_HZ)).to(clip.transl)
    return torch.sqrt(usual * turn), torch.sqrt(usual * move)
