"""Where a fit stands: the values of the clip's unknowns, and what was measured on the way."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from fit_avatar.body import rotation
from fit_avatar.body.garment import Garment, dressed
from fit_avatar.body.hanging_hair import HangingHair, with_hair
from fit_avatar.body.model import Body
from fit_avatar.body.poses import a_pose
from fit_avatar.body.state import BodyState
from fit_avatar.capture.camera import FULL_FRAME_DIAGONAL_MM
from fit_avatar.capture.types import Capture
from fit_avatar.correspondence.matches import SurfaceMatches
from fit_avatar.errors import BadInputError
from fit_avatar.fitting.observations import Observations
from fit_avatar.solvers import ClipState, SolveSummary

START_DISTANCE_M = 3.0


@dataclass(frozen=True)
class FocalLength:
    """An estimated focal length, against the guess that the camera came with."""

    factor: float
    """On the guess."""
    sigma: float
    """Relative standard deviation."""


@dataclass(frozen=True)
class FitState:
    """What an action of a schedule takes and returns."""

    clip: ClipState
    """Poses and shape; of several hypotheses [H, …] until one is chosen."""
    key_frames: Tensor | None = None
    """The frames of the clip that are fitted, ascending; None: all. int64 [T]"""
    focal: FocalLength | None = None
    """None: the camera's focal length is taken as it is."""
    keypoint_noise_m: Tensor | None = None
    """Noise of the keypoints in metres. []"""
    limb_directions: Tensor | None = None
    """Directions of limbs, in all frames of the clip, if more is known than the detector says. [all frames, 10, 3]"""
    limb_precision: Tensor | None = None
    """Their precision, per radian. [all frames, 10]"""
    surface_matches: SurfaceMatches | None = None
    """Points of the surface in the pictures, of all frames."""
    outline_offsets: Tensor | None = None
    """Offsets that follow the outlines everywhere, where those of the clip hold the face against them; None: those of
    the clip do. [V, 3] metres"""
    garment: Garment | None = None
    """What the person wears around both legs; None: nothing, or it is part of the body that is fitted."""
    hair: HangingHair | None = None
    """Hair that hangs behind the head; None: there is none, or it is part of the body that is fitted."""
    solves: tuple[tuple[str, SolveSummary], ...] = ()
    """The name of every solve so far, and what it did."""
    warnings: tuple[str, ...] = ()
    """What the user should know: one sentence each."""

    @classmethod
    def upright(cls, body: Body, frames: int) -> FitState:
        """Return where a fit begins: an average person in an A-pose who faces the camera, three metres away."""
        like = body.template
        root = rotation.exp(like.new_tensor([math.pi, 0.0, 0.0]))[None]
        pose = a_pose(body)
        expression = like.new_zeros(frames, body.num_expression) if body.num_expression else None
        return cls(
            ClipState(
                rotations=torch.cat([root, pose]).expand(frames, -1, -1, -1),
                transl=like.new_tensor([0.0, 0.0, START_DISTANCE_M]).expand(frames, -1),
                betas=like.new_zeros(body.num_betas),
                mean_pose=pose,
                keypoint_bias=like.new_zeros(len(body.keypoint_regressor), 3),
                expression=expression,
            )
        )

    def with_shape(self, known: BodyState) -> FitState:
        """Return the state with a known person's betas and offsets."""
        device = self.clip.transl.device
        return replace(self, clip=replace(self.clip, betas=known.betas.to(device), offsets=known.offsets.to(device)))

    @property
    def hypotheses(self) -> int:
        """Return how many hypotheses are followed together; 1 for a single one."""
        return self.clip.transl.shape[0] if self.clip.transl.dim() > 2 else 1

    def observations(self, whole: Observations) -> Observations:
        """Return what the fitted frames show, by the estimated camera, with what was measured on the way."""
        camera = whole.camera if self.focal is None else whole.camera.zoomed(self.focal.factor)
        if self.limb_directions is not None:
            whole = replace(whole, limb_directions=self.limb_directions, limb_precision=self.limb_precision)
        seen = replace(
            whole,
            camera=camera,
            keypoint_noise_m=self.keypoint_noise_m,
            surface_matches=self.surface_matches,
            outline_offsets=self.outline_offsets,
        )
        return seen.frames(self.key_frames)

    def on_all_frames(self, times_s: Tensor) -> FitState:
        """Return the state on all frames of the clip; those between the key frames are interpolated. [all frames]"""
        if self.key_frames is None:
            return self
        return replace(self, clip=self.clip.interpolated(times_s[self.key_frames], times_s), key_frames=None)

    def single(self, action: str) -> ClipState:
        """Return the clip's state, which must be of one hypothesis.

        Raises:
            BadInputError: several are followed.
        """
        if self.hypotheses > 1:
            raise BadInputError(
                f"{action!r} follows one hypothesis, but there are {self.hypotheses}: put ChooseHypothesis before it"
            )
        return self.clip

    def worn(self, body: Body) -> Body:
        """Return the body with its garment and hair; the body itself if there are none, or it has them."""
        return with_hair(dressed(body, self.garment), self.hair)

    def body_state(self, body: Body) -> BodyState:
        """Return shape and poses as they are exported, of the first hypothesis where there are several."""
        return (self.clip.hypothesis(0) if self.hypotheses > 1 else self.clip).body_state(body)

    def to(self, device: torch.device) -> FitState:
        """Return the same state on a device."""
        return replace(
            self,
            clip=self.clip.to(device),
            key_frames=None if self.key_frames is None else self.key_frames.to(device),
            keypoint_noise_m=None if self.keypoint_noise_m is None else self.keypoint_noise_m.to(device),
            limb_directions=None if self.limb_directions is None else self.limb_directions.to(device),
            limb_precision=None if self.limb_precision is None else self.limb_precision.to(device),
            surface_matches=None if self.surface_matches is None else self.surface_matches.to(device),
            outline_offsets=None if self.outline_offsets is None else self.outline_offsets.to(device),
            hair=None if self.hair is None else self.hair.to(device),
        )


def calibrated(capture: Capture, state: FitState) -> Capture:
    """Return the capture with the camera of the fit, and what the user should know of it."""
    if state.focal is None:
        return capture
    camera = capture.camera.zoomed(state.focal.factor)
    equivalent = camera.fx / math.hypot(camera.width, camera.height) * FULL_FRAME_DIAGONAL_MM
    told = (
        f"The focal length was estimated from the clip: {camera.fx:.0f} px ({equivalent:.0f} mm equivalent), to about "
        f"{state.focal.sigma:.0%}; pass --focal-35mm or --camera if you know it."
    )
    camera = replace(camera, source="estimated from the clip", focal_sigma=state.focal.sigma)
    return replace(capture, camera=camera, warnings=(*capture.warnings, told))
