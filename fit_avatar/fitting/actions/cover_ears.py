"""Hair over ears that are not to be seen: a smooth surface, in which no ear stands out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from fit_avatar.body.ears import RIM, ears_and_rim, even_over_ears
from fit_avatar.body.fairing import faired
from fit_avatar.body.hair import degrees_from_front, may_have_hair_beside
from fit_avatar.body.model import Body
from fit_avatar.body.skinning import shaped
from fit_avatar.fitting.actions.action import Context
from fit_avatar.fitting.state import FitState
from fit_avatar.fitting.usual_pose import UsualPose
from fit_avatar.solvers import ClipState

SMOOTH_M = 0.018
"""Hair over the ears is smooth over about this length. Looked at on a rendered woman: with 12 mm a crease stays between
head and neck, where skin of both moves the hair."""
BEHIND_DEG = 70.0
"""Where hair covers the ears, it does from so far around the neck on, from the front. Chosen by hand: before the
ears."""
FACE = 0.05
"""Vertices that belong to the face by more than this stay as they are. Chosen by hand."""


@dataclass(frozen=True)
class CoverEars:
    """Lay a smooth surface over ears that hair covers, and over the hair behind them.

    It belongs after all that looks at outlines and features of the head. The last shape is near flat ears there, but
    outlines dent their many small triangles; and hair that is far off neck and head folds where these move against one
    another. Where ears are seen, the state stays as it is.
    """

    name: str = "hair over the ears"

    def run(self, state: FitState, context: Context) -> FitState:
        """Return the state with smooth hair over hidden ears, if there are any."""
        clip, body = state.single(self.name), context.body
        seen = state.observations(context.observations)
        if clip.offsets is None or not seen.ears_hidden or not ears_and_rim(body).any():
            return state
        even = even_over_ears(body, clip.betas, clip.offsets.double().cpu().numpy())
        smooth = torch.from_numpy(_smooth(body, clip, even)).to(clip.offsets)
        return replace(state, clip=replace(clip, offsets=smooth))


def _smooth(body: Body, clip: ClipState, offsets: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return offsets with which hair is smooth in the pose in which the person stands. [V, 3]"""
    behind = may_have_hair_beside(body).cpu().numpy() & (degrees_from_front(body) > BEHIND_DEG)
    chosen = (ears_and_rim(body, RIM) | behind) & body.skin.cpu().numpy()
    if "face" in body.part_names:
        chosen &= body.part("face").cpu().numpy() < FACE
    pose = UsualPose.of(body, clip.body_state(body))
    smooth = faired(pose.surface(offsets), body.faces.cpu().numpy(), chosen, SMOOTH_M)
    naked = shaped(body, clip.betas).double().cpu().numpy()
    moved = offsets.copy()
    moved[chosen] = (pose.surface_in_bind_pose(smooth) - naked)[chosen]
    return moved
