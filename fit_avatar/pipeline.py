"""The one way from a clip or photographs to an avatar: observe, fit, compare, paint.

Every stage runs through a :class:`~fit_avatar.io.runner.Runner`, which keeps its result where there is a store. The
command line (:mod:`fit_avatar.results` writes its files) and :mod:`fit_avatar.scripting` are thin faces of it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from fit_avatar.appearance.light import Light
from fit_avatar.avatar import Avatar
from fit_avatar.body import Body, BodyState, Motion
from fit_avatar.body.garment import Garment, dressed
from fit_avatar.capture import Camera, Capture
from fit_avatar.capture.camera_path import CameraMotion
from fit_avatar.capture.cast import Cast
from fit_avatar.capture.every_frame import EveryFrame
from fit_avatar.capture.footwear import wears_shoes
from fit_avatar.capture.hidden_ears import ears_are_hidden
from fit_avatar.capture.source import Picture, Source
from fit_avatar.capture.types import CutOff, LeftOut, LimbDirections
from fit_avatar.correspondence import SurfaceTracker
from fit_avatar.correspondence.matches import SurfaceMatches
from fit_avatar.errors import BadInputError
from fit_avatar.fitting import (
    SHAPE,
    Action,
    Context,
    FitState,
    FocalLength,
    MatchSurface,
    Schedule,
    SolvedMotion,
    Turning,
    calibrated,
    solve_motion,
)
from fit_avatar.fitting.actions import identity
from fit_avatar.fitting.expressions import between, find_expressions
from fit_avatar.io.fingerprint import code_identity, digest, file_identity
from fit_avatar.io.runner import Runner, under
from fit_avatar.plan import Plan, plan_fit
from fit_avatar.progress import Advance
from fit_avatar.report import (
    Agreement,
    Quality,
    arm_warnings,
    coverage_warnings,
    diagnose,
    hand_warnings,
    limb_trust,
    limb_warnings,
    measure_agreement,
    measure_quality,
    summarise_regions,
)
from fit_avatar.solvers import ClipState, SolveSummary
from fit_avatar.solvers.summary import TermValue
from fit_avatar.texture import Texture, bake
from fit_avatar.visibility import FrameViews

logger = logging.getLogger(__name__)

Watch = Callable[[Body, BodyState], None]
"""Is shown the body after every action of the schedule."""
KEPT: tuple[type, ...] = (
    Capture, Camera, LeftOut, LimbDirections, FitState, ClipState, FocalLength, SurfaceMatches, SolveSummary, TermValue,
    Agreement, Quality, Texture, Light, EveryFrame, SolvedMotion, Motion, BodyState, Turning, CameraMotion,
    Cast, CutOff, Garment,
)  # fmt: skip
"""The dataclasses that results of stages hold; a cache file can name no other."""
TAKEN = (
    "body", "observe", "shoes", "ears", "turning", "limb directions", "agreement", "texture", "quality", "every frame",
    "expressions", "motion", "displacement", "preview", "overlay", "report",
)  # fmt: skip
"""Names of stages that no action may have."""


GREY = 180
"""Of a surface without a texture, in [0, 255]; as Avatar.save has it."""


@dataclass(frozen=True)
class Options:
    """What is made of a source."""

    schedule: Schedule
    """The method; of a clip only if the person turns around, where there is another one for other motions."""
    height_m: float | None = None
    """The person's height without shoes; it fixes the scale, which is otherwise an estimate."""
    texture_size: int = 2048
    """Side of the texture in pixels; 0 leaves it out."""
    delight: bool = False
    """Remove the lighting of the clip from the texture, as far as the turn separates it from the colours."""
    check: bool = True
    """Compare the avatar with what was observed: an error if they clearly disagree, warnings of what is uncertain."""
    all_sides: bool = True
    """The pictures are meant to show the person from all sides, so that what they do not show is worth a warning."""
    every_frame: bool = True
    """Find a pose for every frame of a clip, also for those that are not fitted."""
    other_motion: Schedule | None = None
    """The method for a person who does not turn around in one pose; None: ``schedule`` in any case."""
    shoes: Literal["auto", "yes", "no"] = "auto"
    """Whether the person wears shoes; auto takes bare feet only where they have the face's colour."""
    known: Avatar | None = None
    """The person's avatar, if there is one already: its shape and texture are kept, and the motion alone is fitted."""

    def __post_init__(self) -> None:
        if self.known is not None:
            _refuse_shape(self.schedule)
        for schedule in filter(None, (self.schedule, self.other_motion)):
            for action in schedule.actions:
                if action.name in TAKEN:
                    raise BadInputError(
                        f"the schedule {schedule.name} calls an action {action.name!r}, which is taken: rename it"
                    )


