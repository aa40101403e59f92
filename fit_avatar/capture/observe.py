"""From a video to the observations that a body is fitted to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.alignment import align
from fit_avatar.capture.assemble import assemble_capture, input_sources
from fit_avatar.capture.camera import require_camera_size
from fit_avatar.capture.clip import Clip
from fit_avatar.capture.config import DEFAULT_CAPTURE, CaptureConfig
from fit_avatar.capture.detectors import Detector, make_detector
from fit_avatar.capture.disagreement import require_agreement, unseen_parts
from fit_avatar.capture.keypoints import load_keypoints
from fit_avatar.capture.mask_check import MISMATCH, check_masks, clean_mask, fraction_on_mask, person_sharpness
from fit_avatar.capture.masks import GivenMasks
from fit_avatar.capture.mediapipe_pose import MediaPipeDetector
from fit_avatar.capture.person import is_person
from fit_avatar.capture.points import BODY, People, Points, join_parts
from fit_avatar.capture.refine import MaskRefiner
from fit_avatar.capture.refusals import Given, empty_masks, looks_like_masks
from fit_avatar.capture.selection import measure_frames, relative_sharpness, select_frames
from fit_avatar.capture.slots import NOT_DECODED, Examine, T, fill_slots
from fit_avatar.capture.track import Track, fix_points
from fit_avatar.capture.types import PERSON_LEVEL, Camera, Capture, Image, LeftOut, Mask, Progress
from fit_avatar.capture.video import read_frames
from fit_avatar.errors import BadInputError, NoPersonError

Slots = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class _Candidate:
    """A frame that shows the person, before its mask is made."""

    points: Points
    """All points. [137, 3]"""
    probability: NDArray[np.uint8] | None
    """Of the person, as 0..255; ``None`` if masks are given. [h, w]"""


@dataclass(frozen=True)
class _MaskedFrame:
    """A frame with its mask, before it is checked."""

    points: Points
    """All points, corrected. [137, 3]"""
    mask: Mask
    """Cleaned. [H, W]"""
    sharpness: float
    """Of the person."""


def observe(
    video: Path,
    *,
    camera: Camera,
    frames: int = 120,
    keypoints: Path | None = None,
    masks: Path | None = None,
    detector: str = "mediapipe",
    progress: Progress | None = None,
    config: CaptureConfig = DEFAULT_CAPTURE,
) -> Capture:
    """Observe a video: select frames, find the person's keypoints and masks, check them, undo lens distortion.

    Args:
        video: any video that FFmpeg reads.
        camera: at the upright video's size; its distortion is undone in keypoints and masks.
        frames: use at most this many frames.
        keypoints: anything that :func:`load_keypoints` reads; without it the detector finds the person.
        masks: folder of PNG, a video, or People-Snapshot's ``masks.hdf5``; without it MediaPipe's masks are refined.
        detector: ``mediapipe``, ``openpose`` or ``rtmlib`` (see :func:`make_detector`).
        progress: called with (step, done, total).
        config: settings of the algorithms.

    Returns:
        The capture; its camera is the pinhole that fits keypoints, masks and :func:`undistort`-ed frames.

    Raises:
        BadInputError: a file that cannot be used, or inputs that do not belong together.
        NoPersonError: nobody is in the video, or the person is always cut off.
        MissingDependencyError: a detector or h5py is needed and not installed.
    """
    report: Progress = progress or (lambda step, done, total: None)
    observer = _Observer(video, _open(video, camera, frames, config), config, report, keypoints, masks)
    other = make_detector(detector) if keypoints is None and detector != "mediapipe" else None
    measured = measure_frames(video, lambda done, total: report("Reading the video", done, total), config.selection)
    size = (camera.width, camera.height)
    given = GivenMasks(masks, *size, measured.frame_count) if masks else None
    given_people = load_keypoints(keypoints, measured.frame_count, size) if keypoints else None
    people: dict[int, People] | None = given_people
    notes = [*(given_people.warnings if given_people is not None else ()), *(given.warnings if given else ())]
    selection = select_frames(measured, frames, config.selection)
    observer.left_out += selection.left_out
    slots: Slots = selection.slots
    if given is not None and given.is_sparse:
        slots = tuple(slot for slot in (tuple(i for i in slot if i in given.indices) for slot in slots) if slot)
    if other is not None:
        people, slots = observer.detect_people(slots, other)
    track = Track.of(people, config) if people is not None else None
    found = observer.find_person(slots, track, need_masks=given is None)
    if len(found) < config.min_frames:
        if len(selection.slots) < config.min_frames:
            raise NoPersonError(_still(video, len(selection.slots)))
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
            notes.append(change.note(keypoints.name))
            track = track.changed(change.apply)
            points = {index: change.apply(p) for index, p in points.items()}
            found = {index: replace(candidate, points=points[index]) for index, candidate in found.items()}
    if given is not None and given_masks and not any(mask.any() for mask in given_masks.values()):
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
    masked = observer.mask_frames(found, points, given_masks)
    weights, cut_off = observer.weigh_frames(masked, candidates=points)
    return assemble_capture(
        np.stack([masked[index].points for index in weights]),
        [masked[index].mask for index in weights],
        camera,
        frame_indices=np.array(list(weights), np.int64),
        frame_weights=np.array(list(weights.values()), np.float32),
        fps=observer.clip.fps,
        left_out=tuple(sorted(observer.left_out, key=lambda x: x.frame_index)),
        warnings=(*notes, *_warnings(cut_off, len(slots), len(weights), len(swapped), config)),
        sources={
            **input_sources(keypoints, masks, detector),
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
    left_out: list[LeftOut] = field(default_factory=list)

    @property
    def given(self) -> Given:
        """Return what the user gave, for messages."""
        return Given(self.video, self.keypoints, self.masks)

    def detect_people(self, slots: Slots, detector: Detector) -> tuple[dict[int, People], Slots]:
        """Detect people in each slot's frames until one shows somebody.

        Returns:
            Frame index → people in all frames that were examined; and the frames that show somebody as slots.
        """
        people: dict[int, People] = {}

        def examine(indices: Sequence[int]) -> Iterator[tuple[int, People | None]]:
            for index, frame in self.clip.frames(indices):
                people[index] = detector.detect(frame)
                somebody = any(map(is_person, people[index]))
                yield index, people[index] if somebody else None

        with detector:
            found = self._fill(slots, examine)
        return people, tuple((index,) for index in sorted(found))

    def find_person(self, slots: Slots, track: Track | None, need_masks: bool) -> dict[int, _Candidate]:
        """Fill each slot with its first frame that shows the person. Frame index → what is known of the frame"""
        if track is not None and not need_masks:
            known = {index: _Candidate(points, None) for index, points in track.points.items()}
            return self._fill(slots, lambda indices: ((index, known.get(index)) for index in indices))

        def examine(indices: Sequence[int]) -> Iterator[tuple[int, _Candidate | None]]:
            for index, frame in self.clip.frames(indices):
                detection = detector.detect(frame) if track is None or index in track.points else None
                if detection is None:
                    yield index, None
                    continue
                points = track.points[index] if track is not None else join_parts(detection.keypoints)
                yield index, _Candidate(points, detection.probability)

        with MediaPipeDetector() as detector:
            return self._fill(slots, examine)

    def mask_frames(
        self, found: Mapping[int, _Candidate], points: Mapping[int, Points], given: dict[int, Mask] | None
    ) -> dict[int, _MaskedFrame]:
        """Take or make each frame's mask, and clean it. Frame index → masked frame, for those that have a mask"""
        indices = [index for index in points if given is None or index in given]
        self._leave_out(points.keys() - indices, "there is no mask for it")
        make_mask = self._mask_maker(found, indices) if given is None else lambda index, frame: given.pop(index)
        step = "Refining the masks" if given is None else "Checking the masks"
        masked: dict[int, _MaskedFrame] = {}
        for index, frame in self.clip.frames(indices):
            mask = clean_mask(make_mask(index, frame), points[index][BODY], self.config.mask_check)
            masked[index] = _MaskedFrame(points[index], mask, person_sharpness(frame, mask))
            self.report(step, len(masked), len(indices))
        self._leave_out(set(indices) - masked.keys(), NOT_DECODED)
        return masked

    def weigh_frames(
        self, masked: Mapping[int, _MaskedFrame], candidates: Collection[int]
    ) -> tuple[dict[int, np.float32], int]:
        """Check the masks against each other, the keypoints and the frame's border.

        Args:
            masked: the frames that have a mask.
            candidates: all frames that show the person, for the message if too few of them are usable.

        Returns:
            Frame index → weight of the usable frames; and in how many frames the person is cut off.

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
            raise NoPersonError(self.given.cut_off(cut_off, len(checks)))
        sharpness = relative_sharpness(np.array([frame.sharpness for frame in frames], np.float32), config.selection)
        sharpness = np.clip(sharpness / config.full_weight_sharpness, config.mask_check.low_weight, 1.0)
        weights = np.array([check.weight for check in checks], np.float32) * sharpness.astype(np.float32)
        for index, check in zip(masked, checks, strict=True):
            if check.weight == 0.0:
                self._leave_out([index], check.reason)
        usable = {index: weight for index, weight in zip(masked, weights, strict=True) if weight > 0.0}
        self._require_frames(len(usable), candidates)
        return usable, cut_off

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

    def _fill(self, slots: Slots, examine: Examine[T]) -> dict[int, T]:
        found, rejected = fill_slots(slots, examine, self.report)
        self.left_out += rejected
        self.clip.drop([frame.frame_index for frame in rejected])
        return found

    def _mask_maker(self, found: Mapping[int, _Candidate], indices: Sequence[int]) -> Callable[[int, Image], Mask]:
        """Learn colours and background from some of the frames, and return what refines any frame's mask."""
        probabilities = {index: p for index in indices if (p := found[index].probability) is not None}
        some = np.unique(np.linspace(0, len(indices) - 1, self.config.learning_frames).round().astype(int))
        self.report("Refining the masks", 0, len(indices))
        frames = self.clip.frames([indices[i] for i in some])
        refiner = MaskRefiner.learn([(frame, probabilities[i]) for i, frame in frames], self.config.refinement)
        return lambda index, frame: refiner.refine(frame, probabilities[index], found[index].points[BODY])

    def _leave_out(self, indices: Iterable[int], reason: str) -> None:
        self.left_out += [LeftOut(index, reason) for index in indices]

    def _require_frames(self, count: int, candidates: Collection[int]) -> None:
        if count < self.config.min_frames:
            reasons = sorted({x.reason for x in self.left_out if x.frame_index in candidates})
            raise NoPersonError(self.given.too_few(count, reasons))


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
    require_camera_size(camera, clip.width, clip.height, video)
    return clip


def _still(video: Path, frames: int) -> str:
    alike = f"the frames of {video} are all alike"
    few = alike if frames < 2 else f"only {frames} frames of {video} differ from each other"
    return f"{few}: give a video of a person who turns around, not a still picture"


def _warnings(cut_off: int, selected: int, used: int, swapped: int, config: CaptureConfig) -> tuple[str, ...]:
    warnings = []
    if cut_off:
        warnings.append(f"The person is cut off at the top or bottom in {cut_off} frames; they are left out.")
    if used < config.few_used * selected:
        warnings.append(f"Only {used} of {selected} selected frames could be used; see the reasons in metrics.json.")
    if swapped > config.many_swapped * selected:
        warnings.append(
            f"The keypoints' left and right were exchanged in {swapped} of {selected} selected frames and were "
            "corrected; if the avatar is still wrong, try another detector."
        )
    return tuple(warnings)
