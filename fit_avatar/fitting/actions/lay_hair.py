"""Hair that hangs behind the head: laid as a surface of its own where masks show more than the body there."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from fit_avatar.body.below_hair import below_hair, below_long_hair, carried_on
from fit_avatar.body.hair import degrees_from_front
from fit_avatar.body.hair_sheet import rim_of, sheet_of
from fit_avatar.body.hair_tube import tube_of
from fit_avatar.body.hanging_hair import JOINTS, PART, HangingHair
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.model import Body
from fit_avatar.body.operators import adjacency, dilated
from fit_avatar.body.skinning import shaped
from fit_avatar.fitting.actions.action import Context
from fit_avatar.fitting.behind_head import OUTSIDE_M, VOXEL_M, Carved, carve, seen_around
from fit_avatar.fitting.hair_rings import rings_around
from fit_avatar.fitting.state import FitState
from fit_avatar.fitting.usual_pose import UsualPose
from fit_avatar.solvers import ClipState

logger = logging.getLogger(__name__)

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

LEAST_M3 = 1e-4
"""Hair that hangs has this volume outside the body and below the joint of the head, at least: three rendered ponytails
have 2.8e-4 to 3.4e-4; three people with hats, three others and three with long hair have none."""
LEAST_FAR_M = 0.04
"""It is so far from the body somewhere: of the same ponytails 75 to 90 mm. Chosen by hand."""
ROUNDS = 2
"""The surface below hair is found so often, each time below what hair was found above the one before."""
SIDE_DEG = 85.0
"""Long hair hangs from so far around the neck on, from the front. Chosen by hand: behind ears that are seen."""
LIFT_M = 0.003
"""A sheet lies where outlines have drawn the skin out by so much; less, and it sinks below it. Chosen by hand."""
THINS = 2
"""Around that, so many rings of vertices lead down to the skin. By hand: without them its edge was like a saw."""
BELOW_SKIN_M, WITHIN_M = 0.002, 0.005
"""The edge of a sheet, and its inside, are so far below the skin, which hides them. Chosen by hand."""


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
        seen, poses = state.observations(context.observations), clip.body_state(body)
        offsets = clip.offsets.double().cpu().numpy()
        hair, moved = None, offsets
        if bool(seen.hair_behind):
            hair, moved = _long_hair(body, clip, offsets)
        elif seen_around(poses, seen):
            hair, moved = _ponytail(carve(UsualPose.of(body, poses), poses, seen), offsets)
        if hair is None:
            logger.info("no hair that hangs")
            return state
        wider = np.concatenate([moved, np.zeros((len(hair.vertices), 3))])
        widened = replace(clip, offsets=torch.from_numpy(wider).to(clip.offsets))
        return replace(state, hair=hair, clip=widened, outline_offsets=None)


def _ponytail(found: Carved, offsets: FloatArray) -> tuple[HangingHair | None, FloatArray]:
    """Return hair that stands out from the body, if there is any, and the offsets of the body below it. [V, 3]"""
    pose, moved, hair = found.pose, offsets, found.hair(offsets)
    if hair is None or not _hangs(found, hair, offsets):
        return None, offsets
    naked = shaped(pose.body, pose.betas).double().cpu().numpy()
    for _ in range(ROUNDS):
        below = below_hair(pose.body, naked, pose.in_bind_pose(found.places[hair]))
        moved = carried_on(pose.body, offsets, below)
        again = found.hair(moved)
        hair = hair if again is None else again
    rings = rings_around(found.places, hair, found.within(moved, OUTSIDE_M), found.within(moved, 0.0))
    if rings is None:
        return None, offsets
    logger.info("a ponytail of %.2f litres", 1000 * hair.sum() * VOXEL_M**3)
    return tube_of(pose.body, torch.from_numpy(pose.in_bind_pose(rings)).to(pose.betas), pose.betas), moved


def _hangs(found: Carved, hair: BoolArray, offsets: FloatArray) -> bool:
    """Return whether a piece outside the body is large enough to be hair that hangs. [X, Y, Z], [V, 3]"""
    low = hair & (found.places[..., 1] < found.pose.head[1])
    far = found.outside(offsets)[1][hair[found.filled]].max()
    return bool(low.sum() * VOXEL_M**3 > LEAST_M3 and far > LEAST_FAR_M)


def _long_hair(body: Body, clip: ClipState, offsets: FloatArray) -> tuple[HangingHair | None, FloatArray]:
    """Return hair that lies on neck and back, which outlines have made a part of them, and the offsets without it."""
    naked = shaped(body, clip.betas).double().cpu().numpy()
    hidden = below_long_hair(body, naked)
    moved = carried_on(body, offsets, hidden)
    skin = naked + moved
    normals = vertex_normals(skin, body.faces.cpu().numpy())
    lift = ((offsets - moved) * normals).sum(1)
    thick = dilated(hidden & (lift > LIFT_M), adjacency(body.faces.cpu().numpy(), len(lift)), THINS)
    over = thick & body.skin.cpu().numpy() & (degrees_from_front(body) > SIDE_DEG)
    rim = rim_of(body, over)
    sunk = BELOW_SKIN_M * (1 - np.clip(lift / LIFT_M, 0, 1))
    outer = skin + np.where(lift[:, None] > 0, offsets - moved, 0.0) - sunk[:, None] * normals
    outer[rim] = (skin - BELOW_SKIN_M * normals)[rim]
    sheet = sheet_of(body, over, outer, skin - WITHIN_M * normals, tuple(clip.betas.tolist()))
    if sheet is None:
        return None, offsets
    logger.info("long hair, up to %.0f mm off the skin", 1000 * lift[over].max())
    return sheet, moved
