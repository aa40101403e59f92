"""Eyes, brows, nose and mouth of the surface where the points of the face show them."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from fit_avatar.fitting.actions.action import Context
from fit_avatar.fitting.actions.consensus_shape import with_loose_parts_carried
from fit_avatar.fitting.face_features import shift_of_features
from fit_avatar.fitting.state import FitState

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FitFace:
    """Move the features of the face along the surface to where the detector's dense points show them in all frames.

    It belongs after the last consensus shape. Where the points are not known on the body, or too few frames show the
    face, nothing moves.
    """

    name: str = "features of the face"

    def run(self, state: FitState, context: Context) -> FitState:
        """Return the state with new offsets on the face."""
        clip = state.single(self.name).with_offsets(context.body)
        seen = state.observations(context.observations)
        found, points = seen.point_sets.get("face_468"), seen.face_points
        if found is None or points is None or not {"neck", "head"} <= set(context.body.joint_names):
            return state
        shift = shift_of_features(
            context.body, replace(state, clip=clip).body_state(context.body), points, found, seen.camera
        )
        if shift is None:
            logger.info("%s is left out: too few frames show the face", self.name)
            return state
        assert clip.offsets is not None
        moved = replace(clip, offsets=clip.offsets + shift)
        return replace(state, clip=with_loose_parts_carried(context.body, moved))
