"""All settings of painting the face."""

from __future__ import annotations

from dataclasses import dataclass

from fit_avatar.texture.face_frames import FACE_FRAMES, FaceFramesConfig
from fit_avatar.texture.face_merge import FACE_MERGE, FaceMergeConfig
from fit_avatar.texture.face_misfit import FACE_MISFIT, FaceMisfitConfig
from fit_avatar.texture.face_warp import FACE_WARP, FaceWarpConfig
from fit_avatar.texture.interior import INTERIOR, InteriorConfig


@dataclass(frozen=True)
class FaceConfig:
    """How the face is painted. All values were chosen by hand."""

    frames: FaceFramesConfig = FACE_FRAMES
    warp: FaceWarpConfig = FACE_WARP
    misfit: FaceMisfitConfig = FACE_MISFIT
    merge: FaceMergeConfig = FACE_MERGE
    interior: InteriorConfig = INTERIOR
    most_misfit_m: float = 0.005
    """A face whose features lie farther beside the person's is painted as the rest of the body is: on the body's
    features it would have another one's proportions. Infinite: always on them, where blend shapes move them."""
    cosine_power: float = 6.0
    """Power of the cosine between normal and line of sight in a frame's weight: a higher one merges fewer frames."""
    sharpness_power: float = 2.0
    """Power of a frame's sharpness on the face, relative to the sharpest one's."""
    hidden_m: float = 0.0015
    """So far behind what is drawn, a place is hidden: eyes lie a few millimetres behind the lids."""
    window_px: int = 400
    """Height of the picture in which that is decided."""
    full_weight: float = 0.05
    """Weight of all frames together, relative to a frontal view's, from which the face is painted from them alone."""
    max_exposure: float = 1.15
    """The face keeps the mean exposure of its frames up to this factor beside the rest of the body: a larger difference
    would show on the neck."""


FACE = FaceConfig()
