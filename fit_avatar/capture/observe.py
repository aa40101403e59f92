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
from fit_avatar.capture.camera_motion import Asked
from fit_avatar.capture.cast import Cast
from fit_avatar.capture.clip import Clip
from fit_avatar.capture.config import DEFAULT_CAPTURE, CaptureConfig
from fit_avatar.capture.crowd import crowd_warning
from fit_avatar.capture.cut_off import describe_cut_off
from fit_avatar.capture.cuts import find_pieces
from fit_avatar.capture.detectors import Detector, make_detector
from fit_avatar.capture.disagreement import require_agreement, unseen_parts
from fit_avatar.capture.everybody import several
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

MORE_THAN_ONE = 2
"""People in a clip, from which on they are told apart."""


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
        camera_motion: how the camera moved, where that is known beforehand.
        person: number of the one who is meant, among several people: 1 is seen largest and longest. None: whom given
            masks show, else number 1.
        people: everybody in the clip, if an earlier capture of it has told them apart.
        progress: called with (step, done, total).
        config: settings of the algorithms.

    Returns:
        The capture; its camera is the pinhole that fits keypoints, masks and :func:`undistort`-ed frames, which are
        those of the video but for very large ones (``working_size.py``) and a bumped camera (``Capture.steadying``).

    Raises:
        BadInputError: a file that cannot be used, or inputs that do not belong together.
        NoPersonError: nobody is in the video, the person is always cut off, or given masks hold two people at once.
        MissingDependencyError: a detector or h5py is needed and not installed.
    """
    report: Progress = progress or (lambda step, done, total: None)
    clip, given = _open(video, camera, frames, config), Given(video, keypoints, masks)
    observer = Observer(clip, config, report, given, pose_model)
    other = make_detector(detector) if keypoints is None and detector != "mediapipe" else None
    inputs = _Inputs.read(observer, fps)
    observer.left_out += select_frames(inputs.measured, frames, config.selection).left_out
    camera, notes = working_camera(camera)
    seen = _find_person(observer, inputs, frames, other, _Wanted(person, people, detector))
    seen, aligned = _aligned(observer, inputs, seen)
    find_others = observer.find_whole_body if seen.track is None else observer.find_limbs
    others = find_others(seen.found, seen.points)
    places = {index: place for place, index in enumerate(seen.points)}
    steadied, moves = observer.steady(seen.found, seen.masks, camera_motion)
    motion = observer.camera_motion(seen.found, seen.masks, camera, "static" if steadied.notes else camera_motion)
    seen = seen.steadied(steadied, moves, (clip.width, clip.height))
    masked = observer.mask_frames(seen.found, seen.points, seen.masks, steadied.places, not motion.moves)
    weights = observer.weigh_frames(masked, candidates=seen.points)
    used = np.array(list(weights), np.int64)
    left_out = tuple(with_titles(observer.left_out, inputs.measured.change, config.presence))
    body = np.stack([masked[index].points[BODY] for index in weights])
    warnings = (
        *notes,
        *inputs.notes,
        *aligned,
        *(() if seen.cast is None else (seen.cast.sentence(clip.width, advise=person is None),)),
        *crowd_warning([index for index in weights if masked[index].doubtful]),
        *summarise(left_out),
        *steadied.notes,
        *motion.notes,
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
        people=seen.cast,
        pieces=find_pieces(body, used, inputs.timing.times[used], inputs.measured),
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
class _Wanted:
    """Who is meant, among several people."""

    number: int | None
    """From 1; ``None``: whom given masks show, else the first."""
    people: Cast | None
    """Everybody, if they have been told apart before."""
    detector: str


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
    cast: Cast | None = None
    """Everybody in the clip, if it shows several people."""

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


def _find_person(
    observer: Observer, inputs: _Inputs, frames: int, other: Detector | None, wanted: _Wanted
) -> _Sighting:
    """Find the person in frames spread evenly over the clip, with their left and right corrected.

    Raises:
        NoPersonError: too few frames show somebody, or differ from each other.
        BadInputError: nobody has the number that was asked for.
    """
    found, slots, track, cast = _look_for(observer, inputs, frames, other, wanted)
    _require_enough(observer, inputs, found, slots)
    clip, config = observer.clip, observer.config
    points, swapped = {index: found[index].points for index in sorted(found)}, frozenset(found)
    if track is None:
        points, swapped = fix_points(points, inputs.timing.times, config.left_right)
        points = points if inputs.parts is None else inputs.parts.attach(points, clip.scale)
    else:
        swapped &= track.swapped
    masks = inputs.masks.read(list(points)) if inputs.masks else None
    return _Sighting(found, points, len(slots), swapped, track, masks, cast)


def _look_for(
    observer: Observer, inputs: _Inputs, frames: int, other: Detector | None, wanted: _Wanted
) -> tuple[dict[int, Candidate], Slots, Track | None, Cast | None]:
    """Find the person who is meant: what is known of them by frame, all slots, their track, and everybody if several.

    The track is of given or of another detector's points; the built-in detector has none.
    """
    clip, config, before = observer.clip, observer.config, list(observer.left_out)
    choose = inputs.evenly(frames, config)
    people: Mapping[int, People] | None = inputs.people
    if people is not None and (clip.scale != 1).any():
        people = {index: everybody * clip.scale for index, everybody in people.items()}
    detected = choose
    if other is not None and wanted.people is None:
        people, detected = observer.detect_people(choose, other)
    cast, built_in = wanted.people, inputs.people is None and other is None
    if cast is None and (wanted.number is not None or several(people or {}, config.crowded_frames)):
        cast = observer.find_cast(people, None if other is None else make_detector(wanted.detector))
    if cast is None or len(cast) < MORE_THAN_ONE:
        if cast is not None and len(cast) and wanted.number is not None:
            cast.choose(wanted.number, str(clip.path))  # refuses other numbers than 1
        track = None if people is None else Track.of(people, inputs.timing.times, config)
        found, slots = observer.find_person(detected, track, need_masks=inputs.masks is None)
        crowded = sum(candidate.others is not None for candidate in found.values())
        if cast is None and built_in and crowded >= config.crowded_frames:
            cast = observer.find_cast(None, None)
        if cast is None or len(cast) < MORE_THAN_ONE:
            return found, slots, track, None
    cast = _chosen(observer, inputs, cast, wanted.number)
    track = None if built_in else Track.of_person(cast.person(), inputs.timing.times, config)
    observer.left_out = before
    if track is not None and inputs.masks is not None:  # no detector has to look
        return *observer.find_person(choose, track, need_masks=False), track, cast
    return *observer.find_among(choose, cast, track), track, cast


def _require_enough(observer: Observer, inputs: _Inputs, found: Mapping[int, Candidate], slots: Slots) -> None:
    """Refuse a clip that shows the person too rarely or for a moment only."""
    clip, config = observer.clip, observer.config
    if len(found) < config.min_frames:
        alike = all_alike(clip.path, len(slots), observer.left_out)
        few = len(slots) < config.min_frames
        raise NoPersonError(alike if few else observer.given.nobody(len(found), inputs.people))
    seconds = inputs.timing.times[max(found)] - inputs.timing.times[min(found)]
    if clip.info.states_fps and seconds < config.min_duration_s:
        raise NoPersonError(
            f"a person is seen in {clip.path} for {seconds:.2g} s only: give a longer clip, or one picture with --image"
        )


def _chosen(observer: Observer, inputs: _Inputs, cast: Cast, number: int | None) -> Cast:
    """Return everybody with the one who is meant: of this number, or else whom given masks show, or else the first.

    Raises:
        BadInputError: nobody has this number.
    """
    if number is not None:
        return cast.choose(number, str(observer.clip.path))
    if inputs.masks is None:
        return cast
    several_here = cast.frames[cast.seen.sum(0) > 1].tolist()
    if inputs.masks.is_sparse:
        several_here = [index for index in several_here if index in inputs.masks.indices]
    some = np.linspace(0, len(several_here) - 1, observer.config.choosing_frames).round().astype(int)
    masks = inputs.masks.read([several_here[k] for k in sorted(set(some.tolist()))] if several_here else [])
    on_masks = [len(observer.on_masks(replace(cast, chosen=k).person(), masks)) for k in range(1, len(cast) + 1)]
    return replace(cast, chosen=1 + int(np.argmax(on_masks)))


def _aligned(observer: Observer, inputs: _Inputs, seen: _Sighting) -> tuple[_Sighting, tuple[str, ...]]:
    """Return the person where given keypoints lie on the masks, and what had to be put right for that.

    Raises:
        BadInputError: masks are empty, or keypoints and masks disagree.
        NoPersonError: given masks hold two people at once.
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
    if seen.cast is not None and given.masks is not None:
        observer.require_one_person(seen.cast, seen.masks or {})
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
