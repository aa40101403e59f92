"""What the command ``fit-avatar`` does: options are checked, an avatar is reconstructed, its files are written."""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections.abc import Callable
from dataclasses import replace

import torch

from fit_avatar.avatar import Avatar
from fit_avatar.body import Body, load_body
from fit_avatar.capture.cast import Cast
from fit_avatar.capture.source import Source
from fit_avatar.capture.video import probe
from fit_avatar.capture.working_size import working_size
from fit_avatar.config import Config, resolve_device
from fit_avatar.config_check import validate
from fit_avatar.errors import NoPersonError
from fit_avatar.export import EXTRAS, check_body, check_installed
from fit_avatar.fitting import Schedule, as_schedule, load_extension, preset
from fit_avatar.io.outputs import Outputs
from fit_avatar.io.runner import Runner
from fit_avatar.io.store import Store
from fit_avatar.options import Options
from fit_avatar.pipeline import KEPT, reconstruct
from fit_avatar.preview import Preview, remove_preview
from fit_avatar.progress import Reporter, RunSummary, Silent
from fit_avatar.report.live import LiveViewer
from fit_avatar.report.numbers import key_numbers
from fit_avatar.results import AVATAR, check_appended, inputs, peak_memory_gb, planned, scale_source, write_results
from fit_avatar.stage_costs import Size
from fit_avatar.time_left import Expected, Forecast, Timed

logger = logging.getLogger(__name__)


def source_of(config: Config) -> Source:
    """Return where the pictures come from.

    Raises:
        BadInputError: a file cannot be used.
    """
    return Source.of(
        video=config.video, images=config.image, camera=config.camera, fov_deg=config.fov_deg,
        focal_px=config.focal_px, focal_35mm=config.focal_35mm, max_frames=config.frames, keypoints=config.keypoints,
        masks=config.masks, detector=config.detector, pose_model=config.pose_model, fps=config.fps,
        camera_motion=config.camera_motion, person=config.person_number,
    )  # fmt: skip


def run(
    config: Config,
    reporter: Reporter | None = None,
    people: Cast | None = None,
    seen: Callable[[Avatar], None] | None = None,
) -> RunSummary:
    """Turn a video or photographs into a textured, rigged avatar of one person in ``config.folder``.

    Nothing is written before the options, the pictures and the camera have been checked. Every stage is kept
    in ``cache`` below the folder; another run does only what has not been done or depends on a changed option.

    Args:
        config: the options.
        reporter: is told how the run gets on.
        people: everybody in the video, if they have been told apart before.
        seen: is given the avatar with what was observed, once its files are written.

    Raises:
        BadInputError: an option or a file cannot be used.
        NoPersonError: the clip does not show one whole person in enough frames.
        MissingDependencyError: a package or system library is not there.
    """
    began = time.perf_counter()
    validate(config)
    check_installed(config.export)
    outputs = Outputs(config.folder, config.force)
    outputs.refuse_foreign(planned(config), inputs(config))
    store = Store(config.folder / "cache", config.fresh, KEPT, outputs)
    store.check_folder(config.force)
    device = torch.device(resolve_device(config.device))
    schedule = preset(config.method, config.quality, [load_extension(path) for path in config.extension])
    schedule = as_schedule(schedule.with_garment(config.garment).with_hair(config.hair), init=config.init)
    known = None if config.avatar is None else Avatar.load(config.avatar)
    options = Options(
        schedule, config.height_m, config.texture_size, config.delight, config.normal_map,
        every_frame=config.motion == "every", other_motion=_other_motion(config), shoes=config.shoes,
        uv_layout=config.uv_layout, known=known,
    )  # fmt: skip
    source = replace(source_of(config), people=people)
    if config.append and known is not None:
        check_appended(config, source, known)
    with contextlib.ExitStack() as opened:
        told: Reporter = reporter or Silent()
        viewer = opened.enter_context(LiveViewer(told)) if config.view else None
        if viewer is not None:
            logger.warning("watch the fit at %s", viewer.address)
        runner = Runner(store, Timed(viewer or told, forecast(config, source, options)))
        body = runner.ready(
            "body", lambda advance: known.body if known else load_body(config.num_betas, advance, config.body)
        ).to(device)
        check_body(config.export, body)
        first = Preview.of(config, source) if config.preview or config.preview_only else None
        if first is not None and (shown := _first_look(first, runner, body, began)) is not None:
            return shown
        made = reconstruct(source, body, options, runner, None if viewer is None else viewer.show)
        results = write_results(runner, config, source, made)
        if first is None:
            remove_preview(config.folder, store)
        else:
            first.replaced_by(config.folder / AVATAR, store, body)
    avatar = made.avatar
    assert avatar.agreement is not None
    if seen is not None:
        seen(avatar)
    return RunSummary(
        folder=config.folder,
        files=results.files,
        scale_source=results.metrics["scale_source"],
        agreement=avatar.agreement.sentence,
        warnings=results.warnings,
        seconds=time.perf_counter() - began,
        peak_memory_gb=results.metrics["peak_memory_gb"],
        numbers=key_numbers(results.metrics),
    )


