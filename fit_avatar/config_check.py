"""Checking the options of a run before its video is opened: each mistake is one sentence that says what to do."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from fit_avatar.config import (
    BODIES,
    HEIGHT_RANGE_M,
    MAX_NAME_BYTES,
    PERSONS,
    PRESETS,
    REFINED,
    VRM_LICENCES,
    Config,
    resolve_device,
)
from fit_avatar.errors import BadInputError
from fit_avatar.io.files import require_file, require_folder, require_path
from fit_avatar.io.sequences import require_clip

MAX_BETAS, MAX_BETAS_OF_A_FILE = 16, 300
MAX_IMAGES = 8
MOST = 10_000_000
"""More frames, or pixels of a focal length, are a mistake."""
MOST_PERSONS = 99
"""A clip shows no more."""


def validate(config: Config) -> None:
    """Check every option that can be checked before the video is opened; writes nothing that stays.

    Raises:
        BadInputError: an option cannot be used, with the reason and the remedy in one sentence.
    """
    for problem in _problems(config):
        raise BadInputError(problem)


def _problems(config: Config) -> Iterator[str]:
    yield from _missing_inputs(config)
    yield from _unknown_names(config)
    yield from _absurd_numbers(config)
    yield from _contradictions(config)
    yield from _decided_by_avatar(config)
    try:
        resolve_device(config.device)
    except BadInputError as error:
        yield str(error)
    yield from _unwritable(config.folder)


def _missing_inputs(config: Config) -> Iterator[str]:
    if config.video is None and not config.image:
        yield "--video is missing: give the clip, or photographs with --image"
    elif config.video is not None and config.image:
        yield "--video and --image are both given: give only one of them"
    elif len(config.image) > MAX_IMAGES:
        yield f"--image got {len(config.image)} photographs: give 1 to {MAX_IMAGES}, or a video"
    if config.avatar is not None:
        require_folder(config.avatar, "--avatar folder", "give the results folder of an earlier run")
        require_file(config.avatar / "avatar.npz", "avatar", "give the results folder of an earlier run with --avatar")
    if config.video is not None:
        require_clip(config.video)
    for image in config.image:
        require_file(image, "image")
    if config.keypoints is not None:
        require_path(config.keypoints, "--keypoints", "give the folder or file that holds them")
    if config.init is not None:
        require_path(config.init, "--init", "give the file or folder that holds the poses")
    if config.masks is not None:
        require_path(config.masks, "--masks", "give a folder of pictures or a video")
    if config.pose_model is not None:
        require_file(config.pose_model, "--pose-model", "give MediaPipe's pose_landmark_heavy.tflite")
    for extension in config.extension:
        require_file(extension, "--extension")
    if config.camera is not None:
        require_file(config.camera, "--camera file")


def _unknown_names(config: Config) -> Iterator[str]:
    if config.body not in BODIES:
        bodies = f"give {', '.join(BODIES)} or the path of a SMPL, SMPL-H or SMPL-X file"
        require_file(Path(config.body), "body", bodies)
    if config.preset is not None and config.preset not in PRESETS:
        require_file(Path(config.preset), "preset", f"choose one of {', '.join(PRESETS)}, or give a .json file")
        if not config.preset.endswith(".json"):
            yield f"the preset {config.preset} is no .json file: print one with `fit-avatar presets smplify`"


def _absurd_numbers(config: Config) -> Iterator[str]:
    most_betas = MAX_BETAS if config.body in BODIES else MAX_BETAS_OF_A_FILE
    bounds: list[tuple[str, float | int | None, float, float, str]] = [
        ("--height-m", config.height_m, *HEIGHT_RANGE_M, "metres"),
        ("--fov-deg", config.fov_deg, 5, 120, "degrees"),
        ("--focal-px", config.focal_px, 1, MOST, "pixels"),
        ("--focal-35mm", config.focal_35mm, 8, 600, "millimetres"),
        ("--fps", config.fps, 1, 1000, "frames a second"),
        ("--frames", config.frames, 4, MOST, "frames"),
        ("--texture-size", config.texture_size, 64, 8192, "pixels"),
        ("--num-betas", config.num_betas, 1, most_betas, "coefficients"),
    ]
    for option, value, low, high, unit in bounds:
        if value is None or low <= value <= high:
            continue
        told = f"{value:g}" if isinstance(value, float) or abs(value) < MOST else "without end"
        least = f"at least {low:g}" if not value > high else f"at most {high:.0f}"
        allowed = least if high == MOST else f"between {low:g} and {high:g}"
        yield f"{option} {told} cannot be right: it must be {allowed} {unit}"


def _contradictions(config: Config) -> Iterator[str]:
    if config.pose_model is not None and config.detector != "mediapipe":
        yield f"--pose-model is for the detector mediapipe, not for {config.detector}: leave one of them out"
    if config.pose_model is not None and config.keypoints is not None and config.masks is not None:
        yield "--pose-model has nothing to find where --keypoints and --masks are given: leave it out"
    if config.person not in PERSONS and config.person not in map(str, range(1, MOST_PERSONS + 1)):
        yield f"--person {config.person} is nobody: give largest, all, or a person's number from 1"
    elif config.person != "largest" and config.video is None:
        yield "--person is for videos: of each photograph the largest person counts, so crop those that show others"
    if config.person == "all" and config.height_m is not None:
        yield "--height-m is the height of one person: leave it out with --person all, or make one avatar after another"
    if config.person == "all" and config.avatar is not None:
        yield "--avatar is one person: say who of the video it is with --person N instead of all"
    if config.person == "all" and config.masks is not None:
        yield "--masks are of one person: leave them out with --person all, or make one avatar after another"
    if config.preview or config.preview_only:
        name = "--preview-only" if config.preview_only else "--preview"
        if config.video is None:
            yield f"{name} is for videos: a fit to photographs is quick, so leave it out"
        if config.avatar is not None:
            yield f"{name} shows an avatar before it is fitted, and --avatar gives one: leave one of them out"
        if config.person == "all":
            yield f"{name} is of one person: say who with --person N instead of all, or leave it out"
    if config.fps is not None and config.video is None:
        yield "--fps is the frame rate of a clip, and photographs have none: leave it out"
    if config.camera_motion != "auto" and config.video is None:
        yield "--camera-motion says how the camera moved in a clip, and photographs have no such motion: leave it out"
    given = {
        "--camera": config.camera,
        "--fov-deg": config.fov_deg,
        "--focal-px": config.focal_px,
        "--focal-35mm": config.focal_35mm,
    }
    names = [name for name, value in given.items() if value is not None]
    if len(names) > 1:
        yield f"{' and '.join(names)} both say what the focal length is: give only one of them"
    stated = [name for name in ("vrm_author", "vrm_licence") if getattr(config, name) != getattr(Config, name)]
    if stated and "vrm" not in config.export:
        yield f"--{stated[0].replace('_', '-')} is what avatar.vrm says: give --export vrm, too, or leave it out"
    if not all(author.strip() for author in config.vrm_author):
        yield "--vrm-author is empty: give a name, or leave it out"
    if config.vrm_licence not in VRM_LICENCES and not config.vrm_licence.startswith("https://"):
        yield (
            f"--vrm-licence {config.vrm_licence} is no licence: give {', '.join(VRM_LICENCES)}, or the address of "
            "one, which begins with https://"
        )
    if config.quality != "balanced" and config.method not in REFINED:
        yield (
            f"--quality {config.quality} is for the presets {' and '.join(REFINED)}, but this run takes "
            f"{config.method}: leave --quality out, or choose another --preset"
        )


def _decided_by_avatar(config: Config) -> Iterator[str]:
    """Tell what cannot be asked for where an avatar is given, and what needs one."""
    if config.avatar is None:
        if config.append:
            yield "--append adds to the GLB of an avatar: give its results folder with --avatar"
        if config.preset == "track":
            yield "--preset track moves an avatar that is there already: give its results folder with --avatar"
        return
    if config.image:
        yield "--avatar moves as the person in a video does: give --video instead of --image"
    usual = Config()
    for name in (
        "body", "num_betas", "height_m", "shoes", "texture_size", "uv_layout", "garment", "hair", "delight",
        "normal_map",
    ):  # fmt: skip
        if getattr(config, name) != getattr(usual, name):
            yield f"--{name.replace('_', '-')} is decided by the avatar that --avatar gives: leave it out"


def _unwritable(folder: Path) -> Iterator[str]:
    """Try to write where the results will go, and leave nothing behind."""
    remedy = "choose another folder with --out"
    try:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            folder.lstat()  # says what is wrong with a name
        existing = folder
        while not os.path.lexists(existing) and existing != existing.parent:
            existing = existing.parent
        if existing.is_symlink() and not existing.exists():
            yield f"results cannot be written to {folder}, because {existing} is a link that leads nowhere: {remedy}"
        elif not existing.is_dir():
            yield f"results cannot be written to {folder}, because {existing} is a file: {remedy}"
        else:
            with tempfile.TemporaryFile(dir=existing):
                pass
            if existing != folder:  # names that the file system does not take
                for part in (each for each in (folder, *folder.parents) if each != existing):
                    if len(os.fsencode(part.name)) > MAX_NAME_BYTES:
                        yield f"results cannot be written to {folder} (file name too long): {remedy}"
    except (OSError, ValueError, RuntimeError) as error:  # the last two: null characters, and links in a circle
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        yield f"results cannot be written to {folder} ({reason}): {remedy}"