@dataclass(frozen=True)
class Reconstruction:
    """An avatar, and what later stages of the same run depend on."""

    avatar: Avatar
    views: FrameViews
    """What the frames show of the avatar, worked out once."""
    keys: Mapping[str, str]
    """Hashes of all that ``fit``, ``texture``, ``quality`` and ``motion`` depend on."""


def _refuse_shape(schedule: Schedule) -> None:
    """Refuse a schedule that would change what a known avatar gives."""
    for solve in schedule.solves:
        if set(SHAPE) & set(solve.free):
            raise BadInputError(
                f"the preset {schedule.name} also fits a shape (in {solve.name!r}), which the avatar gives: take the "
                "preset track, or one that is made from it"
            )


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
    observed = runner.run("observe", seen_by(source), source.observe)
    options = replace(options, all_sides=source.video is not None)
    pictures = source.pictures(observed.value)
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
        pictures: undistorted frames, which are gone through several times; None leaves out what needs them.
        body: this and the others as for :func:`reconstruct`.
        options: how.
        runner: of the stages.
        observed: hash of all that the capture depends on.
        watch: is shown the body.
        source: that the capture is of; without it the motion is that of the capture's frames.
    """
    if options.known is None:
        capture, observed = _shod(capture, pictures, options, runner, observed)
        capture, observed = _ears_looked_at(capture, pictures, runner, observed)
    plan = plan_fit(capture, body, options.height_m, (options.schedule, options.other_motion), runner, observed, source)
    options = replace(options, schedule=plan.schedule)
    if pictures is not None:
        pictures = plan.shown(pictures)
    fitted, keys = _fit(plan, pictures, body, options, runner, watch)
    body = dressed(body, fitted.garment)
    capture = calibrated(plan.capture, fitted)
    views = FrameViews(body, fitted.body_state(body), capture)
    avatar = Avatar(
        body, views.state, capture, solves=fitted.solves, warnings=(*capture.warnings, *fitted.warnings),
        keypoint_bias=fitted.clip.keypoint_bias,
    )  # fmt: skip
    if options.check:
        avatar = _compared(avatar, views, options, runner, keys)
    if options.known is not None:
        avatar = _textured(avatar, options.known, keys)
    elif pictures is not None and options.texture_size:
        avatar = _painted(avatar, pictures, views, options, runner, keys)
    if options.check:
        avatar = _judged(avatar, views, options, runner, keys)
    avatar = _expressive(avatar, runner, keys)
    if source is not None and source.video is not None and options.every_frame:
        avatar = _moving(avatar, fitted, source, runner, plan.key, keys)
    return Reconstruction(avatar, views, keys)


def _shod(
    capture: Capture, pictures: Iterable[Picture] | None, options: Options, runner: Runner, observed: str
) -> tuple[Capture, str]:
    """Return the capture that knows of shoes, and the hash of all that it depends on."""
    if options.shoes != "auto":
        worn = options.shoes == "yes"
        return replace(capture, shoes=worn), observed and digest([observed, worn])
    if pictures is None or capture.shoes is not None:
        return capture, observed
    shown = pictures
    depends_on = {"observed": observed, "code": code_identity("fit_avatar.capture.footwear")}
    found = runner.run("shoes", depends_on, lambda advance: wears_shoes(capture, shown))
    return replace(capture, shoes=found.value), observed and digest([observed, found.value])


def _ears_looked_at(
    capture: Capture, pictures: Iterable[Picture] | None, runner: Runner, observed: str
) -> tuple[Capture, str]:
    """Return the capture that knows whether ears are below hair, and the hash of all that it depends on."""
    if pictures is None or capture.ears_hidden is not None:
        return capture, observed
    shown = pictures
    depends_on = {"observed": observed, "code": code_identity("fit_avatar.capture.hidden_ears")}
    found = runner.run("ears", depends_on, lambda advance: ears_are_hidden(capture, shown))
    return replace(capture, ears_hidden=found.value), observed and digest([observed, found.value])


def _fit(
    plan: Plan,
    pictures: Iterable[Picture] | None,
    body: Body,
    options: Options,
    runner: Runner,
    watch: Watch | None,
) -> tuple[FitState, dict[str, str]]:
    """Run the schedule; return the state on all frames, and the key of its last stage as ``fit``."""
    tracker = None if pictures is None else SurfaceTracker(body, plan.capture, pictures)
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
            self.watch(context.body, after.body_state(context.body))
        return after


def _compared(avatar: Avatar, views: FrameViews, options: Options, runner: Runner, keys: Mapping[str, str]) -> Avatar:
    """Return the avatar with its agreement with what was observed, and warnings of what is uncertain.

    Raises:
        NoPersonError: the fit is nonsense.
    """
    given = (avatar.body, avatar.state, avatar.capture)
    agreement = runner.run(
        "agreement",
        {"fit": keys["fit"], "code": code_identity("fit_avatar.report.metrics")},
        lambda advance: measure_agreement(*given, under("agreement", advance), views, avatar.keypoint_bias),
    ).value
    told: tuple[str, ...] = ()
    if options.all_sides:
        known, partial = options.known is not None, options.schedule.partial
        told = diagnose(*given, agreement, shape_known=known, any_motion=partial)
    limbs = limb_trust(*given)
    doubtful = (*told, *limb_warnings(limbs), *hand_warnings(*given), *arm_warnings(*given))
    return replace(avatar, agreement=agreement, limbs=limbs, warnings=(*avatar.warnings, *doubtful))


def _textured(avatar: Avatar, known: Avatar, keys: dict[str, str]) -> Avatar:
    """Return the avatar with the texture that is known, grey if there is none."""
    image, warnings = known.image, avatar.warnings
    if image is None:
        image = np.full((64, 64, 3), GREY, np.uint8)
        warnings += ("The given avatar has no texture (avatar.png beside its avatar.npz), so that it is grey.",)
    keys["texture"] = digest(keys["fit"], image)
    return replace(avatar, painted=image, warnings=warnings)


def _painted(
    avatar: Avatar,
    pictures: Iterable[Picture],
    views: FrameViews,
    options: Options,
    runner: Runner,
    keys: dict[str, str],
) -> Avatar:
    """Return the avatar with its texture."""
    size, delight = options.texture_size, options.delight

    def paint(advance: Advance) -> Texture:
        given = (avatar.body, avatar.state, avatar.capture, pictures)
        return bake(*given, size, under("texture", advance), delight, views)

    code = code_identity("fit_avatar.texture.bake")
    stage = runner.run("texture", {"fit": keys["fit"], "size": size, "delight": delight, "code": code}, paint)
    keys["texture"] = stage.key
    return replace(avatar, texture=stage.value)


def _judged(avatar: Avatar, views: FrameViews, options: Options, runner: Runner, keys: dict[str, str]) -> Avatar:
    """Return the avatar with the confidence of each of its parts, and warnings of what no frame shows."""
    given = (avatar.body, avatar.state, avatar.capture)
    stage = runner.run(
        "quality",
        {"fit": keys["fit"], "code": code_identity("fit_avatar.report.quality")},
        lambda advance: measure_quality(*given, under("quality", advance), views),
    )
    keys["quality"] = stage.key
    if options.known is not None:  # what another clip showed
        return replace(avatar, quality=stage.value)
    regions = tuple(summarise_regions(avatar.body, avatar.state, stage.value))
    shows_all = options.all_sides and not options.schedule.partial  # one sentence tells what any other motion shows
    unseen = coverage_warnings(regions, len(avatar.capture.masks)) if shows_all else ()
    return replace(avatar, quality=stage.value, regions=regions, warnings=(*avatar.warnings, *unseen))


def _expressive(avatar: Avatar, runner: Runner, keys: dict[str, str]) -> Avatar:
    """Return the avatar with what its face does in the fitted frames, where these show that."""
    given = (avatar.body, avatar.state, avatar.capture)
    stage = runner.run(
        "expressions",
        {"fit": keys["fit"], "code": code_identity("fit_avatar.fitting.expressions")},
        lambda advance: find_expressions(*given),
    )
    keys["expressions"] = stage.key
    return replace(avatar, blendshape_weights=stage.value)


def _moving(
    avatar: Avatar, fitted: FitState, source: Source, runner: Runner, observed: str, keys: dict[str, str]
) -> Avatar:
    """Return the avatar with a pose for every frame of the clip, and warnings of frames that do not show one."""
    seen = runner.run(
        "every frame",
        {"observed": observed, "code": code_identity("fit_avatar.capture.every_frame")},
        lambda advance: source.every_frame(avatar.capture, advance),
    )
    every = seen.value
    stage = runner.run(
        "motion",
        {"fit": keys["fit"], "seen": seen.key, "code": code_identity("fit_avatar.fitting.motion")},
        lambda advance: solve_motion(avatar.body, fitted, avatar.capture, every, under("motion", advance)),
    )
    keys["motion"] = stage.key
    motion = stage.value.motion.to(avatar.state.transl.device)
    if avatar.blendshape_weights is not None:
        known = avatar.capture.frame_indices
        weights = between(avatar.blendshape_weights, motion.times_s[known], motion.times_s)
        motion = replace(motion, blendshape_weights=weights)
    return replace(avatar, every_frame=motion, warnings=(*avatar.warnings, *stage.value.warnings))