def forecast(config: Config, source: Source, options: Options) -> Forecast:
    """Return what follows how much time a run of the pipeline still takes."""
    clip = len(source.images) if source.video is None else probe(source.video).frame_count or config.frames
    camera = source.camera
    pixels = math.prod(working_size(camera.width, camera.height))
    size = Size(min(clip, config.frames), clip, pixels / 1e6, config.texture_size**2 / 1e6)
    detector, refined = {"Finding the person", "Finding face and hands"}, {"Refining the masks"}
    needless = {"Checking the masks"} if config.masks is None else refined
    needless |= set() if camera.focal_sigma > 0 else {"estimate the focal length"}
    needless |= detector if config.masks is not None and config.keypoints is not None else set()
    first = ("body", *(["first avatar"] if config.preview else []), "observe")
    new = config.avatar is None
    looked = (*(["shoes"] if config.shoes == "auto" and new else []),
              *(["ears"] if new and config.keypoints is None else []),
              *(["turning"] if options.other_motion else []))  # fmt: skip
    last = (
        "agreement",
        *(["texture"] if new else []),
        "quality",
        "expressions",
        *(["every frame", "motion"] if options.every_frame and source.video is not None else []),
        *(["displacement"] if config.normal_map else []),
        "avatar files",
        *(f"{extra} file" for extra in EXTRAS if extra in config.export),
        "preview",
        "overlay",
        "report",
    )
    if config.preview_only:
        return Forecast([Expected(("body", "first avatar"))], size, frozenset(needless))
    methods = filter(None, (options.schedule, options.other_motion))
    return Forecast(
        [
            Expected((*first, *looked, *(action.name for action in method.actions), *last), method.name == "motion")
            for method in methods
        ],
        size,
        frozenset(needless),
    )


def _first_look(first: Preview, runner: Runner, body: Body, began: float) -> RunSummary | None:
    """Make the preview; return the summary of a run that ends with it, else None.

    Raises:
        BadInputError: a file cannot be used or written.
        NoPersonError: the run ends with the preview, and its frames do not show one whole person.
    """
    config = first.config
    try:
        files, warnings = first.write(runner, body)
    except NoPersonError as error:
        if config.preview_only:
            raise
        logger.warning("there is no preview, because of the few frames that it looks at %s", error)
        return None
    if not config.preview_only:
        if files == first.files:
            logger.warning("%s is a preview, until the whole avatar is done", files[0])
        return None
    count = first.source.max_frames
    return RunSummary(
        folder=config.folder,
        files=files,
        scale_source=scale_source(config),
        agreement=f"a preview from {count} frames; the same command without --preview-only makes the whole avatar",
        warnings=warnings,
        seconds=time.perf_counter() - began,
        peak_memory_gb=peak_memory_gb(),
    )


def _other_motion(config: Config) -> Schedule | None:
    """Return what fits the person of a video who does not turn, if the preset is left to the program."""
    left_open = config.preset is None and config.method == "video-avatar"
    motion = preset("motion", config.quality).with_garment(config.garment).with_hair(config.hair)
    return as_schedule(motion, init=config.init) if left_open else None
