"""Why a capture is refused: sentences that speak of what the user gave, and advise only about that."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.blank import BLANK
from fit_avatar.capture.person import MIN_CONFIDENCE, MIN_POINTS
from fit_avatar.capture.points import BODY, People
from fit_avatar.capture.slots import NOT_DECODED
from fit_avatar.capture.types import LeftOut

MASK_DARK, MASK_BRIGHT = 32, 223
"""Grey levels of a mask's two values, after compression. Chosen by hand."""
MASK_PART = 0.01
"""Fraction of a mask's pixels that are black, and that are white, at least. Chosen by hand."""
MAX_GREY = 0.02
"""Fraction of a mask's pixels that are neither, at most. Chosen by hand."""
MAX_VALUES = 6
"""So many values of masks are listed."""


@dataclass(frozen=True)
class Given:
    """What the user gave, to be named in messages."""

    source: Path
    """The clip or photograph."""
    keypoints: Path | None = None
    masks: Path | None = None
    clip: bool = True
    """Whether the source is a clip."""

    @property
    def points_name(self) -> str:
        """Return "the keypoints in …", or the detector's."""
        return f"the keypoints in {self.keypoints}" if self.keypoints else f"the keypoints found in {self.source}"

    @property
    def points_are(self) -> str:
        """Return the beginning of a sentence about the points."""
        return f"{self.points_name} are"

    @property
    def person_is(self) -> str:
        """Return "the masks in …", or the person that is found in the source."""
        return f"the masks in {self.masks}" if self.masks else f"the person who is found in {self.source}"

    def agree_only_if(self, change: str) -> str:
        """Return a sentence: keypoints lie on masks only if they are, for instance, mirrored."""
        what = "this video" if self.clip else "these photographs"
        if self.keypoints and self.masks:
            remedy = f"make both from {what} as they are" if not self.clip else f"make both from {what} as it is"
        elif self.keypoints:
            remedy = f"find them in {what}, neither cropped, turned, mirrored nor cut"
        else:
            remedy = f"make the masks from {what}, neither cropped, turned, mirrored nor cut"
        return f"{self.points_name} lie on {self.person_is} only if they are {change}: {remedy}"

    def mismatch(self, count: int, total: int) -> str:
        """Return the sentence for keypoints that do not lie on the masks in so many frames."""
        if self.keypoints and self.masks:
            remedy = "check that both were made from this video and show the same person"
        elif self.keypoints:
            remedy = "check that they were found in this video and are of the person whom it shows largest"
        else:
            remedy = "check that they were made from this video and show its largest person"
        subject, other = (self.points_name, self.person_is) if self.keypoints else (self.person_is, self.points_name)
        verb = "do not lie on" if self.keypoints else "do not cover"
        return f"{subject} {verb} {other} in {count} of {total} frames: {remedy}"

    def cut_off(self, where: str) -> str:
        """Return the sentence for a person who is cut off, ``where`` says on which side in which frames."""
        if self.masks:
            return (
                f"the masks in {self.masks} touch the border of the picture {where}, as if the person were cut off: "
                "if the video shows head and feet, make masks without floor or background; otherwise film from further "
                "away"
            )
        return (
            f"the person in {self.source} is cut off {where}: film from further away so that head and feet stay in the "
            "picture"
        )

    def too_few(self, count: int, reasons: Collection[str]) -> str:
        """Return the sentence for a clip of which too few frames are left."""
        if set(reasons) == {NOT_DECODED}:
            remedy = "the file may be damaged, so copy it again or convert it to an MP4 (H.264)"
        elif self.masks:
            remedy = "give masks that show the whole person, and nothing else, in more frames"
        elif self.keypoints:
            remedy = "give masks, too, or film the whole person against a calm background"
        else:
            remedy = "film the whole person against a calm background"
        return f"only {count} frames of {self.source} can be used ({', '.join(reasons)}): {remedy}"

    def unusable(self, reason: str) -> str:
        """Return the sentence for a photograph that cannot be used."""
        if self.masks:
            remedy = f"give a mask in {self.masks} that is white on this person"
        elif self.keypoints:
            remedy = f"check that {self.keypoints} is of this photograph, or give a mask"
        else:
            remedy = "take another photograph, of one person before a calm background, or give a mask"
        return f"{self.source} cannot be used ({reason}): {remedy}"

    def nobody(self, count: int, people: Mapping[int, People] | None) -> str:
        """Return the sentence for a clip in too few frames of which a person is found.

        Args:
            count: of the frames that show a person.
            people: given keypoints: frame index → everybody in the frame. [P, 137, 3]
        """
        if not self.keypoints or people is None:
            found = "nobody was found" if count == 0 else f"a person was found in only {_frames(count)}"
            return f"{found} in {self.source} by the detector: film one whole person, well lit, from head to feet"
        if not self.masks and _showing(people) > count:
            found = "nobody is found in" if count == 0 else f"a person is found in only {_frames(count)} of"
            return (
                f"{found} {self.source} by the built-in detector, which makes the masks where the keypoints in "
                f"{self.keypoints} show a person: give masks, too, or check that they are of the same video"
            )
        if count:
            return (
                f"the keypoints in {self.keypoints} show a person in only {_frames(count)}: find them in "
                "every frame of the video"
            )
        return f"the keypoints in {self.keypoints} show nobody: {why_nobody(people)}"


