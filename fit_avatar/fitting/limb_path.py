"""The likeliest sequence of ways in which limbs point: one pass of Viterbi over a whole clip.

A state is one of four poses for each arm and leg, 256 in all. What people usually do couples the limbs in a frame,
smoothness couples a limb's frames. Because the changes of different limbs add up, a step of the pass minimises over one
limb after the other, and is exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fit_avatar.body import rotation
from fit_avatar.body.model import Body
from fit_avatar.body.pose_prior import recorded_poses
from fit_avatar.capture.limb_directions import LIMBS
from fit_avatar.energies import GemanMcClure, mixture_prior
from fit_avatar.energies.limits import angles_beyond
from fit_avatar.energies.motion import REFERENCE_RATE_HZ
from fit_avatar.energies.priors import BODY_JOINTS
from fit_avatar.fitting.limb_sides import CHAINS, SIDES, LimbSides
from fit_avatar.fitting.observations import Observations
from fit_avatar.solvers import ClipState


@dataclass(frozen=True)
class PathConfig:
    """What one sequence of poses costs against another."""

    prior: float = 0.1
    """Weight of the pose prior in each frame, as in the solves."""
    limit_rad: float = 0.1
    """How far beyond its limits an elbow or a knee is, as in the solves."""
    missed_m: float = 0.1
    """How much too short a segment is for where its end is seen … Chosen by hand."""
    most_missed: float = 9.0
    """… which costs no more than this: the point may be a mistake. Chosen by hand."""
    turn_rad: float = 0.5
    """Usual change of a segment's direction between frames a thirtieth of a second apart …"""
    most_turn: float = 4.0
    """… and the most that one change costs. Both chosen on four rendered motions."""
    direction_scale: float = 3.0
    """Geman–McClure scale of a detector's directions, in their noise, where there are some; as in the solves."""


DEFAULT_PATH = PathConfig()


def likeliest_sides(
    body: Body, clip: ClipState, sides: LimbSides, seen: Observations, config: PathConfig = DEFAULT_PATH
) -> Tensor:
    """Return which of its four poses each chain has in each frame. int64 [T, 4]

    Args:
        body: the body; its first joints are those of SMPL.
        clip: what the poses are of.
        sides: the poses.
        seen: what the frames show.
        config: settings.
    """
    single = _costs_of_chains(body, sides, seen, config)
    cost = config.prior * _prior_costs(body, clip, sides)
    for k in range(len(CHAINS)):
        cost = cost + _along(single[:, k], k)
    return _viterbi(cost, _turning_costs(sides, seen, config))


def _along(values: Tensor, *chains: int) -> Tensor:
    """Put values of some chains' poses [..., 4 (, 4)] along their axes of [..., 4, 4, 4, 4]."""
    shape = [len(SIDES) if k in chains else 1 for k in range(len(CHAINS))]
    return values.reshape(*values.shape[: -len(chains)], *shape)


def _costs_of_chains(body: Body, sides: LimbSides, seen: Observations, config: PathConfig) -> Tensor:
    """Return what each pose of each chain costs by itself: limits, points out of reach, directions. [T, C, 4]"""
    missed = (sides.missed_m / config.missed_m).square().clamp_max(config.most_missed).sum(-1)
    bent = rotation.log(sides.rotations[..., 1, :, :])  # [T, C, 4, 3]
    beyond = torch.stack([angles_beyond(bent[:, k], names[1]) for k, names in enumerate(CHAINS)], 1)
    cost = missed + (beyond / config.limit_rad).square().sum(-1)
    if seen.limb_directions is None or seen.limb_precision is None:
        return cost
    of_chains = [[list(LIMBS).index(f"{a}-{b}"), list(LIMBS).index(f"{b}-{c}")] for a, b, c in CHAINS]
    found, precision = seen.limb_directions[:, of_chains], seen.limb_precision[:, of_chains]  # [T, C, 2, 3], [T, C, 2]
    off = (sides.directions - found[:, :, None]).norm(dim=-1) * precision[:, :, None]
    return cost + GemanMcClure(config.direction_scale)(off.square()).sum(-1)


def _prior_costs(body: Body, clip: ClipState, sides: LimbSides) -> Tensor:
    """Return −2 log of the pose prior's density for every combination of poses. [T, 4, 4, 4, 4]

    The whitened pose is a sum over chains, so that its square needs products of pairs of chains alone.
    """
    prior = recorded_poses()
    data = mixture_prior(prior.means, prior.covariances(), prior.weights)
    means, factors, peaks = (data[n].to(clip.transl) for n in ("means", "precision_factors", "log_weights"))
    pose = rotation.log(clip.rotations[:, 1 : 1 + BODY_JOINTS])  # [T, 21, 3]
    own = torch.einsum("tmi,mij->tmj", pose.flatten(1)[:, None] - means, factors)
    by_joint = factors.unflatten(1, (BODY_JOINTS, 3))
    changes = []
    for k, names in enumerate(CHAINS):
        joints = [body.joint_names.index(name) - 1 for name in names[:2]]
        change = rotation.log(sides.rotations[:, k]) - pose[:, None, joints]  # [T, 4, 2, 3]
        changes.append(torch.einsum("tsja,mjab->tmsb", change, by_joint[:, joints]))
    total = (own.square().sum(-1) - 2 * peaks)[:, :, None, None, None, None]
    for k, change in enumerate(changes):
        alone = 2 * (change @ own[..., None])[..., 0] + change.square().sum(-1)  # [T, M, 4]
        total = total + _along(alone, k)
        for j in range(k):
            total = total + _along(2 * (changes[j] @ change.mT), j, k)  # [T, M, 4, 4]
    least: Tensor = total.amin(1)
    return least


def _turning_costs(sides: LimbSides, seen: Observations, config: PathConfig) -> Tensor:
    """Return what a change of each chain's pose costs, to and from. [T−1, C, 4, 4]"""
    now, before = sides.directions[1:, :, :, None], sides.directions[:-1, :, None]
    angle = 2 * ((now - before).norm(dim=-1) / 2).clamp_max(1.0).asin()  # [T−1, C, 4, 4, 2]
    usual = config.turn_rad * (seen.frame_intervals_s * REFERENCE_RATE_HZ).clamp_min(0.5)
    cost: Tensor = (angle / usual[:, None, None, None, None]).square().clamp_max(config.most_turn).sum(-1)
    return cost


def _viterbi(cost: Tensor, turning: Tensor) -> Tensor:
    """Return the cheapest sequence of states. cost [T, 4, 4, 4, 4], turning [T−1, C, 4, 4] → int64 [T, C]"""
    total, pointers = cost[0], []
    for t in range(1, len(cost)):
        from_chains = []
        for k in range(len(CHAINS)):
            best = (total.movedim(k, -1)[..., None, :] + turning[t - 1, k]).min(-1)
            total = best.values.movedim(-1, k)
            from_chains.append(best.indices.movedim(-1, k))
        pointers.append(torch.stack(from_chains))
        total = total + cost[t]
    states = [tuple(int(i) for i in np.unravel_index(int(total.argmin()), total.shape))]
    for pointer in reversed(_on_host(pointers)):
        state = list(states[-1])
        for k in reversed(range(len(CHAINS))):
            state[k] = int(pointer[k][tuple(state)])
        states.append(tuple(state))
    return torch.tensor(states[::-1], device=cost.device)


def _on_host(pointers: list[Tensor]) -> list[Tensor]:
    """Return what the way back is read from, on the CPU by one copy."""
    return list(torch.stack(pointers).cpu()) if pointers else []
