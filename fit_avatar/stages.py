"""The stages before and after the fit: what is known of the person, and what is made of the fitted avatar.

Each takes a capture or an avatar and returns it with more, kept where there is a store.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from fit_avatar.avatar import Avatar
from fit_avatar.capture import Capture
from fit_avatar.capture.detectors import DETECTORS
from fit_avatar.capture.footwear import wears_shoes
from fit_avatar.capture.hidden_ears import ears_are_hidden
from fit_avatar.capture.source import Picture, Source
from fit_avatar.fitting import FitState, solve_motion
from fit_avatar.fitting.expressions import between, find_expressions
from fit_avatar.io.fingerprint import code_identity, digest
from fit_avatar.io.runner import Runner, under
from fit_avatar.options import Options
from fit_avatar.progress import Advance
from fit_avatar.report import (
    arm_warnings,
    coverage_warnings,
    diagnose,
    hand_warnings,
    hat_warnings,
    limb_trust,
    limb_warnings,
    measure_agreement,
    measure_quality,
    summarise_regions,
)
from fit_avatar.texture import Texture, bake
from fit_avatar.visibility import FrameViews

GREY = 180
"""Of a surface without a texture, in [0, 255]; as Avatar.save has it."""


def shod(
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


def ears_looked_at(
    capture: Capture, pictures: Iterable[Picture] | None, runner: Runner, observed: str
) -> tuple[Capture, str]:
    """Return the capture that knows whether ears are below hair, and the hash of all that it depends on.

    Only the built-in detector's points are known to lie on ears: those of other programs may lie behind them.
    """
    own = capture.sources.get("keypoints") == DETECTORS["mediapipe"]
    if pictures is None or capture.ears_hidden is not None or not own:
        return capture, observed
    shown = pictures
    depends_on = {"observed": observed, "code": code_identity("fit_avatar.capture.hidden_ears")}
    found = runner.run("ears", depends_on, lambda advance: ears_are_hidden(capture, shown))
    return replace(capture, ears_hidden=found.value), observed and digest([observed, found.value])


def compared(avatar: Avatar, views: FrameViews, options: Options, runner: Runner, keys: Mapping[str, str]) -> Avatar:
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
    worn = hat_warnings(*given)
    doubtful = (*told, *limb_warnings(limbs), *hand_warnings(*given), *arm_warnings(*given), *worn)
    return replace(avatar, agreement=agreement, limbs=limbs, warnings=(*avatar.warnings, *doubtful))


def textured(avatar: Avatar, known: Avatar, keys: dict[str, str]) -> Avatar:
    """Return the avatar with the texture that is known, grey if there is none."""
    image, warnings = known.image, avatar.warnings
    if image is None:
        image = np.full((64, 64, 3), GREY, np.uint8)
        warnings += ("The given avatar has no texture (avatar.png beside its avatar.npz), so that it is grey.",)
    keys["texture"] = digest(keys["fit"], image)
    return replace(avatar, painted=image, warnings=warnings)


def painted(
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
        return bake(*given, size, under("texture", advance), delight, views, relief=options.normal_map)

    code = code_identity("fit_avatar.texture.bake")
    depends_on = {
        "fit": keys["fit"], "size": size, "layout": options.uv_layout, "delight": delight, "relief": options.normal_map,
        "code": code,
    }  # fmt: skip
    stage = runner.run("texture", depends_on, paint)
    keys["texture"] = stage.key
    return replace(avatar, texture=stage.value)


def judged(avatar: Avatar, views: FrameViews, options: Options, runner: Runner, keys: dict[str, str]) -> Avatar:
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


def expressive(avatar: Avatar, runner: Runner, keys: dict[str, str]) -> Avatar:
    """Return the avatar with what its face does in the fitted frames, where these show that."""
    given = (avatar.body, avatar.state, avatar.capture)
    stage = runner.run(
        "expressions",
        {"fit": keys["fit"], "code": code_identity("fit_avatar.fitting.expressions")},
        lambda advance: find_expressions(*given),
    )
    keys["expressions"] = stage.key
    return replace(avatar, blendshape_weights=stage.value)


def moving(
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
