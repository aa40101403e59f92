"""Hair that hangs behind the head: laid as a surface of its own where masks show more than the body there."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from fit_avatar.body.below_hair import below_hair, carried_on
from fit_avatar.body.hanging_hair import JOINTS, PART, HangingHair, with_hair
from fit_avatar.body.skinning import shaped
from fit_avatar.fitting.actions.action import Context
from fit_avatar.fitting.behind_head import VOXEL_M, Carved, carve
from fit_avatar.fitting.hair_rings import rings_around
from fit_avatar.fitting.state import FitState

logger = logging.getLogger(__name__)

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

LEAST_M3 = 1e-4
"""Hair that hangs has this volume outside the body and below the joint of the head, at least …"""
LEAST_FAR_M = 0.04
"""… and is so far from it somewhere."""
ROUNDS = 2
"""The surface below hair is found so often, each time below what hair was found above the one before."""


@dataclass(frozen=True)
class LayHair:
    """Find hair that hangs behind the head, and give the body a surface for it.

    It belongs at the end: it compares masks with the shape and the poses that are final. The surface below the hair,
    which its outlines have drawn out, is carried on from around. Where there is no such hair, the state stays as it is.
    """

    name: str = "look for hair that hangs"

    def run(self, state: FitState, context: Context) -> FitState:
        """Return the state with the hair, if there is any."""
        clip, body = state.single(self.name), context.body
        if clip.offsets is None or PART in body.part_names or not set(JOINTS) <= set(body.joint_names):
            return state
        naked = shaped(body, clip.betas).double().cpu().numpy()
        offsets = moved = clip.offsets.double().cpu().numpy()
        found = carve(body, clip.body_state(body), state.observations(context.observations))
        hair = found.hair(offsets)
        if hair is None or not _hangs(found, hair, offsets):
            logger.info("no hair that hangs")
            return state
        for _ in range(ROUNDS):
            moved = carried_on(body, offsets, below_hair(body, naked, found.in_bind_pose(found.places[hair])))
            again = found.hair(moved)
            hair = hair if again is None else again
        rings = rings_around(found.places, hair, found.filled)
        if rings is None:
            return state
        rings = found.in_bind_pose(rings)
        logger.info("hair that hangs, of %.1f litres", hair.sum() * VOXEL_M**3 * 1000)
        betas = tuple(clip.betas.tolist())
        laid = HangingHair(torch.from_numpy(rings).to(clip.offsets), betas)
        added = len(with_hair(body, laid).template) - len(body.template)
        wider = torch.nn.functional.pad(torch.from_numpy(moved).to(clip.offsets), (0, 0, 0, added))
        return replace(state, hair=laid, clip=replace(clip, offsets=wider))


def _hangs(found: Carved, hair: BoolArray, offsets: FloatArray) -> bool:
    """Return whether a piece outside the body is large enough to be hair that hangs. [X, Y, Z], [V, 3]"""
    low = hair & (found.places[..., 1] < found.head[1])
    far = found.outside(offsets)[1][hair[found.filled]].max()
    return bool(low.sum() * VOXEL_M**3 > LEAST_M3 and far > LEAST_FAR_M)
