"""From a video to the observations that a body is fitted to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fit_avatar.capture.alignment import align
from fit_avatar.capture.assemble import assemble_capture, input_sources
from fit_avatar.capture.box import mask_height
from fit_avatar.capture.camera import require_camera_size
from fit_avatar.capture.clip import Clip
from fit_avatar.capture.config import DEFAULT_CAPTURE, CaptureConfig
from fit_avatar.capture.crowd import crowd_warning
from fit_avatar.capture.cut_off import describe_cut_off
from fit_avatar.capture.cuts import find_pieces
from fit_avatar.capture.detectors import Detector, make_detector
from fit_avatar.capture.disagreement import require_agreement, unseen_parts
from fit_avatar.capture.frames import open_frames
from fit_avatar.capture.frames.times import Timing
from fit_avatar.capture.given_parts import GivenParts, without_bodies
from fit_avatar.capture.keypoints import GivenKeypoints, load_keypoints
from fit_avatar.capture.masks import GivenMasks
from fit_avatar.capture.mattes import Mattes
from fit_avatar.capture.moves import STILL, Move, moved_mask, moved_points
from fit_avatar.capture.observer import Candidate, Choose, Observer, Slots, coarse_masks
from fit_avatar.capture.point_sets import WORLD, PointSets
from fit_avatar.capture.points import BODY, People, Points
from fit_avatar.capture.presence import summarise, with_titles
from fit_avatar.capture.refusals import Given, all_alike, empty_masks, looks_like_masks
from fit_avatar.capture.selection import FrameMeasurements, measure_frames, select_frames
from fit_avatar.capture.steady import Steadied
from fit_avatar.capture.track import Track, fix_points
from fit_avatar.capture.types import Camera, Capture, Mask, Progress
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
    progress: Progress | None = None,
    config: CaptureConfig = DEFAULT_CAPTURE,
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
        progress: called with (step, done, total).
        config: settings of the algorithms.

    Returns:
        The capture; its camera is the pinhole that fits keypoints, masks and :func:`undistort`-ed frames, which are
        those of the video but for very large ones (``working_size.py``) and a bumped camera (``Capture.steadying``).

    Raises:
        BadInputError: a file that cannot be used, or inputs that do not belong together.
        NoPersonError: nobody is in the video, or the person is always cut off.
        MissingDependencyError: a detector or h5py is needed and not installed.
    """
    report: Progress = progress or (lambda step, done, total: None)
    clip, given = _open(video, camera, frames, config), Given(video, keypoints, masks)
    observer = Observer(clip, config, report, given, pose_model)
    other = make_detector(detector) if keypoints is None and detector != "mediapipe" else None
    inputs = _Inputs.read(observer, fps)
    observer.left_out += select_frames(inputs.measured, frames, config.selection).left_out
    camera, notes = working_camera(camera)
    seen = _find_person(observer, inputs, frames, other)
    seen, aligned = _aligned(observer, inputs, seen)
    find_others = observer.find_whole_body if seen.track is None else observer.find_limbs
    others = find_others(seen.found, seen.points)
    places = {index: place for place, index in enumerate(seen.points)}
    steadied, moves = observer.steady(seen.found, seen.masks)
    seen = seen.steadied(steadied, moves, (clip.width, clip.height))
    masked = observer.mask_frames(seen.found, seen.points, seen.masks, steadied.places)
    weights = observer.weigh_frames(masked, candidates=seen.points)
    used = np.array(list(weights), np.int64)
    left_out = tuple(with_titles(observer.left_out, inputs.measured.change, config.presence))
    body = np.stack([masked[index].points[BODY] for index in weights])
    warnings = (
        *notes,
        *inputs.notes,
        *aligned,
        *crowd_warning([index for index in weights if masked[index].doubtful]),
        *summarise(left_out),
        *steadied.notes,
        *_small_person(float(np.median([mask_height(masked[index].mask) for index in weights])), config),
        *_warnings(describe_cut_off(observer.left_out, len(masked)), seen, len(weights), config),
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
        warnings=warnings,
        pieces=find_pieces(body, used, inputs.measured),
        steadying=np.stack([moves.get(index, STILL) for index in weights]) if moves else None,
        sources={
            **input_sources(observer.given.keypoints, masks, detector if other else "mediapipe", pose_model, matte),
            "frames_in_video": inputs.measured.frame_count,
            "frames_swapped": len(seen.swapped),
        },
    )


