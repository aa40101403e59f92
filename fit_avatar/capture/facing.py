"""Which way a person faces, and whether the left and right of their keypoints agree with it, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.person import MIN_CONFIDENCE
from fit_avatar.capture.points import Points

NOSE, EYES, EARS = 0, (15, 16), (17, 18)
LEFT_FOOT, RIGHT_FOOT = ((19, 20), 21), ((22, 23), 24)
"""BODY_25 toes and heel of each foot."""
SIDES = {
    "upper": ((5, 6, 7), (2, 3, 4)),
    "lower": ((12, 13, 14), (9, 10, 11)),
}
"""BODY_25 points of the left and of the right side, outermost of the trunk first."""


@dataclass(frozen=True)
class FacingConfig:
    """Settings of the evidence for front and back. Lengths are in body sizes, areas in squares of them."""

    foot_length: float = 0.03
    """Distance of the toes below (front) or above (back) the heels in the picture at which the direction is certain;
    0.05 from a camera at hip height. Chosen on benchmark clips."""
    foot_area: float = 0.005
    """Area between the feet's distance and their length, at which left and right are certain; 0.009 is usual. Chosen on
    benchmark clips."""
    shoulder_width: float = 0.16
    """Signed width of the shoulders at which they are certain to be seen from the front or the back; 0.22 is usual.
    The certainty falls with the cube of the width, because heads and feet are turned against shoulders and a face is
    seen from a little behind, too. Chosen on benchmark clips."""
    hip_width: float = 0.08
    """The same for the hips. Chosen on benchmark clips."""
    side_step: float = 0.08
    """Distance of the toes beside the heels at which a person is certain to be seen from the side. Chosen on
    benchmark clips."""
    side_confidence: float = 0.3
    """Difference between the two sides' confidence at which the lower one is certain to be hidden. Chosen by hand."""
    face_seen: float = 0.7
    """A face's confidence, as a fraction of what is usual in the clip, above which it is seen from the front …
    Chosen by hand."""
    face_unseen: float = 0.3
    """… and below which it is seen from the back. Chosen by hand."""
    still_window_s: float = 0.3
    """Time on each side of a frame in which standing feet stay where they are. Chosen by hand."""
    still_distance: float = 0.1
    """Feet stand if the middle between them moves less than this in that time: the way from heels to toes of a foot in
    the air says nothing. Turning people are below 0.05, kicks and strides above 0.2. Chosen on benchmark clips."""
    min_fraction: float = 0.03
    """Face or feet count only if they show the front and the back in at least this fraction of the frames each: some
    detectors show a face on every head. Chosen by hand."""


DEFAULT_FACING = FacingConfig()


