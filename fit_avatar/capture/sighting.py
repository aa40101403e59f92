"""The person who is meant, found in the frames of a clip: the one of given masks, of a number, or seen largest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from fit_avatar.capture.alignment import align
from fit_avatar.capture.candidate import Candidate, coarse_masks
from fit_avatar.capture.cast import Cast
from fit_avatar.capture.cut_off import describe_cut_off
from fit_avatar.capture.detectors import Detector, make_detector
from fit_avatar.capture.disagreement import require_agreement, unseen_parts
from fit_avatar.capture.everybody import several
from fit_avatar.capture.inputs import Inputs
from fit_avatar.capture.mask_check import shows_upper_body
from fit_avatar.capture.masks import GivenMasks
from fit_avatar.capture.moves import Move, moved_mask, moved_points
from fit_avatar.capture.observer import Observer, Slots
from fit_avatar.capture.points import People, Points
from fit_avatar.capture.presence import LEGS
from fit_avatar.capture.refusals import all_alike, empty_masks
from fit_avatar.capture.steady import Steadied
from fit_avatar.capture.track import Track, fix_points
from fit_avatar.capture.types import CutOff, Mask
from fit_avatar.errors import BadInputError, NoPersonError

MORE_THAN_ONE = 2
"""People in a clip, from which on they are told apart."""


@dataclass(frozen=True)
class Wanted:
    """Who is meant, among several people."""

    number: int | None
    """From 1; ``None``: whom given masks show, else the first."""
    people: Cast | None
    """Everybody, if they have been told apart before."""
    detector: str


@dataclass(frozen=True)
class Sighting:
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

    def changed(self, change: Callable[[Points], Points]) -> Sighting:
        """Return the same with all points changed in the same way."""
        points = {index: change(p) for index, p in self.points.items()}
        found = {index: replace(candidate, points=points[index]) for index, candidate in self.found.items()}
        track = None if self.track is None else self.track.changed(change)
        return replace(self, found=found, points=points, track=track)

    def steadied(self, steadied: Steadied, moves: Mapping[int, Move], size: tuple[int, int]) -> Sighting:
        """Return the same where the pictures are moved to; ``size``: width and height of the pictures."""
        points = {i: moved_points(p, moves.get(i)) for i, p in self.points.items() if i not in steadied.shaken}
        found = {index: self.found[index].moved(points[index], moves.get(index), size) for index in points}
        masks = self.masks
        if masks is not None:
            masks = {index: moved_mask(mask, moves.get(index)) for index, mask in masks.items() if index in points}
        return replace(self, found=found, points=points, masks=masks)


def find_person(observer: Observer, inputs: Inputs, frames: int, other: Detector | None, wanted: Wanted) -> Sighting:
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
        _require_upper_body(observer, points)
        points, swapped = fix_points(points, inputs.timing.times, config.left_right)
        points = points if inputs.parts is None else inputs.parts.attach(points, clip.scale)
    else:
        swapped &= track.swapped
    masks = inputs.masks.read(list(points)) if inputs.masks else None
    return Sighting(found, points, len(slots), swapped, track, masks, cast)


def _look_for(
    observer: Observer, inputs: Inputs, frames: int, other: Detector | None, wanted: Wanted
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


def _require_enough(observer: Observer, inputs: Inputs, found: Mapping[int, Candidate], slots: Slots) -> None:
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


def _require_upper_body(observer: Observer, points: Mapping[int, Points]) -> None:
    """Refuse a clip of faces, whose bodies the detector expects below the picture, before masks are made of it."""
    width, height = observer.clip.width, observer.clip.height
    faces = [
        CutOff(index, ("bottom",))
        for index, p in points.items()
        if (p[LEGS, 1] > height).all() and not shows_upper_body(p, width, height)
    ]
    if len(faces) > observer.config.max_cut_off * len(points):
        raise NoPersonError(observer.given.cut_off(describe_cut_off(faces, len(points))))


def _chosen(observer: Observer, inputs: Inputs, cast: Cast, number: int | None) -> Cast:
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


def align_given(observer: Observer, inputs: Inputs, seen: Sighting) -> tuple[Sighting, tuple[str, ...]]:
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
