"""From a video to the observations that a body is fitted to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.alignment import align
from fit_avatar.capture.assemble import assemble_capture, input_sources
from fit_avatar.capture.box import mask_height
from fit_avatar.capture.camera import require_camera_size
from fit_avatar.capture.clip import Clip
from fit_avatar.capture.config import DEFAULT_CAPTURE, CaptureConfig
from fit_avatar.capture.crowd import crowd_warning, is_doubtful
from fit_avatar.capture.cut_off import describe_cut_off
from fit_avatar.capture.cuts import find_pieces
from fit_avatar.capture.detectors import Detector, make_detector
from fit_avatar.capture.disagreement import require_agreement, unseen_parts
from fit_avatar.capture.frames import open_frames
from fit_avatar.capture.frames.times import Timing
from fit_avatar.capture.keypoints import load_keypoints
from fit_avatar.capture.mask_check import MISMATCH, check_masks, clean_mask, fraction_on_mask, person_sharpness
from fit_avatar.capture.masks import GivenMasks
from fit_avatar.capture.mattes import Mattes
from fit_avatar.capture.mediapipe_pose import Detection, MediaPipeDetector
from fit_avatar.capture.moves import STILL, Move, moved_mask, moved_points, moved_values, resized_move
from fit_avatar.capture.person import body_size, is_person
from fit_avatar.capture.point_sets import WORLD, PointSets
from fit_avatar.capture.points import BODY, People, Points, join_parts
from fit_avatar.capture.presence import COMES, GOES, coming_and_going, frames_between, summarise, with_titles
from fit_avatar.capture.refine import MaskRefiner
from fit_avatar.capture.refusals import Given, empty_masks, looks_like_masks
from fit_avatar.capture.selection import FrameMeasurements, measure_frames, relative_sharpness, select_frames
from fit_avatar.capture.slots import NO_PERSON, NOT_DECODED, Examine, T, fill_slots
from fit_avatar.capture.steady import SHAKEN, Steadied, find_bumps
from fit_avatar.capture.track import Track, fix_points
from fit_avatar.capture.types import PERSON_LEVEL, Camera, Capture, Image, LeftOut, Mask, Progress
from fit_avatar.capture.video import read_frames
from fit_avatar.capture.whole_body import find_whole_body
from fit_avatar.capture.working_size import working_camera
from fit_avatar.errors import BadInputError, NoPersonError

Slots = tuple[tuple[int, ...], ...]
Choose = Callable[[Collection[int]], Slots]
"""Chooses slots evenly over a clip without some of its frames."""


@dataclass(frozen=True)
class _Candidate:
    """A frame that shows the person, before its mask is made."""

    points: Points
    """All points. [137, 3]"""
    probability: NDArray[np.uint8] | None
    """Of the person, as 0..255; ``None`` if masks are given. [h, w]"""
    detection: Detection | None = None
    """What the built-in detector has found, where it was asked."""

    @property
    def others(self) -> NDArray[np.uint8] | None:
        """Return the probability of everybody else, if the detector sees anybody. [h, w]"""
        return None if self.detection is None else self.detection.others

    def moved(self, points: Points, move: Move | None, size: tuple[int, int]) -> _Candidate:
        """Return the frame with other points, and moved, if it is. ``size``: width and height of the picture"""
        if move is None or self.probability is None:
            return replace(self, points=points)
        scale_y, scale_x = np.divide(self.probability.shape, size[::-1]).tolist()
        small = resized_move(move, scale_x, scale_y)

        def shifted(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
            return moved_values(values, small, cv2.INTER_LINEAR)

        others = None if self.others is None else shifted(self.others)
        detection = None if self.detection is None else replace(self.detection, others=others)
        return _Candidate(points, shifted(self.probability), detection)


@dataclass(frozen=True)
class _MaskedFrame:
    """A frame with its mask, before it is checked."""

    points: Points
    """All points, corrected. [137, 3]"""
    mask: Mask
    """Cleaned. [H, W]"""
    sharpness: float
    """Of the person."""
    doubtful: bool = False
    """Whether the mask may hold a part of somebody else."""


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
    clip, stored = _open(video, camera, frames, config), (camera.width, camera.height)
    observer = _Observer(video, clip, config, report, keypoints, masks, pose_model)
    camera, size_notes = working_camera(camera)
    other = make_detector(detector) if keypoints is None and detector != "mediapipe" else None
    measured = measure_frames(video, lambda done, total: report("Reading the video", done, total), config.selection)
    size = (camera.width, camera.height)
    info, names = clip.info, open_frames(video).names
    timing = Timing.of(_times(measured), info, fps)
    given: GivenMasks | Mattes | None = GivenMasks(masks, *size, measured.frame_count, names) if masks else None
    if given is None and info.has_matte:
        given = Mattes(video, measured.frame_count, size)
    given_people = load_keypoints(keypoints, measured.frame_count, stored, names) if keypoints else None
    people: Mapping[int, People] | None = given_people
    notes = [
        *size_notes,
        *info.notes,
        *([timing.note] if timing.note else ()),
        *(given_people.warnings if given_people is not None else ()),
        *(given.warnings if given else ()),
    ]
    if people is not None and stored != size:
        people = {index: everybody * clip.scale for index, everybody in people.items()}
    observer.left_out += select_frames(measured, frames, config.selection).left_out

    def evenly(without: Collection[int]) -> Slots:
        slots = select_frames(measured, frames, config.selection, without).slots
        if given is None or not given.is_sparse:
            return slots
        return tuple(slot for slot in (tuple(i for i in slot if i in given.indices) for slot in slots) if slot)

    choose: Choose = evenly
    if other is not None:
        people, choose = observer.detect_people(evenly, other)
    track = Track.of(people, config) if people is not None else None
    found, slots = observer.find_person(choose, track, need_masks=given is None)
    if len(found) < config.min_frames:
        if len(slots) < config.min_frames:
            raise NoPersonError(_still(video, len(slots)))
        raise NoPersonError(observer.given.nobody(len(found), given_people))
    points, swapped = {i: found[i].points for i in sorted(found)}, frozenset(found)
    if track is None:
        points, swapped = fix_points(points, config.left_right)
    else:
        swapped &= track.swapped
    given_masks = given.read(list(points)) if given else None
    if keypoints is not None and track is not None:
        change = align(points, given_masks if given_masks is not None else _coarse_masks(found), size, str(keypoints))
        if change is not None:
            notes += (change.note(keypoints.name),)
            track = track.changed(change.apply)
            points = {index: change.apply(p) for index, p in points.items()}
            found = {index: replace(candidate, points=points[index]) for index, candidate in found.items()}
    if isinstance(given, GivenMasks) and given_masks and not any(mask.any() for mask in given_masks.values()):
        raise BadInputError(empty_masks(given.path, given.samples()))
    if keypoints is not None or masks is not None:
        shown = given_masks if given_masks is not None else _coarse_masks(found)
        require_agreement(
            points, shown, size, observer.given, track.points if track is not None else None, given_people
        )
        notes += (
            unseen_parts(given_people, keypoints.name) if given_people is not None and keypoints is not None else ()
        )
    if track is not None:
        observer.require_one_person(track, points, given_masks or {})
    others = observer.find_whole_body(found, points) if track is None else {}
    places = {index: place for place, index in enumerate(points)}
    steadied, moves = observer.steady(found, given_masks)
    points = {index: moved_points(p, moves.get(index)) for index, p in points.items() if index not in steadied.shaken}
    found = {index: found[index].moved(points[index], moves.get(index), size) for index in points}
    if given_masks is not None:
        given_masks = {i: moved_mask(mask, moves.get(i)) for i, mask in given_masks.items() if i in points}
    masked = observer.mask_frames(found, points, given_masks, steadied.places)
    weights = observer.weigh_frames(masked, candidates=points)
    cut_off = describe_cut_off(observer.left_out, len(masked))
    notes += crowd_warning([index for index in weights if masked[index].doubtful])
    person_px = float(np.median([mask_height(masked[index].mask) for index in weights]))
    body = np.stack([masked[index].points[BODY] for index in weights])
    left_out = tuple(with_titles(observer.left_out, measured.change, config.presence))
    return assemble_capture(
        np.stack([masked[index].points for index in weights]),
        (masked.pop(index).mask for index in weights),
        camera,
        _of_frames(others, [places[index] for index in weights], [moves.get(index) for index in weights]),
        frame_indices=np.array(list(weights), np.int64),
        frame_weights=np.array(list(weights.values()), np.float32),
        fps=timing.fps,
        stated_times_s=None if timing.is_even else timing.times[list(weights)],
        left_out=left_out,
        warnings=(
            *notes,
            *summarise(left_out),
            *steadied.notes,
            *_small_person(person_px, config),
            *_warnings(cut_off, len(slots), len(weights), len(swapped), config),
        ),
        pieces=find_pieces(body, np.array(list(weights)), measured),
        steadying=np.stack([moves.get(index, STILL) for index in weights]) if moves else None,
        sources={
            **input_sources(keypoints, masks, detector, pose_model, matte=isinstance(given, Mattes)),
            "frames_in_video": measured.frame_count,
            "frames_swapped": len(swapped),
        },
    )


@dataclass
class _Observer:
    """One run of :func:`observe`, and the frames that it has rejected so far."""

    video: Path
    clip: Clip
    config: CaptureConfig
    report: Progress
    keypoints: Path | None
    masks: Path | None
    pose_model: Path | None
    left_out: list[LeftOut] = field(default_factory=list)

    @property
    def given(self) -> Given:
        """Return what the user gave, for messages."""
        return Given(self.video, self.keypoints, self.masks)

    def detect_people(self, choose: Choose, detector: Detector) -> tuple[dict[int, People], Choose]:
        """Detect people in each slot's frames until one shows somebody.

        Returns:
            Frame index → people in all frames that were examined; and what chooses from the frames that are used.
        """
        people: dict[int, People] = {}

        def examine(indices: Sequence[int]) -> Iterator[tuple[int, People | None]]:
            for index, frame in self.clip.frames(indices):
                people[index] = detector.detect(frame)
                somebody = any(map(is_person, people[index]))
                yield index, people[index] if somebody else None

        with detector:
            found, _ = self._fill(choose, examine, lambda everybody: max(filter(is_person, everybody), key=body_size))
        return people, lambda without: tuple((index,) for index in sorted(found) if index not in without)

    def find_person(self, choose: Choose, track: Track | None, need_masks: bool) -> tuple[dict[int, _Candidate], Slots]:
        """Fill each slot with its first frame that shows the person: frame index → what is known of it, and slots."""
        if track is not None and not need_masks:
            known = {index: _Candidate(points, None) for index, points in track.points.items()}
            return self._fill(choose, lambda indices: ((i, known.get(i)) for i in indices), lambda found: found.points)

        def examine(indices: Sequence[int]) -> Iterator[tuple[int, _Candidate | None]]:
            for index, frame in self.clip.frames(indices):
                detection = detector.detect(frame) if track is None or index in track.points else None
                if detection is None:
                    yield index, None
                    continue
                points = track.points[index] if track is not None else join_parts(detection.keypoints)
                yield index, _Candidate(points, detection.probability, detection)

        with MediaPipeDetector(pose_model=self.pose_model) as detector:
            return self._fill(choose, examine, lambda found: found.points)

    def steady(
        self, found: Mapping[int, _Candidate], given: Mapping[int, Mask] | None
    ) -> tuple[Steadied, dict[int, Move]]:
        """Find bumps of the camera; from now on the clip gives pictures in which the scene stands still.

        Returns:
            What was found; and how pixels of the clip move in the frames that have to be moved. Frame index → [2, 3]
        """
        people = _coarse_masks(found) if given is None else given
        pictures = self.clip.small(sorted(people))
        steadied = find_bumps(pictures, people, self.config.steady)
        self._leave_out(steadied.shaken, SHAKEN)
        moves = {}
        for index, move in steadied.moves.items():
            height, width = pictures[index].shape
            moves[index] = resized_move(move, self.clip.width / width, self.clip.height / height)
        self.clip.steady(moves)
        return steadied, moves

    def find_whole_body(self, found: Mapping[int, _Candidate], points: Mapping[int, Points]) -> PointSets:
        """Return what the built-in detector's other models see in some frames, by the name of a set of points."""
        indices = list(points)
        detections = {index: d for index in indices if (d := found[index].detection) is not None}
        return find_whole_body(self.clip.frames(indices), indices, detections, points, self.report)

    def mask_frames(
        self,
        found: Mapping[int, _Candidate],
        points: Mapping[int, Points],
        given: dict[int, Mask] | None,
        places: Mapping[int, int],
    ) -> dict[int, _MaskedFrame]:
        """Take or make each frame's mask, and clean it. Frame index → masked frame, for those that have a mask"""
        indices = [index for index in points if given is None or index in given]
        self._leave_out(points.keys() - indices, "there is no mask for it")
        make_mask = self._mask_maker(found, indices, places) if given is None else lambda index, frame: given.pop(index)
        step = "Refining the masks" if given is None else "Checking the masks"
        crowded = any(found[index].others is not None for index in indices)
        masked: dict[int, _MaskedFrame] = {}
        for index, frame in self.clip.frames(indices):
            mask = clean_mask(make_mask(index, frame), points[index][BODY], self.config.mask_check)
            coarse = found[index].probability
            doubtful = crowded and coarse is not None and is_doubtful(mask, coarse, self.config.crowd)
            masked[index] = _MaskedFrame(points[index], mask, person_sharpness(frame, mask), doubtful)
            self.clip.drop([index])
            self.report(step, len(masked), len(indices))
        self._leave_out(set(indices) - masked.keys(), NOT_DECODED)
        return masked

    def weigh_frames(self, masked: Mapping[int, _MaskedFrame], candidates: Collection[int]) -> dict[int, np.float32]:
        """Check the masks against each other, the keypoints and the frame's border.

        Args:
            masked: the frames that have a mask.
            candidates: all frames that show the person, for the message if too few of them are usable.

        Returns:
            Frame index → weight of the usable frames.

        Raises:
            NoPersonError: the person is cut off in most frames, or too few frames are usable.
        """
        config, frames = self.config, list(masked.values())
        self._require_frames(len(frames), candidates)
        keypoints = np.stack([frame.points[BODY] for frame in frames])
        checks = check_masks([frame.mask for frame in frames], keypoints, config.mask_check)
        self._require_agreement(sum(check.reason == MISMATCH for check in checks), len(checks))
        cut_off = sum(check.cut_off for check in checks)
        if cut_off > config.max_cut_off * len(checks):
            reasons = [LeftOut(index, check.reason) for index, check in zip(masked, checks, strict=True)]
            raise NoPersonError(self.given.cut_off(describe_cut_off(reasons, len(checks))))
        sharpness = relative_sharpness(np.array([frame.sharpness for frame in frames], np.float32), config.selection)
        sharpness = np.clip(sharpness / config.full_weight_sharpness, config.mask_check.low_weight, 1.0)
        doubts = [config.crowd.weight if frame.doubtful else 1.0 for frame in frames]
        weights = np.array([check.weight for check in checks], np.float32) * (sharpness * doubts).astype(np.float32)
        for index, check in zip(masked, checks, strict=True):
            if check.weight == 0.0:
                self._leave_out([index], check.reason)
        usable = {index: weight for index, weight in zip(masked, weights, strict=True) if weight > 0.0}
        self._require_frames(len(usable), candidates)
        return usable

    def require_one_person(self, track: Track, indices: Collection[int], given: Mapping[int, Mask]) -> None:
        """Refuse a video of two people, unless given masks say who is meant."""

        def could_be_meant(index: int) -> bool:
            check, keypoints = self.config.mask_check, track.second_person[index][BODY]
            return index not in given or fraction_on_mask(given[index], keypoints, check) > check.min_on_mask

        count = sum(could_be_meant(index) for index in indices if index in track.second_person)
        if count > self.config.max_second_person * len(indices):
            raise NoPersonError(
                f"two people of about the same size are in {count} of {len(indices)} frames of {self.video}: "
                "film one person alone, or give masks of the one who is meant"
            )

    def _require_agreement(self, mismatched: int, count: int) -> None:
        """Refuse given keypoints or masks that do not show the same person in most frames."""
        if (self.keypoints or self.masks) and mismatched > self.config.max_mismatch * count:
            raise BadInputError(self.given.mismatch(mismatched, count))

    def _fill(
        self, choose: Choose, examine: Examine[T], points_of: Callable[[T], Points]
    ) -> tuple[dict[int, T], Slots]:
        """Fill slots, and choose others, evenly over where the person is in place, if too many show nobody there."""
        slots, config = choose(()), self.config.presence
        found, rejected = fill_slots(slots, examine, self.report)
        first, last = coming_and_going({index: points_of(result) for index, result in found.items()}, config)
        present = {index: result for index, result in found.items() if first <= index <= last}
        lacking: set[int] = set()
        before, after = bool(found) and first > min(found), bool(found) and last < max(found)
        outside = {i for slot in slots for i in slot if (before and i < first) or (after and i > last)}
        if present and len(present) < (1.0 - config.few_lost) * len(slots):
            lacking = frames_between([frame.frame_index for frame in rejected], present)
            slots = choose(lacking | outside)

            def examine_others(indices: Sequence[int]) -> Iterator[tuple[int, T | None]]:
                yield from ((index, present[index]) for index in indices if index in present)
                yield from examine([index for index in indices if index not in present])

            present, more = fill_slots(slots, examine_others, self.report)
            rejected += more
        told = {frame.frame_index for frame in (*rejected, *self.left_out)}
        rejected += [LeftOut(index, NO_PERSON) for index in sorted(lacking - outside - told)]
        for index in sorted(outside - told):
            nobody = not min(found) <= index <= max(found)
            rejected.append(LeftOut(index, NO_PERSON if nobody else COMES if index < first else GOES))
        self.left_out += rejected
        self.clip.drop([frame.frame_index for frame in rejected] + sorted(found.keys() - present.keys()))
        return present, slots

    def _mask_maker(
        self, found: Mapping[int, _Candidate], indices: Sequence[int], places: Mapping[int, int]
    ) -> Callable[[int, Image], Mask]:
        """Learn colours and background from some frames of each place, and return what refines any frame's mask."""
        probabilities = {index: p for index in indices if (p := found[index].probability) is not None}
        self.report("Refining the masks", 0, len(indices))
        crowded = any(found[index].others is not None for index in indices)
        refiners = {}
        for place in sorted({places.get(index, 0) for index in indices}):
            here = [index for index in indices if places.get(index, 0) == place]
            some = np.unique(np.linspace(0, len(here) - 1, self._learning_frames()).round().astype(int))
            samples = list(self.clip.frames([here[i] for i in some]))
            refiner = MaskRefiner.learn(
                [(frame, probabilities[i]) for i, frame in samples],
                [found[i].points[BODY] for i, _ in samples],
                self.config.refinement,
            )
            refiners[place] = replace(refiner, crowded=crowded)

        def refine(index: int, frame: Image) -> Mask:
            one = found[index]
            return refiners[places.get(index, 0)].refine(frame, probabilities[index], one.points[BODY], one.others)

        return refine

    def _learning_frames(self) -> int:
        affordable = self.config.learning_bytes // (3 * self.clip.width * self.clip.height)
        return max(self.config.min_frames, min(self.config.learning_frames, affordable))

    def _leave_out(self, indices: Iterable[int], reason: str) -> None:
        self.left_out += [LeftOut(index, reason) for index in indices]

    def _require_frames(self, count: int, candidates: Collection[int]) -> None:
        if count < self.config.min_frames:
            reasons = sorted({x.reason for x in self.left_out if x.frame_index in candidates})
            raise NoPersonError(self.given.too_few(count, reasons))


