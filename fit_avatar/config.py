"""Everything a user can choose, as one typed dataclass; the command line is generated from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fit_avatar.errors import BadInputError
from fit_avatar.io.sequences import clip_name

HEIGHT_RANGE_M = (0.5, 2.6)
MAX_NAME_BYTES = 200
"""Of a new folder's name: most file systems take 255, of which temporary names need some."""
BODIES = ("anny", "anny-hands")
REFINED = ("video-avatar", "motion")
"""Presets of which ``--quality`` says how long they refine."""
PRESETS = (*REFINED, "track", "videoavatars-2018", "smplify", "smplify-x", "octopus")
"""Their names, known without loading what they are made of."""
PERSONS = ("largest", "all")
"""What stands for a person's number."""
VRM_LICENCES = ("private", "personal", "commercial", "free")
"""Licences of VRM files, known without loading what writes them."""


@dataclass(frozen=True)
class Config:
    """Turn one video of a person turning around into a textured, rigged avatar.

    Film with a camera that stands still, the whole person in the picture, arms held away from the body,
    one slow full turn; or walk around the person. A second run in the same folder continues where the last one stopped.
    """

    video: Path | None = None
    """The clip: a video file, a folder of pictures, or those that a pattern names, such as frames/%05d.png."""
    fps: float | None = None
    """Frames a second of a folder of pictures, by default 30; for a video, instead of what it states."""
    image: tuple[Path, ...] = ()
    """One to eight photographs instead of a video."""
    avatar: Path | None = None
    """Results folder of an earlier run, whose avatar moves as the person in the video does: shape, clothes and texture
    are kept, and the motion alone is fitted."""
    append: bool = False
    """Also add the motion to avatar.glb in the folder of --avatar, as a further animation with the name of the clip."""
    out: Path | None = None
    """Folder for the results; created if needed. Default: out/<name of the video or first photograph>."""
    preset: str | None = None
    """Method: video-avatar, motion, track, videoavatars-2018, smplify, smplify-x, octopus, or a .json file that
    `fit-avatar presets` has printed. Default: for a video, video-avatar if the person turns around in one pose, else
    motion; track with --avatar; octopus for several photographs, smplify for one."""
    init: Path | None = None
    """Start the fit from poses that another program computed for this clip, and refine them: a result of VIBE, PARE,
    4D-Humans (PHALP), WHAM, GVHMR, TRAM, ROMP, EasyMocap, SMPLify-X or InstantAvatar, or an AMASS file; a file, or the
    folder with one a frame."""
    extension: tuple[Path, ...] = ()
    """Python files of your own with energy terms and actions that the preset's file names. They are executed."""
    body: str = "anny"
    """anny, anny-hands (with fingers), or your own licensed SMPL, SMPL-H or SMPL-X file (.npz or .pkl)."""
    height_m: float | None = None
    """The person's height in metres, without shoes. It fixes the scale, which is otherwise an estimate."""
    shoes: Literal["auto", "yes", "no"] = "auto"
    """Whether the person wears shoes or socks, so that the avatar's feet have no toes; auto looks whether the feet have
    the face's colour."""
    keypoints: Path | None = None
    """2D keypoints instead of a detector's: a folder of OpenPose JSON files, one a frame; a COCO-WholeBody .json; or
    files of MMPose, Sapiens, AlphaPose, EasyMocap, MediaPipe, YOLO and others, recognised by what is in them."""
    detector: Literal["mediapipe", "openpose", "rtmlib"] = "mediapipe"
    """What finds keypoints that are not given; the last two where you have installed them."""
    pose_model: Path | None = None
    """MediaPipe's pose_landmark_heavy.tflite (28 MB, slower) for the detector mediapipe, instead of the model that this
    package carries."""
    masks: Path | None = None
    """Masks instead of the built-in segmentation: a folder of pictures (white on the person, class numbers, or
    transparent elsewhere), a video, or masks.hdf5."""
    person: str = "largest"
    """Who is meant where a video shows several people: largest (or whom given masks show), a number as an earlier run
    has told them, or all: a folder for each, and people.glb with all of them."""
    camera: Path | None = None
    """JSON file with fx, fy, cx, cy, width and height in pixels, and optionally k (five OpenCV distortions); or a file
    of COLMAP, NeRF, OpenCV, EasyMocap, Kalibr or People-Snapshot."""
    fov_deg: float | None = None
    """Field of view in degrees along the picture's longer side, where there is no camera file."""
    focal_px: float | None = None
    """Focal length in pixels, where there is no camera file."""
    focal_35mm: float | None = None
    """Focal length in 35 mm equivalents (26 is a phone's main camera), where there is no camera file."""
    frames: int = 120
    """How many frames to use at most, spread evenly over the clip."""
    motion: Literal["every", "fitted"] = "every"
    """Whose poses GLB, BVH and USD files hold: those of every frame of the video, between the fitted frames by the
    keypoints of each; or those of the fitted frames alone, which saves some time."""
    camera_motion: Literal["auto", "static", "handheld", "orbit"] = "auto"
    """How the camera moved, which auto finds out by the scene around the person. static: it stood still; handheld: it
    shook, or turned on the spot; orbit: it went around a person who stands in place. Motion in the exported files is
    told without the camera's turns."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """The device to compute on; auto takes a CUDA graphics card if there is one."""
    quality: Literal["fast", "balanced", "best"] = "balanced"
    """How many key frames the preset video-avatar fits, and how often it alternates between pose and shape."""
    texture_size: int = 2048
    """Side of the square texture in pixels."""
    uv_layout: Literal["head", "body"] = "head"
    """Layout of the default body's texture. head: a quarter of it is the head's; body: the one that the model comes
    with. Other bodies have their own."""
    garment: Literal["auto", "skirt", "none"] = "auto"
    """Whether a skirt, a dress or a long coat is fitted as a surface of its own around both legs. auto: as the preset
    has it, which is for video-avatar where the pictures show no gap between legs that stand apart; skirt: in any case;
    none: never, so that the surface of the legs is drawn out to the outlines."""
    hair: Literal["auto", "none"] = "auto"
    """Whether a ponytail, or long hair behind neck and back, is a surface of its own. auto: by the preset video-avatar,
    but for the quality fast, where the masks show it; none: never, so that it is missing or a part of the back."""
    delight: bool = False
    """Remove the lighting of the clip from the texture, as far as the turn separates it from the colours."""
    normal_map: bool = False
    """Also write a normal map: folds finer than the mesh, read from how shading changes over the turn, and in levels of
    detail what was lost with their triangles."""
    num_betas: int = 10
    """How many coefficients describe the body's shape, up to 16."""
    export: tuple[
        Literal[
            "frames", "people-snapshot", "instantavatar", "gaussianavatar", "exavatar", "bvh", "usd", "amass", "vrm",
            "lods"
        ],
        ...,
    ] = ()  # fmt: skip
    """Further outputs. frames: the posed mesh of every fitted frame, and its joints. people-snapshot: the files of
    that data set, which other projects ask for. instantavatar, gaussianavatar, exavatar: frames, masks, camera and
    poses as these projects train on them, with --body a file of SMPL, of SMPL or SMPL-X, of SMPL-X. bvh: the motion
    alone. usd: avatar.usdz. amass: the motion in that data set's layout. vrm: avatar.vrm (VRM 1.0), for VR and
    streaming. lods: avatar.glb with 50, 25 and 10 % of the triangles."""
    skeleton: Literal["smpl", "mixamo", "unreal", "unity", "vrm"] = "smpl"
    """Whose names the joints have, in GLB, USD and BVH files; unreal also gets its root bone."""
    blendshapes: bool = True
    """Give the default body's face in GLB, USD and VRM files its 52 shapes, named as ARKit's, and joints of jaw and
    eyes."""
    vrm_author: tuple[str, ...] = ()
    """Authors that avatar.vrm names; without, it says unknown."""
    vrm_licence: str = "private"
    """What avatar.vrm allows. private: nobody but its author wears it; personal: everybody does, without profit;
    commercial: companies, too, and they may change it; free: everything, without credit, and given on; or the address
    (https://…) of a licence of your own, beside which it allows what private does."""
    bind: Literal["model", "a", "t"] = "model"
    """Pose in which GLB, OBJ, USD and BVH files hold the person: as the body was modelled, an A-pose or a T-pose."""
    up: Literal["y", "z"] = "y"
    """The axis that points up in OBJ, USD and BVH files; GLB files are always y up."""
    unit: Literal["m", "cm"] = "m"
    """The unit of OBJ, USD and BVH files; GLB files are always in metres."""
    preview: bool = False
    """First write preview.glb, a rough avatar from few small frames, within a fraction of the time; the whole avatar
    replaces it."""
    preview_only: bool = False
    """Write preview.glb and stop; the same command without this option goes on to the whole avatar."""
    fresh: bool = False
    """Do everything again, even what an earlier run has left in the results folder."""
    force: bool = False
    """Also write over files of the results folder that fit-avatar did not write, or that were changed since."""
    full_paths: bool = False
    """Show paths in full in report.html and metrics.json, rather than names alone."""
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
        return Path("out") / self.clip

    @property
    def clip(self) -> str:
        """Return what the video or the first photograph is called."""
        return self.image[0].stem if self.video is None else clip_name(self.video)

    @property
    def person_number(self) -> int | None:
        """Return the number of the person who is meant, from 1; None: the largest, or all."""
        return int(self.person) if self.person not in PERSONS else None

    @property
    def method(self) -> str:
        """Return the preset, by default the one that suits the input."""
        if self.avatar is not None and self.preset is None:
            return "track"
        return self.preset or usual_preset(0 if self.video is not None else len(self.image))


def usual_preset(photographs: int) -> str:
    """Return the preset that suits a number of photographs, or a video (0)."""
    return ("video-avatar", "smplify", "octopus")[min(photographs, 2)]


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
