"""The one way from a clip or photographs to an avatar: observe, fit, compare, paint.

Every stage runs through a :class:`~fit_avatar.io.runner.Runner`, which keeps its result where there is a store. The
command line (:mod:`fit_avatar.results` writes its files) and :mod:`fit_avatar.scripting` are thin faces of it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from fit_avatar.appearance.light import Light
from fit_avatar.avatar import Avatar
from fit_avatar.body import Body, BodyState, Motion
from fit_avatar.body.garment import Garment
from fit_avatar.body.hanging_hair import HangingHair
from fit_avatar.body.head_layout import with_larger_head
from fit_avatar.capture import Camera, Capture
from fit_avatar.capture.camera_path import CameraMotion
from fit_avatar.capture.cast import Cast
from fit_avatar.capture.every_frame import EveryFrame
from fit_avatar.capture.source import Picture, Source, used_up
from fit_avatar.capture.types import CutOff, LeftOut, LimbDirections
from fit_avatar.correspondence import SurfaceTracker
from fit_avatar.correspondence.matches import SurfaceMatches
from fit_avatar.fitting import (
    Action,
    Context,
    FitState,
    FocalLength,
    MatchSurface,
    SolvedMotion,
    Turning,
    calibrated,
)
from fit_avatar.fitting.actions import identity
from fit_avatar.io.fingerprint import code_identity, digest, file_identity
from fit_avatar.io.runner import Runner, under
from fit_avatar.options import Options
from fit_avatar.plan import Plan, plan_fit
from fit_avatar.progress import Advance
from fit_avatar.report import (
    Agreement,
    Quality,
)
from fit_avatar.solvers import ClipState, SolveSummary
from fit_avatar.solvers.summary import TermValue
from fit_avatar.stages import compared, ears_looked_at, expressive, judged, moving, painted, shod, textured
from fit_avatar.texture import Relief, Texture
from fit_avatar.visibility import FrameViews

logger = logging.getLogger(__name__)

Watch = Callable[[Body, BodyState], None]
"""Is shown the body after every action of the schedule."""
KEPT: tuple[type, ...] = (
    Capture, Camera, LeftOut, LimbDirections, FitState, ClipState, FocalLength, SurfaceMatches, SolveSummary, TermValue,
    Agreement, Quality, Texture, Relief, Light, EveryFrame, SolvedMotion, Motion, BodyState, Turning, CameraMotion,
    Cast, CutOff, Garment, HangingHair,
)  # fmt: skip
"""The dataclasses that results of stages hold; a cache file can name no other."""


@dataclass(frozen=True)
class Reconstruction:
    """An avatar, and what later stages of the same run depend on."""

    avatar: Avatar
    views: FrameViews
    """What the frames show of the avatar, worked out once."""
    keys: Mapping[str, str]
    """Hashes of all that ``fit``, ``texture``, ``quality`` and ``motion`` depend on."""


def reconstruct(
    source: Source, body: Body, options: Options, runner: Runner, watch: Watch | None = None
) -> Reconstruction:
    """Observe a clip or photographs, and turn them into an avatar.

    Args:
        source: of the pictures.
        body: to fit, on the device on which to compute.
        options: how.
        runner: of the stages.
        watch: is shown the body after every action of the schedule.

    Raises:
        BadInputError: a file or an option cannot be used.
        NoPersonError: the pictures do not show one whole person often enough, or the fit is nonsense.
    """
    kept = source.no_pictures()
    observed = runner.run("observe", seen_by(source), lambda advance: source.observe(advance, kept=kept))
    options = replace(options, all_sides=source.video is not None)
    pictures = source.pictures(observed.value, kept)
    made = build(observed.value, pictures, body, options, runner, observed.key, watch, source)
    used = made.avatar.capture.camera
    if source.camera.focal_sigma > 0 and used != source.camera.fitted_to(used.width, used.height):
        # The notes are about a guess that the fit has replaced.
        return made
    return replace(made, avatar=replace(made.avatar, warnings=(*source.notes, *made.avatar.warnings)))


def seen_by(source: Source) -> dict[str, Any]:
    """Return all that the observation of a source depends on."""
    return {
        "options": [
            source.camera,
            source.max_frames,
            source.detector,
            source.fps,
            source.camera_motion,
            source.person,
            source.most_px,
        ],
        "files": [[str(file), file_identity(file)] for file in source.files()],
        "code": code_identity("fit_avatar.capture.source"),
    }


def build(
    capture: Capture,
    pictures: Iterable[Picture] | None,
    body: Body,
    options: Options,
    runner: Runner,
    observed: str = "",
    watch: Watch | None = None,
    source: Source | None = None,
) -> Reconstruction:
    """Turn what was observed, however that was done, into an avatar.

    Args:
        capture: the observations.
        pictures: undistorted frames, which are gone through several times, and what of them is not on the person is
            not looked at; None leaves out what needs them.
        body: this and the others as for :func:`reconstruct`.
        options: how.
        runner: of the stages.
        observed: hash of all that the capture depends on.
        watch: is shown the body.
        source: that the capture is of; without it the motion is that of the capture's frames.
    """
    if options.known is None:
        capture, observed = shod(capture, pictures, options, runner, observed)
        capture, observed = ears_looked_at(capture, pictures, runner, observed)
    plan = plan_fit(capture, body, options.height_m, (options.schedule, options.other_motion), runner, observed, source)
    options = replace(options, schedule=plan.schedule)
    fitted, keys = _fit(plan, pictures, body, options, runner, watch)
    if options.known is None and options.uv_layout == "head":
        body = with_larger_head(body)
    body = fitted.worn(body)
    capture = calibrated(plan.capture, fitted)
    views = FrameViews(body, fitted.body_state(body), capture)
    avatar = Avatar(
        body, views.state, capture, solves=fitted.solves, warnings=(*capture.warnings, *fitted.warnings),
        keypoint_bias=fitted.clip.keypoint_bias,
    )  # fmt: skip
    if options.check:
        avatar = compared(avatar, views, options, runner, keys)
    if options.known is not None:
        avatar = textured(avatar, options.known, keys)
    elif pictures is not None and options.texture_size:
        avatar = painted(avatar, plan.shown(used_up(pictures)), views, options, runner, keys)
    if options.check:
        avatar = judged(avatar, views, options, runner, keys)
    avatar = expressive(avatar, runner, keys)
    if source is not None and source.video is not None and options.every_frame:
        avatar = moving(avatar, fitted, source, runner, plan.key, keys)
    return Reconstruction(avatar, views, keys)


def _fit(
    plan: Plan,
    pictures: Iterable[Picture] | None,
    body: Body,
    options: Options,
    runner: Runner,
    watch: Watch | None,
) -> tuple[FitState, dict[str, str]]:
    """Run the schedule; return the state on all frames, and the key of its last stage as ``fit``."""
    tracker = None if pictures is None else SurfaceTracker(body, plan.capture, plan.shown(pictures))
    start = replace(FitState.upright(body, len(plan.capture.frame_indices)), warnings=plan.warnings)
    if options.known is not None:
        start = start.with_shape(options.known.state)
    context = Context(body, plan.observations, None if tracker is None else tracker.match)
    shape = None if options.known is None else [start.clip.betas, start.clip.offsets]
    depends_on = None if runner.store is None else [plan.key, options.height_m, body.arrays(), shape]
    kept = _KeptActions(runner, digest(depends_on), watch)
    state = plan.schedule.run(start, context, kept)
    return state, {"fit": kept.key}


@dataclass
class _KeptActions:
    """Runs each action as a stage, whose key is part of the next one's."""

    runner: Runner
    key: str
    watch: Watch | None

    def __call__(self, action: Action, state: FitState, context: Context) -> FitState:
        own, device = type(action).__module__, context.body.template.device
        looks = isinstance(action, MatchSurface) or not own.startswith("fit_avatar.")  # at the pictures
        modules = (own, "fit_avatar.correspondence") if looks else (own,)
        code = "" if self.runner.store is None else code_identity(*modules)

        def compute(advance: Advance) -> FitState:
            return action.run(state, replace(context, on_step=under(action.name, advance)))

        stage = self.runner.run(action.name, {"before": self.key, "action": identity(action), "code": code}, compute)
        self.key, after = stage.key, stage.value.to(device)  # kept results come back on the CPU
        for name, summary in after.solves[len(state.solves) :]:
            logger.info("%s\n%s", name, summary)
        if self.watch is not None:
            worn = after.worn(context.body)
            self.watch(worn, after.body_state(worn))
        return after
