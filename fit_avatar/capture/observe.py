"""From a video to the observations that a body is fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fit_avatar.capture.assemble import assemble_capture, input_sources
from fit_avatar.capture.box import mask_height
from fit_avatar.capture.camera import require_camera_size
from fit_avatar.capture.camera_motion import Asked
from fit_avatar.capture.candidate import people_in
from fit_avatar.capture.cast import Cast
from fit_avatar.capture.clip import Clip
from fit_avatar.capture.config import DEFAULT_CAPTURE, CaptureConfig
from fit_avatar.capture.crowd import crowd_warning, others_in
from fit_avatar.capture.cuts import find_pieces
from fit_avatar.capture.detectors import make_detector
from fit_avatar.capture.follow_camera import follow_camera
from fit_avatar.capture.frames import open_frames
from fit_avatar.capture.inputs import Inputs
from fit_avatar.capture.kept_pictures import KeptPictures
from fit_avatar.capture.keypoints import GivenKeypoints, load_keypoints
from fit_avatar.capture.masking import mask_frames, weigh_frames
from fit_avatar.capture.mattes import Mattes
from fit_avatar.capture.moves import STILL, Move, moved_points
from fit_avatar.capture.observer import Observer
from fit_avatar.capture.point_sets import WORLD, PointSets
from fit_avatar.capture.points import BODY
from fit_avatar.capture.presence import summarise, with_titles
from fit_avatar.capture.refusals import Given, looks_like_masks
from fit_avatar.capture.selection import select_frames
from fit_avatar.capture.sighting import Sighting, Wanted, align_given, find_person
from fit_avatar.capture.types import Camera, Capture, Progress
from fit_avatar.capture.video import read_frames
from fit_avatar.capture.working_size import working_camera
from fit_avatar.errors import BadInputError, NoPersonError


def observe(
    video: Path,
    *,
    camera: Camera,
    frames: int = 120,
    keypoints: Path | None = None,
    masks: Path | None = None,
    detector: str = "mediapipe",
    pose_model: Path | None = None,
    fps: float | None = None,
    camera_motion: Asked = "auto",
    person: int | None = None,
    people: Cast | None = None,
    most_px: int | None = None,
    progress: Progress | None = None,
    config: CaptureConfig = DEFAULT_CAPTURE,
    kept: KeptPictures | None = None,
) -> Capture:
    """Observe a video: select frames, find the person's keypoints and masks, check them, undo lens distortion.

    Args:
        video: any video that FFmpeg reads, a folder of pictures, or a pattern such as ``%05d.png``.
        camera: at the upright video's size; its distortion is undone in keypoints and masks.
        frames: use at most this many frames.
        keypoints: anything that :func:`load_keypoints` reads; without it the detector finds the person.
        masks: folder of PNG, a video, or People-Snapshot's ``masks.hdf5``; without it the video's
            own transparency, or else MediaPipe's masks, which are refined.
        detector: ``mediapipe``, ``openpose`` or ``rtmlib`` (see :func:`make_detector`).
        pose_model: MediaPipe's ``pose_landmark_heavy.tflite``, to take instead of the package's model.
        fps: frame rate of the pictures, or of the video instead of what it states.
        camera_motion: how the camera moved, where that is known beforehand.
        person: number of the one who is meant, among several people: 1 is seen largest and longest. None: whom given
            masks show, else number 1.
        people: everybody in the clip, if an earlier capture of it has told them apart.
        most_px: longer side of the pictures that are used, if they are to be made smaller.
        progress: called with (step, done, total).
        config: settings of the algorithms.
        kept: takes what the used frames show of the person, so that they are not decoded again.

    Returns:
        The capture; its camera is the pinhole that fits keypoints, masks and :func:`undistort`-ed frames, which are
        those of the video but for very large ones (``working_size.py``) and a bumped camera (``Capture.steadying``).

    Raises:
        BadInputError: a file that cannot be used, or inputs that do not belong together.
        NoPersonError: nobody is in the video, too little of the person is, or given masks hold two people at once.
        MissingDependencyError: a detector or h5py is needed and not installed.
    """
    report: Progress = progress or (lambda step, done, total: None)
    clip, given = _open(video, camera, frames, config, most_px), Given(video, keypoints, masks)
    observer = Observer(clip, config, report, given, pose_model)
    other = make_detector(detector) if keypoints is None and detector != "mediapipe" else None
    inputs = Inputs.read(observer, fps, frames)
    selected = select_frames(inputs.measured, frames, config.selection)
    observer.left_out += selected.left_out
    clip.keep_only({first for first, *_ in selected.slots})
    camera, notes = working_camera(camera, most_px)
    seen = find_person(observer, inputs, frames, other, Wanted(person, people, detector))
    seen, aligned = align_given(observer, inputs, seen)
    find_others = observer.find_whole_body if seen.track is None else observer.known_limbs
    others = find_others(seen.found, seen.points)
    places = {index: place for place, index in enumerate(seen.points)}
    steadied, moves = observer.steady(seen.found, seen.masks, camera_motion)
    how = "static" if steadied.notes else camera_motion
    people_there = people_in(seen.found, seen.masks)
    motion = follow_camera(clip, people_there, seen.cast, camera, how, config.camera_motion, report)
    seen = seen.steadied(steadied, moves, (clip.width, clip.height))
    masked = mask_frames(observer, seen.found, seen.points, seen.masks, steadied.places, not motion.moves, kept)
    weights = weigh_frames(observer, masked, candidates=seen.points)
    used = np.array(list(weights), np.int64)
    left_out = tuple(with_titles(observer.left_out, inputs.measured.change, config.presence))
    body = np.stack([masked[index].points[BODY] for index in weights])
    cut_off = [frame.frame_index for frame in observer.cut_off]
    warnings = (
        *notes,
        *inputs.notes,
        *aligned,
        *(() if seen.cast is None else (seen.cast.sentence(clip.width, advise=person is None),)),
        *crowd_warning([index for index in weights if masked[index].doubtful]),
        *summarise(left_out),
        *steadied.notes,
        *motion.notes,
        *_small_person([mask_height(masked[index].mask) for index in weights if index not in cut_off], config),
        *_warnings(seen, len(weights), config),
    )
    matte = isinstance(inputs.masks, Mattes)
    return assemble_capture(
        np.stack([masked[index].points for index in weights]),
        (masked.pop(index).mask for index in weights),
        camera,
        _of_frames(others, [places[index] for index in weights], [moves.get(index) for index in weights]),
        frame_indices=used,
        frame_weights=np.array(list(weights.values()), np.float32),
        fps=inputs.timing.fps,
        stated_times_s=None if inputs.timing.is_even else inputs.timing.times[used],
        left_out=left_out,
        cut_off=tuple(observer.cut_off),
        warnings=warnings,
        people=seen.cast,
        other_people=others_in([seen.found[index].others for index in weights], camera),
        pieces=find_pieces(body, used, inputs.timing.times[used], inputs.measured, np.isin(used, cut_off)),
        steadying=np.stack([moves.get(index, STILL) for index in weights]) if moves else None,
        camera_motion=motion,
        sources={
            **input_sources(observer.given.keypoints, masks, detector if other else "mediapipe", pose_model, matte),
            "frames_in_video": inputs.measured.frame_count,
            "frames_swapped": len(seen.swapped),
        },
    )


def tell_apart(
    video: Path,
    *,
    camera: Camera,
    keypoints: Path | None = None,
    detector: str = "mediapipe",
    pose_model: Path | None = None,
    progress: Progress | None = None,
    config: CaptureConfig = DEFAULT_CAPTURE,
) -> Cast:
    """Find everybody in a video and tell them apart, so that each can be observed by number.

    Args:
        video: this and the others as for :func:`observe`.
        camera: of the video.
        keypoints: of everybody, instead of a detector's.
        detector: what finds people.
        pose_model: taken by the detector ``mediapipe``.
        progress: called with (step, done, total).
        config: settings of the algorithms.

    Raises:
        BadInputError: a file that cannot be used.
        NoPersonError: nobody is in the video.
        MissingDependencyError: the detector is not installed.
    """
    clip, given = _open(video, camera, config.min_frames, config), Given(video, keypoints)
    observer = Observer(clip, config, progress or (lambda step, done, total: None), given, pose_model)
    people: GivenKeypoints | None = None
    if keypoints is not None:
        stored = clip.info.width, clip.info.height
        people = load_keypoints(keypoints, clip.info.frame_count, stored, open_frames(video).names)
    scaled = None if people is None else {index: everybody * clip.scale for index, everybody in people.items()}
    built_in = keypoints is not None or detector == "mediapipe"
    cast = observer.find_cast(scaled, None if built_in else make_detector(detector))
    if not len(cast):
        raise NoPersonError(given.nobody(0, people))
    return cast


def _of_frames(sets: PointSets, places: Sequence[int], moves: Sequence[Move | None]) -> PointSets:
    """Return the rows of some frames, those points that are in pixels where the steadying of each frame takes them."""
    chosen = {name: points[list(places)] for name, points in sets.items()}
    return {
        name: points if name == WORLD else np.stack(list(map(moved_points, points, moves)))
        for name, points in chosen.items()
    }


def _open(video: Path, camera: Camera, frames: int, config: CaptureConfig, most_px: int | None = None) -> Clip:
    if frames < config.min_frames:
        raise BadInputError(f"--frames {frames} is too few: use at least {config.min_frames}, better 60 or more")
    if any(looks_like_masks(frame) for _, frame in read_frames(video, [0])):
        raise BadInputError(
            f"{video} is black and white only, as masks are: give the clip itself with --video, and masks with --masks"
        )
    clip = Clip(video, most_px)
    require_camera_size(camera, clip.info.width, clip.info.height, video)
    return clip


def _small_person(heights_px: Sequence[float], config: CaptureConfig) -> tuple[str, ...]:
    """Warn of a person who is small; ``heights_px`` in the frames that show them whole."""
    height_px = float(np.median(heights_px)) if heights_px else np.inf
    if height_px >= config.small_person_px:
        return ()
    return (
        f"The person is only {height_px:.0f} pixels high, so that a pixel is about {1700 / max(height_px, 1):.0f} mm: "
        "face, hands and folds cannot be made out; give a larger picture if there is one.",
    )


def _warnings(seen: Sighting, used: int, config: CaptureConfig) -> tuple[str, ...]:
    warnings, selected, swapped = [], seen.slots, len(seen.swapped)
    if used < config.few_used * selected:
        warnings.append(f"Only {used} of {selected} selected frames could be used; see the reasons in metrics.json.")
    if swapped > config.many_swapped * selected:
        warnings.append(
            f"The keypoints' left and right were exchanged in {swapped} of {selected} selected frames and were "
            "corrected; if the avatar is still wrong, try another detector."
        )
    return tuple(warnings)
