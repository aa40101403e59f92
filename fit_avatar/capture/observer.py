"""One run of an observation: the person is found in every frame, the pictures are steadied, masks made and weighed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from fit_avatar.capture.among import detect_among
from fit_avatar.capture.blazepose import PoseEstimator
from fit_avatar.capture.camera_motion import Asked
from fit_avatar.capture.candidate import Candidate, people_in
from fit_avatar.capture.cast import Cast
from fit_avatar.capture.clip import Clip
from fit_avatar.capture.config import CaptureConfig
from fit_avatar.capture.crowd import is_doubtful
from fit_avatar.capture.cut_off import CUT_OFF, describe_cut_off
from fit_avatar.capture.detectors import Detector
from fit_avatar.capture.everybody import BuiltIn, Finder, find_cast, known
from fit_avatar.capture.given_limbs import known_limbs
from fit_avatar.capture.kept_pictures import KeptPictures, Part
from fit_avatar.capture.mask_check import MISMATCH, check_masks, clean_mask, fraction_on_mask, person_sharpness
from fit_avatar.capture.mediapipe_pose import MediaPipeDetector
from fit_avatar.capture.moves import Move, resized_move
from fit_avatar.capture.person import body_size, is_person
from fit_avatar.capture.point_sets import PointSets
from fit_avatar.capture.points import BODY, People, Points, join_parts
from fit_avatar.capture.presence import COMES, GOES, coming_and_going, frames_between
from fit_avatar.capture.refine import MaskRefiner
from fit_avatar.capture.refusals import Given
from fit_avatar.capture.selection import relative_sharpness
from fit_avatar.capture.slots import NO_PERSON, NOT_DECODED, Examine, T, fill_slots
from fit_avatar.capture.steady import SHAKEN, Steadied, find_bumps
from fit_avatar.capture.track import Track
from fit_avatar.capture.types import CutOff, Image, LeftOut, Mask, Progress
from fit_avatar.capture.whole_body import find_whole_body
from fit_avatar.errors import BadInputError, NoPersonError
from fit_avatar.io.threads import in_threads

Slots = tuple[tuple[int, ...], ...]
Choose = Callable[[Collection[int]], Slots]
"""Chooses slots evenly over a clip without some of its frames."""


@dataclass(frozen=True)
class MaskedFrame:
    """A frame with its mask, before it is checked."""

    points: Points
    """All points, corrected. [137, 3]"""
    mask: Mask
    """Cleaned. [H, W]"""
    sharpness: float
    """Of the person."""
    doubtful: bool = False
    """Whether the mask may hold a part of somebody else."""


@dataclass
class Observer:
    """One run of :func:`fit_avatar.capture.observe`, and the frames that it has rejected so far."""

    clip: Clip
    config: CaptureConfig
    report: Progress
    given: Given
    """What the user gave, for messages."""
    pose_model: Path | None = None
    left_out: list[LeftOut] = field(default_factory=list)
    cut_off: list[CutOff] = field(default_factory=list)
    """Usable frames that show the person in part."""

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

    def find_cast(self, people: Mapping[int, People] | None, detector: Detector | None) -> Cast:
        """Tell everybody in the clip apart, in all of its frames.

        Args:
            people: those who are known: frame index → everybody in the frame. [P, 137, 3]
            detector: finds people in frames that are not among these; ``None``: the built-in one.
        """
        count = self.clip.info.frame_count or 0
        frames = self.clip.every()
        find: Finder
        if detector is None and people is None:
            return find_cast(frames, BuiltIn.of(self.pose_model), count, self.report, self.config.linking)
        if detector is None:
            find = known(people or {})
            return find_cast(frames, find, count, self.report, self.config.linking)
        with detector:
            find = known(people or {}, detector.detect)
            return find_cast(frames, find, count, self.report, self.config.linking)

    def find_among(self, choose: Choose, cast: Cast, track: Track | None) -> tuple[dict[int, Candidate], Slots]:
        """Fill each slot with its first frame that shows the chosen one of several people, as :meth:`find_person`.

        Args:
            choose: chooses frames.
            cast: everybody.
            track: their corrected points, where they are others than the built-in detector's.
        """
        estimator, person = PoseEstimator(landmark_model=self.pose_model), cast.person()

        def examine(indices: Sequence[int]) -> Iterator[tuple[int, Candidate | None]]:
            for index, frame in self.clip.frames(indices):
                detection = None
                if index in person:
                    others = cast.others(index)
                    detection = detect_among(estimator, frame, person[index], others, self.config.among)
                if detection is None or not is_person(detection.keypoints):
                    yield index, None
                    continue
                points = track.points[index] if track is not None else join_parts(detection.keypoints)
                yield index, Candidate(points, detection.probability, detection, cast.is_crossed(index))

        return self._fill(choose, examine, lambda found: found.points)

    def find_person(self, choose: Choose, track: Track | None, need_masks: bool) -> tuple[dict[int, Candidate], Slots]:
        """Fill each slot with its first frame that shows the person: frame index → what is known of it, and slots."""
        if track is not None and not need_masks:
            known = {index: Candidate(points, None) for index, points in track.points.items()}
            return self._fill(choose, lambda indices: ((i, known.get(i)) for i in indices), lambda found: found.points)

        def examine(indices: Sequence[int]) -> Iterator[tuple[int, Candidate | None]]:
            wanted = indices if track is None else [index for index in indices if index in track.points]
            for index, detection in detector.detect_each(self.clip.frames(wanted)):
                if detection is None:
                    yield index, None
                    continue
                points = track.points[index] if track is not None else join_parts(detection.keypoints)
                yield index, Candidate(points, detection.probability, detection)
            yield from ((index, None) for index in indices if index not in wanted)

        with MediaPipeDetector(pose_model=self.pose_model) as detector:
            return self._fill(choose, examine, lambda found: found.points)

    def steady(
        self, found: Mapping[int, Candidate], given: Mapping[int, Mask] | None, asked: Asked = "auto"
    ) -> tuple[Steadied, dict[int, Move]]:
        """Find bumps of the camera; from now on the clip gives pictures in which the scene stands still.

        None are looked for where the user says that the camera moves.

        Returns:
            What was found; and how pixels of the clip move in the frames that have to be moved. Frame index → [2, 3]
        """
        people = people_in(found, given)
        clear = {index: mask for index, mask in people.items() if not found[index].crossed}
        people = clear if 2 * len(clear) >= len(people) else people  # parts of who is hidden move, and have no mask
        pictures = self.clip.small(sorted(people))
        if asked in ("handheld", "orbit"):
            return Steadied(places=dict.fromkeys(pictures, 0)), {}
        steadied = find_bumps(pictures, people, self.config.steady)
        self._leave_out(steadied.shaken, SHAKEN)
        moves = {}
        for index, move in steadied.moves.items():
            height, width = pictures[index].shape
            moves[index] = resized_move(move, self.clip.width / width, self.clip.height / height)
        self.clip.steady(moves)
        return steadied, moves

    def find_whole_body(self, found: Mapping[int, Candidate], points: Mapping[int, Points]) -> PointSets:
        """Return what the built-in detector's other models see in some frames, by the name of a set of points."""
        indices = list(points)
        detections = {index: d for index in indices if (d := found[index].detection) is not None}
        return find_whole_body(self.clip.frames(indices), indices, detections, points, self.report)

    def known_limbs(self, found: Mapping[int, Candidate], points: Mapping[int, Points]) -> PointSets:
        """Return what the built-in pose model has seen in 3D where other keypoints are known, by the name of a set."""
        return known_limbs(points, {index: d for index in points if (d := found[index].detection) is not None})

    def mask_frames(
        self,
        found: Mapping[int, Candidate],
        points: Mapping[int, Points],
        given: dict[int, Mask] | None,
        places: Mapping[int, int],
        still: bool = True,
        kept: KeptPictures | None = None,
    ) -> dict[int, MaskedFrame]:
        """Take or make each frame's mask, and clean it. Frame index → masked frame, for those that have a mask

        ``still``: the camera may stand still, so that the scene without the person can be learnt. ``kept`` takes what
        each frame shows of the person.
        """
        indices = [index for index in points if given is None or index in given]
        self._leave_out(points.keys() - indices, "there is no mask for it")
        maker = None if given is not None else self._mask_maker(found, indices, places, still)
        make_mask = maker or (lambda index, frame: (given or {}).pop(index))
        step = "Refining the masks" if given is None else "Checking the masks"
        crowded = any(found[index].others is not None for index in indices)
        masked: dict[int, MaskedFrame] = {}

        def mask_frame(item: tuple[int, Image]) -> tuple[int, MaskedFrame, Part | None]:
            index, frame = item
            mask = clean_mask(make_mask(index, frame), points[index][BODY], self.config.mask_check)
            coarse = found[index].probability
            doubtful = crowded and coarse is not None and is_doubtful(mask, coarse, self.config.crowd)
            doubtful |= found[index].crossed and given is None
            done = MaskedFrame(points[index], mask, person_sharpness(frame, mask), doubtful)
            return index, done, None if kept is None else kept.part(frame, mask)

        for index, frame, part in in_threads(mask_frame, self.clip.frames(indices)):
            masked[index] = frame
            self.clip.drop([index])
            if kept is not None and part is not None:
                kept.keep(index, part)
            self.report(step, len(masked), len(indices))
        self._leave_out(set(indices) - masked.keys(), NOT_DECODED)
        return masked

    def weigh_frames(self, masked: Mapping[int, MaskedFrame], candidates: Collection[int]) -> dict[int, np.float32]:
        """Check the masks against each other, the keypoints and the frame's border.

        Args:
            masked: the frames that have a mask.
            candidates: all frames that show the person, for the message if too few of them are usable.

        Returns:
            Frame index → weight of the usable frames.

        Raises:
            NoPersonError: most frames show too little of the person, or too few frames are usable.
        """
        config, frames = self.config, list(masked.values())
        self._require_frames(len(frames), candidates)
        keypoints = np.stack([frame.points[BODY] for frame in frames])
        checks = check_masks([frame.mask for frame in frames], keypoints, config.mask_check)
        self._require_agreement(sum(check.reason == MISMATCH for check in checks), len(checks))
        cut_off = [CutOff(index, check.sides) for index, check in zip(masked, checks, strict=True)]
        too_little = [one for one, check in zip(cut_off, checks, strict=True) if check.reason.startswith(CUT_OFF)]
        if len(too_little) > config.max_cut_off * len(checks):
            raise NoPersonError(self.given.cut_off(describe_cut_off(too_little, len(checks))))
        sharpness = relative_sharpness(np.array([frame.sharpness for frame in frames], np.float32), config.selection)
        sharpness = np.clip(sharpness / config.full_weight_sharpness, config.mask_check.low_weight, 1.0)
        doubts = [config.crowd.weight if frame.doubtful else 1.0 for frame in frames]
        weights = np.array([check.weight for check in checks], np.float32) * (sharpness * doubts).astype(np.float32)
        for index, check in zip(masked, checks, strict=True):
            if check.weight == 0.0:
                self._leave_out([index], check.reason)
        usable = {index: weight for index, weight in zip(masked, weights, strict=True) if weight > 0.0}
        self._require_frames(len(usable), candidates)
        self.cut_off += [frame for frame in cut_off if frame.sides and frame.frame_index in usable]
        return usable

    def on_masks(self, points: Mapping[int, Points], masks: Mapping[int, Mask]) -> set[int]:
        """Return the frames in which somebody's points [25 or 137, 3] lie on a mask [H, W]."""
        check = self.config.mask_check
        return {
            index
            for index in points.keys() & masks.keys()
            if fraction_on_mask(masks[index], points[index][BODY], check) > check.min_on_mask
        }

    def require_one_person(self, cast: Cast, masks: Mapping[int, Mask]) -> None:
        """Refuse given masks that hold several people at once: nothing says where one of them ends."""
        own = self.on_masks(cast.person(), masks)
        for number in range(1, len(cast) + 1):
            other = {} if number == cast.chosen else replace(cast, chosen=number).person()
            shared = own & other.keys()
            both = self.on_masks({index: other[index] for index in shared}, masks)
            if shared and len(both) > self.config.max_both * len(masks):
                raise NoPersonError(
                    f"the masks in {self.given.masks} hold two people in {len(both)} of {len(masks)} frames: give "
                    "masks of one person alone, or leave them out and say with --person who is meant"
                )

    def _require_agreement(self, mismatched: int, count: int) -> None:
        """Refuse given keypoints or masks that do not show the same person in most frames."""
        if (self.given.keypoints or self.given.masks) and mismatched > self.config.max_mismatch * count:
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
        self, found: Mapping[int, Candidate], indices: Sequence[int], places: Mapping[int, int], still: bool
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
                still,
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
