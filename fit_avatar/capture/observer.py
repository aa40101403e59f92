"""One run of an observation: the person is found in every frame, and the pictures are steadied."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from fit_avatar.capture.among import detect_among
from fit_avatar.capture.blazepose import PoseEstimator
from fit_avatar.capture.camera_motion import Asked
from fit_avatar.capture.candidate import Candidate, people_in
from fit_avatar.capture.cast import Cast
from fit_avatar.capture.clip import Clip
from fit_avatar.capture.config import CaptureConfig
from fit_avatar.capture.detectors import Detector
from fit_avatar.capture.everybody import BuiltIn, Finder, find_cast, known
from fit_avatar.capture.given_limbs import known_limbs
from fit_avatar.capture.mask_check import fraction_on_mask
from fit_avatar.capture.mediapipe_pose import MediaPipeDetector
from fit_avatar.capture.moves import Move, resized_move
from fit_avatar.capture.person import body_size, is_person
from fit_avatar.capture.point_sets import PointSets
from fit_avatar.capture.points import BODY, People, Points, join_parts
from fit_avatar.capture.presence import COMES, GOES, coming_and_going, frames_between
from fit_avatar.capture.refusals import Given
from fit_avatar.capture.slots import NO_PERSON, Examine, T, fill_slots
from fit_avatar.capture.steady import SHAKEN, Steadied, find_bumps
from fit_avatar.capture.track import Track
from fit_avatar.capture.types import CutOff, LeftOut, Mask, Progress
from fit_avatar.capture.whole_body import find_whole_body
from fit_avatar.errors import NoPersonError

Slots = tuple[tuple[int, ...], ...]
Choose = Callable[[Collection[int]], Slots]
"""Chooses slots evenly over a clip without some of its frames."""


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
        self.leave_out(steadied.shaken, SHAKEN)
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

    def leave_out(self, indices: Iterable[int], reason: str) -> None:
        """Note why some frames are not used."""
        self.left_out += [LeftOut(index, reason) for index in indices]

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
