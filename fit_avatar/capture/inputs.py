"""What is known of a clip before anybody is looked for: its frames and times, and what was given beside it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from fit_avatar.capture.config import CaptureConfig
from fit_avatar.capture.frames import open_frames
from fit_avatar.capture.frames.times import Timing
from fit_avatar.capture.given_parts import GivenParts, without_bodies
from fit_avatar.capture.keypoints import GivenKeypoints, load_keypoints
from fit_avatar.capture.masks import GivenMasks
from fit_avatar.capture.mattes import Mattes
from fit_avatar.capture.observer import Choose, Observer, Slots
from fit_avatar.capture.selection import FrameMeasurements, measure_frames, select_frames


@dataclass(frozen=True)
class Inputs:
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
    def read(cls, observer: Observer, fps: float | None, frames: int) -> Inputs:
        """Read the whole clip once, of which so many frames will be used, and what was given beside it."""
        clip, given, config = observer.clip, observer.given, observer.config
        measured = measure_frames(
            clip.path,
            lambda done, total: observer.report("Reading the video", done, total),
            config.selection,
            clip.first_reading(frames),
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
