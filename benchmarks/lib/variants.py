"""Ways to fit: the default preset with something changed, each under a name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from fit_avatar.fitting import PRESETS, AnyStage, ConsensusStage, Preset, Stage, preset
from fit_avatar.fitting.presets import video_avatar

Change = Callable[[Preset], Preset]

HELD_BY = {
    "keypoint_bias_prior": "keypoint_bias",
    "mean_pose_prior": "mean_pose",
    "shape_prior": "betas",
    "surface_shift_prior": "surface_shift",
}
"""Unknowns that nothing else holds: they stay at their start where the term is left out."""
TRUE_JOINTS = "true-joints"
"""The bound: the schedule with the true joints in 3D added, which takes the truth of a clip."""


def each_stage(change: Callable[[AnyStage], AnyStage]) -> Change:
    """Return a change of every stage."""
    return lambda plan: replace(plan, stages=tuple(change(stage) for stage in plan.stages))


def without(term: str) -> Change:
    """Return a change that leaves a term out of every stage that has it."""

    def less(stage: AnyStage) -> AnyStage:
        if not isinstance(stage, Stage) or term not in {each.name for each in stage.terms}:
            return stage
        return replace(stage.without(term), free=tuple(name for name in stage.free if name != HELD_BY.get(term)))

    return each_stage(less)


def frozen(unknown: str) -> Change:
    """Return a change that keeps an unknown at its start."""

    def held(stage: AnyStage) -> AnyStage:
        if not isinstance(stage, Stage):
            return stage
        return replace(stage, free=tuple(name for name in stage.free if name != unknown))

    return each_stage(held)


def consensus(**fields: Any) -> Change:
    """Return a change of every consensus stage."""
    return each_stage(lambda stage: replace(stage, **fields) if isinstance(stage, ConsensusStage) else stage)


def first_stages(count: int) -> Change:
    """Return a change that stops after some stages."""
    return lambda plan: replace(plan, stages=plan.stages[:count])


def no_late_keypoints(plan: Preset) -> Preset:
    """Leave keypoints out once there is a consensus shape."""

    def less(stage: AnyStage) -> AnyStage:
        late = isinstance(stage, Stage) and "consensus" in stage.name
        return stage.without("keypoint_reprojection") if late and isinstance(stage, Stage) else stage

    return each_stage(less)(plan)


def without_pictures(plan: Preset) -> Preset:
    """Leave out what looks for the surface in the pictures, rather than at outlines and keypoints."""
    return replace(plan, stages=tuple(s for s in plan.stages if not (isinstance(s, Stage) and s.pictures)))


def _each_term_off() -> Iterator[tuple[str, Change]]:
    """Yield a variant without each of the preset's terms."""
    for name in dict.fromkeys(term.name for stage in video_avatar().solves for term in stage.terms):
        yield f"without-{name}", without(name)


VARIANTS: dict[str, Change] = {
    "base": lambda plan: plan,
    "fast": lambda plan: video_avatar("fast"),
    "best": lambda plan: video_avatar("best"),
    **dict(_each_term_off()),
    "without-smoothness": lambda plan: without("rotation_acceleration")(without("translation_acceleration")(plan)),
    "without-symmetry": consensus(symmetry=0.0),
    "without-offset-prior": consensus(body=1e-5),
    "no-late-keypoints": no_late_keypoints,
    "without-pictures": without_pictures,
    "smoother": consensus(smooth_m=0.02),
    "rougher": consensus(smooth_m=0.008),
    "every-frame": lambda plan: replace(plan, key_frames=None),
    "body-only": first_stages(2),
    "one-consensus": first_stages(3),
    TRUE_JOINTS: lambda plan: plan,
    **{name: (lambda plan, name=name: preset(name)) for name in PRESETS if name != "video-avatar"},
}
"""Changes of the default preset by name. ``without-<term>`` is there for every term that it has."""
GROUPS: dict[str, tuple[str, ...]] = {
    "all": tuple(VARIANTS),
    "terms": ("base", *(name for name in VARIANTS if name.startswith("without-"))),
}
"""Names that stand for several variants."""
