"""Everything a user can choose, as one typed dataclass; the command line is generated from it."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fit_avatar.errors import BadInputError

HEIGHT_RANGE_M = (0.5, 2.6)
MAX_BETAS, MAX_BETAS_OF_A_FILE = 16, 300
MAX_IMAGES = 8
BODIES = ("anny", "anny-hands")
PRESETS = ("video-avatar", "videoavatars-2018", "smplify", "smplify-x", "octopus")
"""Their names, known without loading what they are made of."""


@dataclass(frozen=True)
class Config:
    """Turn one video of a person turning around into a textured, rigged avatar.

    Film with a camera that stands still, the whole person in the picture, arms held away from the body,
    one slow full turn. A second run in the same folder continues where the last one stopped.
    """

    video: Path | None = None
    """The video file."""
    image: tuple[Path, ...] = ()
    """One to eight photographs instead of a video."""
    out: Path | None = None
    """Folder for the results; created if needed. Default: out/<name of the video or first photograph>."""
    preset: str | None = None
    """Method: video-avatar, videoavatars-2018, smplify, smplify-x, octopus, or a .json file that `fit-avatar presets`
    has printed. Default: video-avatar for a video, octopus for several photographs, smplify for one."""
    extension: tuple[Path, ...] = ()
    """Python files of your own with energy terms and actions that the preset's file names. They are executed."""
    body: str = "anny"
    """anny, anny-hands (with fingers), or your own licensed SMPL, SMPL-H or SMPL-X file (.npz or .pkl)."""
    height_m: float | None = None
    """The person's height in metres, without shoes. It fixes the scale, which is otherwise an estimate."""
    keypoints: Path | None = None
    """2D keypoints instead of a detector's: a folder of OpenPose JSON files, one a frame; a COCO-WholeBody .json; or
    files of MMPose, Sapiens, AlphaPose, EasyMocap, MediaPipe, YOLO and others, recognised by what is in them."""
    detector: Literal["mediapipe", "openpose", "rtmlib"] = "mediapipe"
    """What finds keypoints that are not given; the last two where you have installed them."""
    masks: Path | None = None
    """Masks instead of the built-in segmentation: a folder of pictures (white on the person, class numbers, or
    transparent elsewhere), a video, or masks.hdf5."""
    camera: Path | None = None
    """JSON file with fx, fy, cx, cy, width and height in pixels, and optionally k (five OpenCV distortions); or a file
    of COLMAP, NeRF, OpenCV, EasyMocap, Kalibr or People-Snapshot."""
    fov_deg: float | None = None
    """Horizontal field of view in degrees, where there is no camera file."""
    focal_px: float | None = None
    """Focal length in pixels, where there is no camera file."""
    focal_35mm: float | None = None
    """Focal length in 35 mm equivalents (26 is a phone's main camera), where there is no camera file."""
    frames: int = 120
    """How many frames to use at most, spread evenly over the clip."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """The device to compute on; auto takes a CUDA graphics card if there is one."""
    quality: Literal["fast", "balanced", "best"] = "balanced"
    """How many key frames the preset video-avatar fits, and how often it alternates between pose and shape."""
    texture_size: int = 2048
    """Side of the square texture in pixels."""
    delight: bool = False
    """Remove the lighting of the clip from the texture, as far as the turn separates it from the colours."""
    normal_map: bool = False
    """Also write a normal map: folds finer than the mesh, read from the shading, and in levels of detail what was lost
    with their triangles."""
    num_betas: int = 10
    """How many coefficients describe the body's shape, up to 16."""
    export: tuple[Literal["frames", "people-snapshot", "bvh", "usd", "amass", "lods"], ...] = ()
    """Further outputs. frames: the posed mesh of every fitted frame, and its joints. people-snapshot: the files of
    that data set, which other projects ask for. bvh: the motion alone. usd: avatar.usdz. amass: the motion in that
    data set's layout. lods: avatar.glb with 50, 25 and 10 % of the triangles."""
    skeleton: Literal["smpl", "mixamo", "unreal", "unity", "vrm"] = "smpl"
    """Whose names the joints have, in GLB, USD and BVH files."""
    bind: Literal["model", "a", "t"] = "model"
    """Pose in which GLB, OBJ, USD and BVH files hold the person: as the body was modelled, an A-pose or a T-pose."""
    up: Literal["y", "z"] = "y"
    """The axis that points up in OBJ, USD and BVH files; GLB files are always y up."""
    unit: Literal["m", "cm"] = "m"
    """The unit of OBJ, USD and BVH files; GLB files are always in metres."""
    fresh: bool = False
    """Do everything again, even what an earlier run has left in the results folder."""
    log: Literal["bar", "quiet", "verbose", "json"] = "bar"
    """What is printed during the run. bar: progress and a table at the end, on stderr. quiet: only mistakes. verbose:
    what every solve did, too. json: one JSON object a line on stdout, for programs."""
    view: bool = False
    """Watch the fit in a browser while it runs; the address is printed. Needs viser."""

    @property
    def folder(self) -> Path:
        """Return the folder for the results."""
        if self.out is not None:
            return self.out
        return Path("out") / (self.image[0] if self.video is None else self.video).stem

    @property
    def method(self) -> str:
        """Return the preset, by default the one that suits the input."""
        return self.preset or usual_preset(0 if self.video is not None else len(self.image))


