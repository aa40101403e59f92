"""Whether the person of a clip turns around in one pose, which the default method needs, or moves otherwise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from fit_avatar.body.model import Body
from fit_avatar.energies.projection import metres_per_pixel
from fit_avatar.fitting.actions import Context, Initialise, Solve
from fit_avatar.fitting.default_schedule import KEY_FRAMES
from fit_avatar.fitting.observations import Observations
from fit_avatar.fitting.state import FitState
from fit_avatar.fitting.tracking_terms import tracking_terms
from fit_avatar.solvers import GaussNewton, Unknowns


@dataclass(frozen=True)
class TurningConfig:
    """When a clip is a turn.

    Chosen on rendered clips: turns have 360° and 14–21 mm, other motions 5–40° and up to 39 mm.
    """

    least_turn_rad: float = math.radians(150)
    """A person turns who is seen from directions this far apart at least."""
    most_error_m: float = 0.06
    """One pose for the whole clip explains the limbs' keypoints if nine in ten are nearer to it than this."""
    least_confidence: float = 0.3
    """Keypoints below it do not count."""


DEFAULT_TURNING = TurningConfig()


@dataclass(frozen=True)
class Turning:
    """How far a person turns, and how well one pose explains all frames."""

    turn_rad: float
    """Between the directions that are farthest from each other."""
    error_m: float
    """Nine in ten keypoints are nearer to the body in one pose than this."""
    turns: bool
    """Whether the person turns far enough."""
    keeps_pose: bool
    """Whether one pose explains the frames."""

    @property
    def is_turn(self) -> bool:
        """Return whether the person turns around in one pose."""
        return self.turns and self.keeps_pose

    @property
    def sentence(self) -> str:
        """Return what the user is told where the clip is not a turn."""
        seen = "The person does not keep one pose while turning"
        if not self.turns:
            seen = f"The person turns by {math.degrees(self.turn_rad):.0f}° only"
        taken = "the preset motion was taken, which is made for any motion; --preset chooses another method"
        return f"{seen}, so that {taken}."


def measure_turning(body: Body, observations: Observations, config: TurningConfig = DEFAULT_TURNING) -> Turning:
    """Fit a person who turns in one pose to the keypoints of some frames, and see how well that does.

    Args:
        body: to fit.
        observations: of the whole clip.
        config: settings.
    """
    context = Context(body, lambda: observations)
    state = FitState.upright(body, len(observations.keypoints))
    terms = tracking_terms(keypoint_kernel=6.0, move_sigma_m=0.03)
    for action in (Initialise(key_frames=KEY_FRAMES["fast"]), Solve("one pose", terms, optimiser=GaussNewton(12))):
        state = action.run(state, context)
    seen = state.observations(observations)
    ahead = state.clip.rotations[:, 0, :, 2]
    turn = _spread(torch.atan2(ahead[:, 0], -ahead[:, 2]))
    error = _error(body, state, seen, config)
    return Turning(turn, error, turn >= config.least_turn_rad, error <= config.most_error_m)


def _spread(angles: Tensor) -> float:
    """Return how far angles that follow each other are apart, over all turns. [T] radians"""
    steps = torch.remainder(angles[1:] - angles[:-1] + math.pi, 2 * math.pi) - math.pi
    path = torch.cat([angles.new_zeros(1), steps.cumsum(0)])
    return float(path.max() - path.min())


def _error(body: Body, state: FitState, seen: Observations, config: TurningConfig) -> float:
    """Return the distance within which nine in ten keypoints are, in metres."""
    with torch.no_grad():
        x = Unknowns.of(body, state.clip).posed_body()
        away = (seen.camera.project(x.keypoints) - seen.keypoints[..., :2]).norm(dim=-1)
        away = away * metres_per_pixel(x, seen.camera)[..., None]
    counted = away[seen.keypoints[..., 2] > config.least_confidence]
    return float(counted.quantile(0.9)) if len(counted) else math.inf