@dataclass(frozen=True)
class _Inputs:
    """What is known of a clip before anybody is looked for."""

    measured: FrameMeasurements
    timing: Timing
    people: GivenKeypoints | None
    """Given keypoints, in pixels of the clip as it is stored."""
    parts: GivenParts | None
    """The same, where they hold no body."""
    masks: GivenMasks | Mattes | None
    notes: tuple[str, ...]
    """What had to be put right, one sentence each."""

    @classmethod
    def read(cls, observer: Observer, fps: float | None) -> _Inputs:
        """Read the whole clip once, and what was given beside it."""
        clip, given, config = observer.clip, observer.given, observer.config
        measured = measure_frames(
            clip.path, lambda done, total: observer.report("Reading the video", done, total), config.selection
        )
        count, size, names = measured.frame_count, (clip.width, clip.height), open_frames(clip.path).names
        stated = np.full(count, np.nan) if measured.times_s is None else measured.times_s
        timing = Timing.of(stated, clip.info, fps)
        masks: GivenMasks | Mattes | None = None
        if given.masks is not None:
            masks = GivenMasks(given.masks, *size, count, names)
        elif clip.info.has_matte:
            masks = Mattes(clip.path, count, size)
        stored = clip.info.width, clip.info.height
        people = None if given.keypoints is None else load_keypoints(given.keypoints, count, stored, names)
        notes = (*clip.info.notes, *([timing.note] if timing.note else []))
        notes += tuple(note for one in (people, masks) if one for note in one.warnings)
        if people is None or given.keypoints is None or not without_bodies(people):
            return cls(measured, timing, people, None, masks, notes)
        observer.given, parts = replace(given, keypoints=None), GivenParts(people, given.keypoints)
        return cls(measured, timing, None, parts, masks, (*notes, parts.note))

    def evenly(self, frames: int, config: CaptureConfig) -> Choose:
        """Return what spreads slots evenly over the frames that can be used."""
        masks = self.masks

        def choose(without: Collection[int]) -> Slots:
            slots = select_frames(self.measured, frames, config.selection, without).slots
            if masks is None or not masks.is_sparse:
                return slots
            return tuple(slot for slot in (tuple(i for i in slot if i in masks.indices) for slot in slots) if slot)

        return choose


@dataclass(frozen=True)
class _Sighting:
    """The person in the frames that show them, before masks are made."""

    found: dict[int, Candidate]
    points: dict[int, Points]
    """Frame index → all points, corrected. [137, 3]"""
    slots: int
    """How many frames were to be found."""
    swapped: frozenset[int]
    """Frames whose left and right had been exchanged."""
    track: Track | None
    """The person in all frames, where all were known."""
    masks: dict[int, Mask] | None
    """Given masks. Frame index → [H, W]"""

    @property
    def shown(self) -> Mapping[int, Mask]:
        """Return the masks that are known so far, at any size."""
        return coarse_masks(self.found) if self.masks is None else self.masks

    def changed(self, change: Callable[[Points], Points]) -> _Sighting:
        """Return the same with all points changed in the same way."""
        points = {index: change(p) for index, p in self.points.items()}
        found = {index: replace(candidate, points=points[index]) for index, candidate in self.found.items()}
        track = None if self.track is None else self.track.changed(change)
        return replace(self, found=found, points=points, track=track)

    def steadied(self, steadied: Steadied, moves: Mapping[int, Move], size: tuple[int, int]) -> _Sighting:
        """Return the same where the pictures are moved to; ``size``: width and height of the pictures."""
        points = {i: moved_points(p, moves.get(i)) for i, p in self.points.items() if i not in steadied.shaken}
        found = {index: self.found[index].moved(points[index], moves.get(index), size) for index in points}
        masks = self.masks
        if masks is not None:
            masks = {index: moved_mask(mask, moves.get(index)) for index, mask in masks.items() if index in points}
        return replace(self, found=found, points=points, masks=masks)


