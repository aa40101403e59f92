"""When in a clip the person stands to be filmed: neither before nor after, nor coming or going; and titles."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.blank import BLANK, FADING
from fit_avatar.capture.person import MIN_CONFIDENCE, body_size
from fit_avatar.capture.points import BODY, Points
from fit_avatar.capture.selection import REPEATS
from fit_avatar.capture.slots import NO_PERSON
from fit_avatar.capture.types import LeftOut

TITLE = "it belongs to a title or a still picture without a person"
LEGS = (10, 11, 13, 14)
"""BODY_25 points of knees and ankles."""
COMES = "the person is only coming into the picture"
GOES = "the person is leaving the picture"
SUMMARY = {
    "black, plain, covered or fading": (BLANK, FADING),
    "of titles and of stills without a person": (TITLE,),
    "in which nobody is seen": (NO_PERSON,),
    "in which the person comes into the picture or leaves it": (COMES, GOES),
}
"""Kinds of frames that are no part of what was to be filmed, and the reasons for leaving them out."""


@dataclass(frozen=True)
class PresenceConfig:
    """Settings of the search for the person's coming and going. Lengths are in the usual body size."""

    max_distance: float = 0.5
    """A person further than this from their usual place is coming or going … Chosen by hand."""
    max_size_ratio: float = 1.35
    """… or one who is this many times as large or small as usual … Chosen by hand."""
    min_seen: float = 0.7
    """… or one of whom less than this fraction of the points that most frames show is seen. Chosen by hand."""
    usually_seen: float = 0.6
    """Fraction of the frames that must show a point for it to be expected. Chosen by hand."""
    min_settled: float = 0.7
    """A person who is in their usual place in less than this fraction of the frames moves about: nobody comes or goes.
    Chosen by hand."""
    max_wander: float = 0.35
    """A person whose place differs by more than this over those frames, 5 % of them at each end left out, moves about,
    too: a turn on the spot wanders by less than 0.15, somebody who walks through the picture by 0.6 and more. Chosen on
    benchmark clips."""
    run: int = 3
    """The person has come for good when they are in place in so many frames in a row. Chosen by hand."""
    still_run: int = 8
    """More frames in a row without a person that do not change are a title. Chosen by hand."""
    still_change: float = 2.5
    """Change from frame to frame, in grey levels, up to which a picture does not change; as for duplicates. Chosen by
    hand."""
    few_lost: float = 0.04
    """If more than this fraction of the chosen frames do not show the person in place, others are chosen, evenly over
    the rest of the clip. Chosen by hand."""


DEFAULT_PRESENCE = PresenceConfig()


def coming_and_going(points: Mapping[int, Points], config: PresenceConfig = DEFAULT_PRESENCE) -> tuple[int, int]:
    """Return the first and the last frame in which the person is in place; (0, -1) if there is none.

    Of half bodies, whose legs are seldom seen, that cannot be told: the whole clip is theirs.

    Args:
        points: frame index → all points of the frames that show the person. [137, 3]
        config: settings.
    """
    indices = sorted(points)
    if not indices:
        return 0, -1
    body = np.stack([points[i][BODY] for i in indices])
    if not _expected(body, config)[[*LEGS]].any():
        return indices[0], indices[-1]
    settled, wander = _settled(body, config)
    runs = np.flatnonzero(np.convolve(settled, np.ones(config.run), "valid") >= config.run)
    if settled.mean() < config.min_settled or wander > config.max_wander or not len(runs):
        return indices[0], indices[-1]
    return indices[int(runs[0])], indices[int(runs[-1]) + config.run - 1]


def frames_between(absent: Iterable[int], present: Collection[int]) -> set[int]:
    """Return the frames that were seen to lack the person, and all between two such without a present one between."""
    marks = sorted([(i, False) for i in absent] + [(i, True) for i in present])
    lacking = {i for i, here in marks if not here}
    for (first, here), (last, there) in itertools.pairwise(marks):
        if not here and not there:
            lacking |= set(range(first, last))
    return lacking


def with_titles(
    left_out: Iterable[LeftOut], change: NDArray[np.float32], config: PresenceConfig = DEFAULT_PRESENCE
) -> list[LeftOut]:
    """Return frames that were left out, ascending, those called titles that show nobody and do not change.

    Args:
        left_out: in any order.
        change: of every frame of the video from the one before, in grey levels. [F]
        config: settings.
    """
    frames = sorted(left_out, key=lambda frame: frame.frame_index)
    start = 0
    while start < len(frames):
        end = start
        while end < len(frames) and frames[end].reason in (REPEATS, NO_PERSON):
            index = frames[end].frame_index
            if end > start and (index != frames[end - 1].frame_index + 1 or change[index] > config.still_change):
                break
            end += 1
        if end - start > config.still_run and any(frame.reason == NO_PERSON for frame in frames[start:end]):
            frames[start:end] = [replace(frame, reason=TITLE) for frame in frames[start:end]]
        start = max(end, start + 1)
    return frames


def summarise(left_out: Iterable[LeftOut]) -> tuple[str, ...]:
    """Say how many frames are no part of what was to be filmed, in one sentence if there are any."""
    counts = Counter(frame.reason for frame in left_out)
    told = {what: sum(counts[reason] for reason in reasons) for what, reasons in SUMMARY.items()}
    parts = [f"{count} frame{'s' * (count > 1)} {what}" for what, count in told.items() if count]
    return (f"Left out of the video: {', '.join(parts)}.",) if parts else ()


def _expected(body: NDArray[np.float32], config: PresenceConfig) -> NDArray[np.bool_]:
    """Return which points most frames show. [T, 25, 3] → [25]"""
    return np.asarray((body[..., 2] > MIN_CONFIDENCE).mean(0) > config.usually_seen)


def _settled(body: NDArray[np.float32], config: PresenceConfig) -> tuple[NDArray[np.bool_], float]:
    """Return in which frames a person is where, as large and as whole as usual, and how far apart they are in those.

    [T, 25, 3] → [T], in body sizes
    """
    seen = body[..., 2] > MIN_CONFIDENCE
    expected = _expected(body, config)
    whole = seen[:, expected].mean(1) >= config.min_seen if expected.any() else np.ones(len(body), bool)
    sizes = np.array([max(body_size(points), 1.0) for points in body])
    usual = float(np.median(sizes))
    centres = np.array(
        [np.median(p[s, :2], axis=0) if s.any() else (np.nan, np.nan) for p, s in zip(body, seen, strict=True)]
    )
    away = np.linalg.norm(centres - np.nanmedian(centres, axis=0), axis=1)
    alike = np.abs(np.log(sizes / usual)) < np.log(config.max_size_ratio)
    settled = np.asarray(whole & alike & (away < config.max_distance * usual))
    wander = np.ptp(np.quantile(centres[settled], (0.05, 0.95), axis=0), axis=0).max() / usual if settled.any() else 0.0
    return settled, float(wander)