def usual_preset(photographs: int) -> str:
    """Return the preset that suits a number of photographs, or a video (0)."""
    return ("video-avatar", "smplify", "octopus")[min(photographs, 2)]


def validate(config: Config) -> None:
    """Check every option that can be checked before the video is opened; writes nothing that stays.

    Raises:
        BadInputError: an option cannot be used, with the reason and the remedy in one sentence.
    """
    for problem in _problems(config):
        raise BadInputError(problem)


def resolve_device(device: str) -> str:
    """Return ``cpu`` or ``cuda`` for the option's ``auto``, ``cpu`` or ``cuda``.

    Raises:
        BadInputError: CUDA was asked for and is not there.
    """
    if device == "cpu":
        return "cpu"
    import torch  # here, so that --help stays quick

    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise BadInputError("--device cuda was asked for, but PyTorch finds no CUDA graphics card: use --device cpu")
    return "cuda" if available else "cpu"


def _problems(config: Config) -> Iterator[str]:
    yield from _missing_inputs(config)
    yield from _unknown_names(config)
    yield from _absurd_numbers(config)
    yield from _contradictions(config)
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
    elif config.video is None:
        yield from (f"there is no image {image}: check the path" for image in config.image if not image.is_file())
        if len(config.image) > MAX_IMAGES:
            yield f"--image got {len(config.image)} photographs: give 1 to {MAX_IMAGES}, or a video"
    elif config.video.is_dir():
        yield f"--video {config.video} is a folder: give the video file itself"
    elif not config.video.is_file():
        yield f"there is no video file {config.video}: check the path"
    if config.keypoints is not None and not config.keypoints.exists():
        yield f"there is no --keypoints {config.keypoints}: give the folder or file that holds them"
    if config.masks is not None and not config.masks.exists():
        yield f"there is no --masks {config.masks}: give a folder of PNG files or a video"
    yield from (f"there is no --extension {path}: check the path" for path in config.extension if not path.is_file())
    if config.camera is not None and not config.camera.exists():
        yield f"there is no --camera file {config.camera}: check the path"


def _unknown_names(config: Config) -> Iterator[str]:
    if config.body not in BODIES and not Path(config.body).is_file():
        yield f"there is no body {config.body}: give {', '.join(BODIES)} or the path of a SMPL, SMPL-H or SMPL-X file"
    if config.preset is not None and config.preset not in PRESETS:
        if not Path(config.preset).is_file():
            yield f"there is no preset {config.preset}: choose one of {', '.join(PRESETS)}, or give a .json file"
        elif not config.preset.endswith(".json"):
            yield f"the preset {config.preset} is no .json file: print one with `fit-avatar presets smplify`"


def _absurd_numbers(config: Config) -> Iterator[str]:
    most_betas = MAX_BETAS if config.body in BODIES else MAX_BETAS_OF_A_FILE
    bounds: list[tuple[str, float | None, float, float, str]] = [
        ("--height-m", config.height_m, *HEIGHT_RANGE_M, "metres"),
        ("--fov-deg", config.fov_deg, 5, 150, "degrees"),
        ("--focal-px", config.focal_px, 1, math.inf, "pixels"),
        ("--focal-35mm", config.focal_35mm, 5, 400, "millimetres"),
        ("--frames", config.frames, 4, math.inf, "frames"),
        ("--texture-size", config.texture_size, 64, 8192, "pixels"),
        ("--num-betas", config.num_betas, 1, most_betas, "coefficients"),
    ]
    for option, value, low, high, unit in bounds:
        if value is None or (math.isfinite(value) and low <= value <= high):
            continue
        allowed = f"at least {low:g} {unit}" if math.isinf(high) else f"between {low:g} and {high:g} {unit}"
        yield f"{option} {value:g} cannot be right: it must be {allowed}"


def _contradictions(config: Config) -> Iterator[str]:
    given = {
        "--camera": config.camera,
        "--fov-deg": config.fov_deg,
        "--focal-px": config.focal_px,
        "--focal-35mm": config.focal_35mm,
    }
    names = [name for name, value in given.items() if value is not None]
    if len(names) > 1:
        yield f"{' and '.join(names)} both say what the focal length is: give only one of them"
    if config.quality != "balanced" and config.method != "video-avatar":
        yield (
            f"--quality {config.quality} is for the preset video-avatar, but this run takes {config.method}: leave "
            "--quality out, or choose another --preset"
        )


def _unwritable(folder: Path) -> Iterator[str]:
    """Try to write where the results will go, and leave nothing behind."""
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        yield f"results cannot be written to {folder}, because {existing} is a file: choose another folder with --out"
        return
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        yield f"results cannot be written to {folder} ({reason}): choose another folder with --out"
