"""Even triangles in the cap of a shoe, whose surface stays where it is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from fit_avatar.body.shoes import evenly_capped
from fit_avatar.body.skinning import shaped
from fit_avatar.fitting.actions.action import Context
from fit_avatar.fitting.state import FitState


@dataclass(frozen=True)
class SpreadToes:
    """Slide the vertices of toes apart on the shoes of a person who wears some.

    Where toes became one cap their triangles have shrunk to points, which have no texture and no normals. It belongs
    after all solves for the offsets: those hold neighbours together by the triangles of naked feet.
    """

    name: str = "even triangles at the toes"

    def run(self, state: FitState, context: Context) -> FitState:
        """Return the state with other offsets of the toes, if the person wears shoes."""
        clip, body = state.single(self.name), context.body
        if clip.offsets is None or not state.observations(context.observations).shoes:
            return state
        rest = shaped(body, clip.betas, clip.offsets).double().cpu().numpy()
        moved = torch.from_numpy(evenly_capped(body, rest) - rest).to(clip.offsets)
        return replace(state, clip=replace(clip, offsets=clip.offsets + moved))
