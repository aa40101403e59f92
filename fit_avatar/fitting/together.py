"""Placing people who were fitted one by one together in one scene.

From one view a person's size and distance are known only up to a factor: scaled about the camera, they look the same.
The factors of all people are found together, from four terms: everybody's size is about right; all stand on one floor;
who is seen in front is nearer; and nobody is inside somebody else. The last two are those of Jiang et al., "Coherent
reconstruction of multiple humans from a single image", CVPR 2020, here between skeletons.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class TogetherConfig:
    """Settings of the placement."""

    size_sigma: float = 0.05
    """Standard deviation of a fitted person's size, as a fraction; adults' vary by about 4 %. Chosen by hand."""
    floor_sigma_m: float = 0.03
    """Of the floor below a fitted person. Chosen by hand."""
    floor_outlier: float = 4.0
    """Somebody whose floor is so many standard deviations off stands on something else, such as a step. Chosen by
    hand."""
    order_sigma_m: float = 0.1
    """By so much may somebody be in front who is seen behind. Chosen by hand."""
    apart_m: float = 0.15
    """Joints of two people are at least so far apart: the radius of two forearms, or of a torso. Chosen by hand."""
    apart_sigma_m: float = 0.05
    """By so much may they be nearer. Chosen by hand."""
    most: float = 1.2
    """Nobody is scaled by more than this, or less than its inverse. Chosen by hand."""


DEFAULT_TOGETHER = TogetherConfig()


@dataclass(frozen=True)
class Member:
    """One person of a scene, as fitted. All are in the camera's coordinates, in metres."""

    frames: NDArray[np.int64]
    """Indices in the clip. [T]"""
    joints: FloatArray
    """[T, J, 3]"""
    up: FloatArray
    """Upwards as their own poses suggest. [3]"""

    def scaled(self, scale: float) -> Member:
        """Return the person scaled about the camera, which changes no picture."""
        return replace(self, joints=self.joints * scale)


@dataclass(frozen=True)
class Meeting:
    """Two people in the frames in which they overlap in the picture."""

    first: int
    second: int
    """Which of the people they are."""
    first_rows: NDArray[np.int64]
    second_rows: NDArray[np.int64]
    """Their rows of these frames. [M]"""
    first_is_nearer: NDArray[np.bool_]
    """As the picture shows. [M]"""


def place_together(
    people: Sequence[Member], meetings: Sequence[Meeting], config: TogetherConfig = DEFAULT_TOGETHER
) -> tuple[float, ...]:
    """Return by how much each person is to be scaled about the camera.

    Args:
        people: as fitted.
        meetings: of pairs of them.
        config: settings.
    """
    limit = float(np.log(config.most))
    heights = floors(people)

    def residuals(unknowns: FloatArray) -> FloatArray:
        scales, floor = np.exp(unknowns[:-1]), unknowns[-1]
        off = (scales * heights - floor) / config.floor_sigma_m
        off = off / np.sqrt(1.0 + (off / config.floor_outlier) ** 2)  # Geman and McClure's kernel
        scaled = [person.scaled(float(scale)) for person, scale in zip(people, scales, strict=True)]
        terms = [unknowns[:-1] / config.size_sigma, off, *_meeting_terms(scaled, meetings, config)]
        return np.concatenate(terms)

    start = np.append(np.zeros(len(people)), np.median(heights))
    reach = np.append(np.full(len(people), limit), np.inf)
    solved = least_squares(residuals, start, bounds=(-reach, reach), x_scale=np.append(np.full(len(people), 0.1), 1.0))
    return tuple(np.exp(solved.x[:-1]).tolist())


def floors(people: Sequence[Member]) -> FloatArray:
    """Return how high each one's lowest joint usually is, in metres above the camera, upwards as all agree. [N]"""
    up = np.mean([person.up for person in people], axis=0)
    up = up / np.linalg.norm(up)
    return np.array([np.median((person.joints @ up).min(1)) for person in people])


def in_wrong_order(people: Sequence[Member], meeting: Meeting) -> NDArray[np.bool_]:
    """Return in which frames of a meeting somebody is in front who is seen behind. [M]"""
    return np.asarray(_behind(people, meeting) > 0)


def collide(people: Sequence[Member], meeting: Meeting, config: TogetherConfig = DEFAULT_TOGETHER) -> NDArray[np.bool_]:
    """Return in which frames of a meeting two people run into each other. [M]"""
    return np.asarray(_nearest(people, meeting) < config.apart_m / 2)


def _meeting_terms(
    people: Sequence[Member], meetings: Sequence[Meeting], config: TogetherConfig
) -> Iterator[FloatArray]:
    """Yield depth order and distance of each pair; a meeting counts the same however long it is."""
    for meeting in meetings:
        often = np.sqrt(max(len(meeting.first_rows), 1))
        yield _behind(people, meeting).clip(0) / config.order_sigma_m / often
        yield (config.apart_m - _nearest(people, meeting)).clip(0) / config.apart_sigma_m / often


def _behind(people: Sequence[Member], meeting: Meeting) -> FloatArray:
    """Return by how much the one who is seen in front is farther away, in metres. [M]"""
    first = people[meeting.first].joints[meeting.first_rows, :, 2].mean(1)
    second = people[meeting.second].joints[meeting.second_rows, :, 2].mean(1)
    return np.asarray(np.where(meeting.first_is_nearer, first - second, second - first))


def _nearest(people: Sequence[Member], meeting: Meeting) -> FloatArray:
    """Return the smallest distance between joints of the two, in metres. [M]"""
    first = people[meeting.first].joints[meeting.first_rows]
    second = people[meeting.second].joints[meeting.second_rows]
    return np.asarray(np.linalg.norm(first[:, :, None] - second[:, None], axis=-1).min((1, 2)))


def meetings_of(
    frames: Sequence[NDArray[np.int64]], boxes: Sequence[FloatArray], near: Sequence[FloatArray]
) -> list[Meeting]:
    """Return where people overlap in the picture.

    Args:
        frames: of each person. [T]
        boxes: around each person in these frames: left, top, right, bottom, in pixels; NaN where they are not seen.
            [T, 4]
        near: the higher, the nearer somebody seems. [T]
    """
    found = []
    for a, b in combinations(range(len(frames)), 2):
        _, rows, others = np.intersect1d(frames[a], frames[b], return_indices=True)
        one, two = boxes[a][rows], boxes[b][others]
        shared = (np.minimum(one[:, 2:], two[:, 2:]) > np.maximum(one[:, :2], two[:, :2])).all(1)
        rows, others = rows[shared], others[shared]
        if len(rows):
            found.append(Meeting(a, b, rows, others, near[a][rows] > near[b][others]))
    return found