def _find_person(observer: Observer, inputs: _Inputs, frames: int, other: Detector | None) -> _Sighting:
    """Find the person in frames spread evenly over the clip, with their left and right corrected.

    Raises:
        NoPersonError: too few frames show somebody, or differ from each other.
    """
    clip, config = observer.clip, observer.config
    choose = inputs.evenly(frames, config)
    people: Mapping[int, People] | None = inputs.people
    if people is not None and (clip.scale != 1).any():
        people = {index: everybody * clip.scale for index, everybody in people.items()}
    if other is not None:
        people, choose = observer.detect_people(choose, other)
    track = Track.of(people, config) if people is not None else None
    found, slots = observer.find_person(choose, track, need_masks=inputs.masks is None)
    if len(found) < config.min_frames:
        few = len(slots) < config.min_frames
        alike = all_alike(clip.path, len(slots), observer.left_out)
        raise NoPersonError(alike if few else observer.given.nobody(len(found), inputs.people))
    points, swapped = {index: found[index].points for index in sorted(found)}, frozenset(found)
    if track is None:
        points, swapped = fix_points(points, config.left_right)
        points = points if inputs.parts is None else inputs.parts.attach(points, clip.scale)
    else:
        swapped &= track.swapped
    masks = inputs.masks.read(list(points)) if inputs.masks else None
    return _Sighting(found, points, len(slots), swapped, track, masks)


def _aligned(observer: Observer, inputs: _Inputs, seen: _Sighting) -> tuple[_Sighting, tuple[str, ...]]:
    """Return the person where given keypoints lie on the masks, and what had to be put right for that.

    Raises:
        BadInputError: masks are empty, or keypoints and masks disagree.
        NoPersonError: the clip shows two people.
    """
    given, size = observer.given, (observer.clip.width, observer.clip.height)
    notes: tuple[str, ...] = ()
    if given.keypoints is not None and seen.track is not None:
        change = align(seen.points, seen.shown, size, str(given.keypoints))
        if change is not None:
            seen, notes = seen.changed(change.apply), (change.note(given.keypoints.name),)
    if isinstance(inputs.masks, GivenMasks) and seen.masks and not any(mask.any() for mask in seen.masks.values()):
        raise BadInputError(empty_masks(inputs.masks.path, inputs.masks.samples()))
    if given.keypoints is not None or given.masks is not None:
        tracked = None if seen.track is None else seen.track.points
        require_agreement(seen.points, seen.shown, size, given, tracked, inputs.people)
        if inputs.people is not None and given.keypoints is not None:
            notes += unseen_parts(inputs.people, given.keypoints.name)
    if seen.track is not None:
        observer.require_one_person(seen.track, seen.points, seen.masks or {})
    return seen, notes


def _of_frames(sets: PointSets, places: Sequence[int], moves: Sequence[Move | None]) -> PointSets:
    """Return the rows of some frames, those points that are in pixels where the steadying of each frame takes them."""
    chosen = {name: points[list(places)] for name, points in sets.items()}
    return {
        name: points if name == WORLD else np.stack(list(map(moved_points, points, moves)))
        for name, points in chosen.items()
    }


def _open(video: Path, camera: Camera, frames: int, config: CaptureConfig) -> Clip:
    if frames < config.min_frames:
        raise BadInputError(f"--frames {frames} is too few: use at least {config.min_frames}, better 60 or more")
    if any(looks_like_masks(frame) for _, frame in read_frames(video, [0])):
        raise BadInputError(
            f"{video} is black and white only, as masks are: give the clip itself with --video, and masks with --masks"
        )
    clip = Clip(video)
    require_camera_size(camera, clip.info.width, clip.info.height, video)
    return clip


def _small_person(height_px: float, config: CaptureConfig) -> tuple[str, ...]:
    if height_px >= config.small_person_px:
        return ()
    return (
        f"The person is only {height_px:.0f} pixels high, so that a pixel is about {1700 / max(height_px, 1):.0f} mm: "
        "face, hands and folds cannot be made out; give a larger picture if there is one.",
    )


def _warnings(cut_off: str, seen: _Sighting, used: int, config: CaptureConfig) -> tuple[str, ...]:
    warnings, selected, swapped = [], seen.slots, len(seen.swapped)
    if cut_off:
        warnings.append(f"The person is cut off {cut_off}; these frames are left out.")
    if used < config.few_used * selected:
        warnings.append(f"Only {used} of {selected} selected frames could be used; see the reasons in metrics.json.")
    if swapped > config.many_swapped * selected:
        warnings.append(
            f"The keypoints' left and right were exchanged in {swapped} of {selected} selected frames and were "
            "corrected; if the avatar is still wrong, try another detector."
        )
    return tuple(warnings)