def _times(measured: FrameMeasurements) -> NDArray[np.float64]:
    return np.full(measured.frame_count, np.nan) if measured.times_s is None else measured.times_s


def _of_frames(sets: PointSets, places: Sequence[int], moves: Sequence[Move | None]) -> PointSets:
    """Return the rows of some frames, those points that are in pixels where the steadying of each frame takes them."""
    chosen = {name: points[list(places)] for name, points in sets.items()}
    return {
        name: points if name == WORLD else np.stack(list(map(moved_points, points, moves)))
        for name, points in chosen.items()
    }


def _coarse_masks(found: Mapping[int, _Candidate]) -> dict[int, Mask]:
    """Return where the detector sees the person, at the size of its own masks. Frame index → [h, w]"""
    return {index: c.probability > PERSON_LEVEL for index, c in found.items() if c.probability is not None}


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


def _still(video: Path, frames: int) -> str:
    alike = f"the frames of {video} are all alike"
    few = alike if frames < 2 else f"only {frames} frames of {video} differ from each other"
    return f"{few}: give a video of a person who turns around, not a still picture"


def _small_person(height_px: float, config: CaptureConfig) -> tuple[str, ...]:
    if height_px >= config.small_person_px:
        return ()
    return (
        f"The person is only {height_px:.0f} pixels high, so that a pixel is about {1700 / max(height_px, 1):.0f} mm: "
        "face, hands and folds cannot be made out; give a larger picture if there is one.",
    )


def _warnings(cut_off: str, selected: int, used: int, swapped: int, config: CaptureConfig) -> tuple[str, ...]:
    warnings = []
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