def looks_like_masks(frame: NDArray[np.uint8]) -> bool:
    """Return whether a frame is black and white only, as masks are. BGR [H, W, 3]"""
    dark, bright = (frame <= MASK_DARK).all(-1).mean(), (frame >= MASK_BRIGHT).all(-1).mean()
    return bool(min(dark, bright) > MASK_PART and dark + bright > 1.0 - MAX_GREY)


def empty_masks(where: Path, samples: Collection[NDArray[np.generic]]) -> str:
    """Return the sentence for masks that show nobody, from some of their pictures as they are in the files."""
    values = np.unique(np.concatenate([np.unique(np.asarray(sample, np.int64)) for sample in samples]))
    if len(values) == 1:
        held = f"have the value {values[0]} everywhere"
    elif len(values) <= MAX_VALUES:
        held = f"hold the values {', '.join(map(str, values[:-1]))} and {values[-1]}"
    else:
        held = f"hold values from {values[0]} to {values[-1]}"
    return (
        f"the masks in {where} {held}, so that nobody is in them: give masks whose background is 0 (black) and whose "
        "person is 255 (white) or a number of a class"
    )


def all_alike(video: Path, count: int, left_out: Collection[LeftOut]) -> str:
    """Return the sentence for a clip of which too few frames, ``count``, differ from each other."""
    if not count and all(frame.reason == BLANK for frame in left_out):
        return (
            f"all frames of {video} are black or plain, or the lens is covered: give a video of a person who turns "
            "around"
        )
    alike = f"the frames of {video} are all alike"
    few = alike if count < 2 else f"only {count} frames of {video} differ from each other"
    return f"{few}: give a video of a person who turns around, not a still picture"


def _frames(count: int) -> str:
    return f"{count} frame{'' if count == 1 else 's'}"


def _showing(people: Mapping[int, People]) -> int:
    """Return in how many frames enough points of somebody's body are seen."""
    return sum(bool(((p[:, BODY, 2] > MIN_CONFIDENCE).sum(-1) >= MIN_POINTS).any()) for p in people.values())


def why_nobody(people: Mapping[int, People]) -> str:
    """Return why given keypoints show nobody, and what to do. Frame index → everybody in the frame [P, 137, 3]"""
    bodies = [person[BODY] for persons in people.values() for person in persons]
    if not bodies:
        return "there is no person in any of their frames, so find them again"
    most = max(float(body[:, 2].max()) for body in bodies)
    if most <= 0 and any((person[:, 2] > MIN_CONFIDENCE).any() for persons in people.values() for person in persons):
        return "they hold face or hands alone and no points of a body, so give the body's, too"
    if most <= MIN_CONFIDENCE:
        return (
            f"their confidences are at most {most:.2g}, and points below {MIN_CONFIDENCE:g} count as not seen, so give "
            "confidences from 0 to 1"
        )
    seen = max(int((body[:, 2] > MIN_CONFIDENCE).sum()) for body in bodies)
    return (
        f"at most {seen} points of a body are seen in a frame, and {MIN_POINTS} are needed, so give keypoints of the "
        "whole body, not of face and hands alone"
    )
