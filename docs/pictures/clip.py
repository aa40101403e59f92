"""The bundled clip, observed and fitted once, with what is known after every action."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch

from fit_avatar import Avatar, load_body
from fit_avatar.body import Body, BodyState
from fit_avatar.capture import Camera, Capture, observe, read_frames
from fit_avatar.energies import PosedBody
from fit_avatar.fitting import Context, FitState, Initialise, Observations, video_avatar
from fit_avatar.solvers import Unknowns
from fit_avatar.texture import bake

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "assets" / "demo.mp4"
CAMERA = Camera(1518.0, 1518.0, 540.0, 540.0, 1080, 1080)  # as assets/LICENSE-demo.md states it
HEIGHT_M = 1.79
FRAMES = 60
START, KEYPOINTS, OUTLINES = "initialise", "pose from keypoints", "pose and shape from outlines"
TRACKED_AGAIN, CONSENSUS = "pose with the consensus shape 1/1", "final consensus shape"
"""Actions of the schedule after which something is drawn."""


@dataclass(frozen=True)
class Fitted:
    """The bundled clip after every action of the schedule ``fast``, over all frames from the start."""

    context: Context
    seen: Capture
    states: Mapping[str, FitState]
    """By the name of the action that led there."""

    @property
    def body(self) -> Body:
        """Return the body."""
        return self.context.body

    def posed_body(self, action: str) -> PosedBody:
        """Return what terms see after an action."""
        return Unknowns.of(self.body, self.states[action].clip.with_offsets(self.body)).posed_body()

    def body_state(self, action: str) -> BodyState:
        """Return the body after an action."""
        return self.states[action].body_state(self.body)

    def picture(self, t: int) -> np.ndarray:
        """Return a frame. BGR"""
        return next(frame for _, frame in read_frames(DEMO, [int(self.seen.frame_indices[t])]))


@cache
def fitted() -> Fitted:
    """Observe and fit the bundled clip."""
    body = load_body()
    seen = observe(DEMO, camera=CAMERA, frames=FRAMES)
    observations = Observations.of(seen, torch.device("cpu"), HEIGHT_M)
    context = Context(body, lambda: observations)
    state, states = FitState.upright(body, len(seen.frame_indices)), {}
    for action in video_avatar("fast").with_action(START, Initialise()).actions:
        states[action.name] = state = action.run(state, context)
    return Fitted(context, seen, states)


@cache
def avatar() -> Avatar:
    """Bake the texture of the fitted clip."""
    found = fitted()
    state = found.body_state(CONSENSUS)
    image = bake(found.body, state, found.seen, read_frames(DEMO, found.seen.frame_indices.tolist()), 1024, None)
    return Avatar(found.body, state, found.seen, image)
