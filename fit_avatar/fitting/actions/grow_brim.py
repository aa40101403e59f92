"""The brim of a hat, grown out of the head's surface where outlines show one."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import torch

from fit_avatar.body.brim import grown_brim
from fit_avatar.fitting.actions.action import Context
from fit_avatar.fitting.brim_edge import find_brim
from fit_avatar.fitting.state import FitState

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class GrowBrim:
    """Draw out a ring of the head's vertices to the edge of a brim.

    It belongs after all that looks at outlines of the head: the surface follows the crown of a hat until then, and
    neither poses nor features of the face are to be matched to a brim. Without one the state stays as it is.
    """

    name: str = "look for the brim of a hat"

    def run(self, state: FitState, context: Context) -> FitState:
        """Return the state with the brim, if there is one."""
        clip, body = state.single(self.name), context.body
        if clip.offsets is None or "head" not in body.joint_names:
            return state
        poses = clip.body_state(body)
        edge = find_brim(body, poses, state.observations(context.observations))
        if edge is None:
            logger.info("no hat with a brim")
            return state
        moved = torch.from_numpy(grown_brim(body, poses, edge)).to(clip.offsets)
        return replace(state, clip=replace(clip, offsets=clip.offsets + moved))