@dataclass(frozen=True)
class Facing:
    """Which way a person faces in each frame of a clip. It does not depend on what is called left and right."""

    front: NDArray[np.float64]
    """1 if the front is seen, −1 if the back is, 0 if that is unknown. [T]"""
    toes: NDArray[np.float64]
    """From heels to toes in the picture, in body sizes; NaN if unseen or if the feet do not stand. [T, 2]"""
    config: FacingConfig

    @classmethod
    def of(
        cls, body: Points, times_s: NDArray[np.float64], size: float, config: FacingConfig = DEFAULT_FACING
    ) -> Facing:
        """Find where a person faces by face and feet.

        Args:
            body: BODY_25 points. [T, 25, 3]
            times_s: of the frames. [T]
            size: of the body, in pixels.
            config: settings.
        """
        centres, ways = (
            np.stack(each) for each in zip(*(_foot(body, *f) for f in (LEFT_FOOT, RIGHT_FOOT)), strict=True)
        )
        toes = _mean_of_known(ways) / size
        toes[_range(_mean_of_known(centres) / size, times_s, config.still_window_s) > config.still_distance] = np.nan
        by_feet = np.clip(np.nan_to_num(toes[:, 1]) / config.foot_length, -1, 1)
        by_feet = _both_seen(by_feet, config)
        if not by_feet.any():
            toes = np.full_like(toes, np.nan)
        by_face = _both_seen(_face(body, config), config)
        return cls(np.clip(by_feet + by_face, -1, 1), toes, config)

    def left_right_evidence(self, body: Points, size: float) -> NDArray[np.float64]:
        """Return whether left and right of arms and legs are right (1), exchanged (−1) or cannot be told (0). [T, 2]

        A person seen from the front has their left on the picture's right; from the side, the hidden points are those
        of the far side; and whatever the view, the way from the right foot to the left one and the way from heels to
        toes turn clockwise on a floor seen from above.

        Args:
            body: BODY_25 points. [T, 25, 3]
            size: of the body, in pixels.
        """
        config = self.config
        side = np.clip(np.nan_to_num(-self.toes[:, 0]) / config.side_step, -1, 1)
        columns = []
        for across, (left, right) in zip(self._across(body, size), SIDES.values(), strict=True):
            hidden = body[:, left, 2].mean(1) - body[:, right, 2].mean(1)
            columns.append(self.front * across + side * np.clip(hidden / config.side_confidence, -1, 1))
        (left_foot, _), (right_foot, _) = (_foot(body, *foot) for foot in (LEFT_FOOT, RIGHT_FOOT))
        apart = (left_foot - right_foot) / size
        area = np.nan_to_num(apart[:, 0] * self.toes[:, 1] - apart[:, 1] * self.toes[:, 0])
        columns[1] = columns[1] + np.clip(area / config.foot_area, -1, 1)
        return np.asarray(np.clip(np.stack(columns, 1), -1, 1))

    def twist(self, body: Points, size: float) -> NDArray[np.float64]:
        """Return whether shoulders and hips face the same way (1), opposite ones (−1) or are not seen broad (0). [T]

        Zero throughout if opposite ways are usual: then it is no mistake of single frames that speaks.
        """
        shoulders, hips = self._across(body, size)
        same = shoulders * hips
        return same if same.sum() > 0 else np.zeros_like(same)

    def _across(self, body: Points, size: float) -> list[NDArray[np.float64]]:
        """Return how certainly the left is on the picture's right (1) or left (−1) of shoulders and hips. 2 × [T]"""
        widths = []
        for width, (left, right) in zip(
            (self.config.shoulder_width, self.config.hip_width), SIDES.values(), strict=True
        ):
            pair = body[:, [left[0], right[0]]]
            seen = (pair[..., 2] > MIN_CONFIDENCE).all(1)
            widths.append(np.clip(np.where(seen, pair[:, 0, 0] - pair[:, 1, 0], 0.0) / (width * size), -1, 1) ** 3)
        return widths


def _foot(body: Points, toes: tuple[int, ...], heel: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a foot's centre, and the way from its heel to its toes, in pixels; NaN if unseen. 2 × [T, 2]"""
    points = np.where(body[..., 2:] > MIN_CONFIDENCE, body[..., :2], np.nan).astype(np.float64)
    front, back = _mean_of_known(points[:, toes].swapaxes(0, 1)), points[:, heel]
    return (front + back) / 2, front - back


def _range(points: NDArray[np.float64], times_s: NDArray[np.float64], window_s: float) -> NDArray[np.float64]:
    """Return how far points move about within a window of time around each, NaN left out. [T, 2] → [T]"""
    first = np.searchsorted(times_s, times_s - window_s)
    last = np.searchsorted(times_s, times_s + window_s, side="right")
    moved = np.zeros(len(points))
    for t, (a, b) in enumerate(zip(first, last, strict=True)):
        near = points[a:b][np.isfinite(points[a:b, 0])]
        moved[t] = np.linalg.norm(np.ptp(near, axis=0)) if len(near) else 0.0
    return moved


def _mean_of_known(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean over the first axis of those that are not NaN, NaN if all are."""
    known = np.isfinite(values)
    return np.asarray(np.where(known, values, 0.0).sum(0) / np.where(known.any(0), known.sum(0), np.nan))


def _face(body: Points, config: FacingConfig) -> NDArray[np.float64]:
    """Return 1 for a face with both eyes, −1 for a head without a face, 0 for a profile and where unknown. [T]"""
    head = body[:, [NOSE, *EYES, *EARS], 2].max(1) > MIN_CONFIDENCE
    confidence = body[:, [NOSE, *EYES], 2]
    usual = max(float(np.quantile(confidence.min(1), 0.9)), MIN_CONFIDENCE)
    middle, half = (config.face_seen + config.face_unseen) / 2, (config.face_seen - config.face_unseen) / 2
    least, most = ((level / usual - middle) / half for level in (confidence.min(1), confidence.max(1)))
    return np.asarray(np.where(head, np.clip(least, 0, 1) + np.clip(most, -1, 0), 0.0))


def _both_seen(front: NDArray[np.float64], config: FacingConfig) -> NDArray[np.float64]:
    """Return the evidence [T], or zeros if it never changes with the view."""
    rare = min((front > 0.5).mean(), (front < -0.5).mean()) < config.min_fraction
    return np.zeros_like(front) if rare else front
