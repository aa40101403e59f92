"""Tracking one person through a clip that may show several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.points import BODY, Points

MIN_CONFIDENCE = 0.1
"""A keypoint counts as seen if its confidence exceeds this. Chosen by hand."""


@dataclass(frozen=True)
class TrackingConfig:
    """Settings of the person's tracking. Body sizes are as :func:`body_size` measures them."""

    max_step: float = 0.5
    """Mean distance of a person's keypoints between two frames, in body sizes, above which it is somebody else. Chosen
    by hand."""
    max_gap: int = 60
    """Frames for which a track waits for its person to be seen again; then another track begins. Chosen by hand."""
    min_rejoin_frames: int = 3
    """Later tracks of at least this many frames may be the same person, who left and came back … Chosen by hand."""
    min_rejoin_size: float = 0.6
    """… if their median body size is at least this fraction of the first track's. Chosen by hand."""


DEFAULT_TRACKING = TrackingConfig()

MIN_POINTS = 6
"""A person has at least this many seen keypoints of the body. Chosen by hand."""


def body_size(points: Points) -> float:
    """Return the larger side of the bounding box of the body's seen points, in pixels; 0 if fewer than two are seen.

    Args:
        points: BODY_25, or with face and hands behind it. [25 or 137, 3]
    """
    body = points[BODY]
    seen = body[body[:, 2] > MIN_CONFIDENCE, :2]
    return float(np.ptp(seen, axis=0).max()) if len(seen) > 1 else 0.0


def centre(points: Points) -> NDArray[np.float32]:
    """Return the middle of the torso's seen points, or of all where none of these are seen. [2]"""
    torso = points[[1, 2, 5, 8, 9, 12]]
    some = torso if (torso[:, 2] > MIN_CONFIDENCE).any() else points[BODY]
    return np.asarray(some[some[:, 2] > MIN_CONFIDENCE, :2].mean(0), np.float32)


def is_person(points: Points) -> bool:
    """Return whether enough of the body is seen to be a person. [25 or 137, 3]"""
    return int((points[BODY, 2] > MIN_CONFIDENCE).sum()) >= MIN_POINTS


def track_person(
    people: Mapping[int, NDArray[np.float32]], indices: Sequence[int], config: TrackingConfig = DEFAULT_TRACKING
) -> dict[int, Points]:
    """Track the person who is seen largest and longest, also after leaving the picture and coming back.

    Args:
        people: frame index → everybody in the frame, with or without face and hands. [P, 25 or 137, 3]
        indices: frames in temporal order.
        config: settings.

    Returns:
        Frame index → that person [25 or 137, 3]; frames that do not show them are missing.
    """
    tracks = _link(people, indices, config)
    if not tracks:
        return {}
    first, *others = sorted(tracks, key=lambda track: -sum(map(body_size, track.values())))
    person, size = dict(first), _median_size(first)
    for track in others:
        similar = _median_size(track) >= config.min_rejoin_size * size
        if similar and len(track) >= config.min_rejoin_frames and not track.keys() & person.keys():
            person |= track
    return dict(sorted(person.items()))


def _link(
    people: Mapping[int, NDArray[np.float32]], indices: Sequence[int], config: TrackingConfig
) -> list[dict[int, Points]]:
    """Link detections to tracks greedily: from frame to frame, the nearest belong together."""
    finished: list[dict[int, Points]] = []
    tracks: list[dict[int, Points]] = []
    for order, index in enumerate(indices):
        recent = set(indices[max(0, order - config.max_gap) : order])
        finished += [track for track in tracks if _last(track) not in recent]
        tracks = [track for track in tracks if _last(track) in recent]
        candidates = [p for p in people.get(index, ()) if is_person(p)]
        pairs = sorted(
            (_distance(p[BODY], track[_last(track)][BODY]), c, t)
            for c, p in enumerate(candidates)
            for t, track in enumerate(tracks)
        )
        open_candidates, open_tracks = set(range(len(candidates))), set(range(len(tracks)))
        for distance, c, t in pairs:
            if distance <= config.max_step and c in open_candidates and t in open_tracks:
                tracks[t][index] = candidates[c]
                open_candidates.remove(c)
                open_tracks.remove(t)
        tracks += [{index: candidates[c]} for c in sorted(open_candidates)]
    return finished + tracks


def _last(track: dict[int, Points]) -> int:
    return next(reversed(track))


def _median_size(track: dict[int, Points]) -> float:
    return float(np.median([body_size(points) for points in track.values()]))


def _distance(a: Points, b: Points) -> float:
    """Return the mean distance of the points that both show (else of their centres), in sizes of ``b``."""
    both = (a[:, 2] > MIN_CONFIDENCE) & (b[:, 2] > MIN_CONFIDENCE)
    size = max(body_size(b), 1.0)
    if not both.any():
        return float(np.linalg.norm(_centre(a) - _centre(b)) / size)
    return float(np.linalg.norm(a[both, :2] - b[both, :2], axis=1).mean() / size)


def _centre(points: Points) -> NDArray[np.float32]:
    return np.asarray(points[points[:, 2] > MIN_CONFIDENCE, :2].mean(0))
