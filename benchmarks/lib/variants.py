"""Ways to fit: the default schedule with something changed, each under a name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fit_avatar.fitting import (
    PRESETS,
    ConsensusShape,
    Initialise,
    MatchSurface,
    Schedule,
    Solve,
    preset,
    video_avatar,
)
from fit_avatar.fitting.actions.consensus_shape import OUTLINE_SIGMA_M

Change = Callable[[Schedule], Schedule]

HELD_BY = {
    "keypoint_bias_prior": "keypoint_bias",
    "mean_pose_prior": "mean_pose",
    "shape_prior": "betas",
    "surface_shift_prior": "surface_shift",
}
"""Unknowns that nothing else holds: they stay at their start where the term is left out."""
TRUE_JOINTS = "true-joints"
"""The bound: the schedule with the true joints in 3D added, which takes the truth of a clip."""


def without(*names: str) -> Change:
    """Return a change that leaves terms out of every solve that has them."""

    def less(solve: Solve) -> Solve:
        own = [term.name for term in solve.terms if term.name in names]
        return _held(solve.without(*own), *(HELD_BY[name] for name in own if name in HELD_BY))

    return lambda plan: plan.with_each(Solve, less)


def frozen(*unknowns: str) -> Change:
    """Return a change that keeps unknowns at their start."""
    return lambda plan: plan.with_each(Solve, lambda solve: _held(solve, *unknowns))


def _held(solve: Solve, *unknowns: str) -> Solve:
    return replace(solve, free=tuple(name for name in solve.free if name not in unknowns))


def smooth_over(distance_m: float) -> Change:
    """Return a change that makes offsets smooth over another distance."""
    return lambda plan: plan.with_weights(laplacian=(distance_m**2 / OUTLINE_SIGMA_M) ** 2)


def rounds_of_consensus(count: int) -> Change:
    """Return a change that stops after so many consensus shapes, or before the first."""

    def stopped(plan: Schedule) -> Schedule:
        places = [i for i, action in enumerate(plan.actions) if isinstance(action, ConsensusShape)]
        return replace(plan, actions=plan.actions[: places[count - 1] + 1 if count else places[0]])

    return stopped


def without_late_keypoints(plan: Schedule) -> Schedule:
    """Leave keypoints out where poses follow the consensus shape."""

    def less(solve: Solve) -> Solve:
        late = solve.moves_body and "consensus" in solve.name
        return solve.without("keypoint_reprojection") if late else solve

    return plan.with_each(Solve, less)


def without_pictures(plan: Schedule) -> Schedule:
    """Leave out the correspondences of the surface in the pictures: outlines and keypoints remain."""

    def needs_pictures(action: object) -> bool:
        return isinstance(action, MatchSurface) or (isinstance(action, Solve) and "surface_matches" in action.needs)

    return replace(plan, actions=tuple(action for action in plan.actions if not needs_pictures(action)))


VARIANTS: dict[str, Change] = {
    "base": lambda plan: plan,
    "fast": lambda plan: video_avatar("fast"),
    "best": lambda plan: video_avatar("best"),
    **{f"without-{term.name}": without(term.name) for solve in video_avatar().solves for term in solve.terms},
    "without-smoothness": without("rotation_acceleration", "translation_acceleration"),
    "no-late-keypoints": without_late_keypoints,
    "without-pictures": without_pictures,
    "smoother": smooth_over(0.02),
    "rougher": smooth_over(0.008),
    "every-frame": lambda plan: plan.with_action("initialise", Initialise()),
    "body-only": rounds_of_consensus(0),
    "one-consensus": rounds_of_consensus(1),
    TRUE_JOINTS: lambda plan: plan,
    **{name: (lambda plan, name=name: preset(name)) for name in PRESETS if name not in ("video-avatar", "track")},
}
"""Changes of the default schedule by name. ``without-<term>`` is there for every term that it has."""
GROUPS: dict[str, tuple[str, ...]] = {
    "all": tuple(VARIANTS),
    "terms": ("base", *(name for name in VARIANTS if name.startswith("without-"))),
}
"""Names that stand for several variants."""
