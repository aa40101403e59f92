"""A still camera that is bumped: where the picture moves at once, and how to move it back.

Corners of the scene are followed from frame to frame outside the person (Lucas and Kanade 1981; Shi and Tomasi 1994). A
small turn of a camera moves its picture by much the same shift and turn everywhere, so that a similarity undoes it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from fit_avatar.capture.corners import Grey, Scene, error_ratio, find_corners, follow
from fit_avatar.capture.moves import STILL, Move
from fit_avatar.capture.types import Mask
from fit_avatar.io.threads import in_threads

SHAKEN = "the camera is being moved"


@dataclass(frozen=True)
class SteadyConfig:
    """Settings of the search for bumps. Lengths are fractions of the picture's longer side."""

    margin: float = 0.02
    """Corners are this far from the person: their shadow moves. Chosen by hand."""
    corners: int = 400
    """Corners that are followed, at most. Chosen by hand."""
    min_corners: int = 24
    """With fewer that are found again, nothing is known about the camera. Chosen by hand."""
    tolerance: float = 0.001
    """Corners that are within this of the common movement agree with it … Chosen by hand."""
    min_tolerance_px: float = 0.5
    """… but at least within so many pixels. Chosen by hand."""
    min_agreeing: float = 0.6
    """If a smaller fraction agrees, something else moves. Chosen by hand."""
    min_spread: float = 0.1
    """Corners that agree say nothing about the camera if their standard deviation, across and down, is less than this:
    they are all of one thing, such as the person's shadow before a plain wall. Chosen by hand."""
    min_step: float = 0.0015
    """Mean movement of the picture's corners between two used frames above which the camera was moved: 3 pixels of
    1920. Following still corners errs by a tenth of that. Chosen on benchmarks/scenes.py."""
    max_error_ratio: float = 0.8
    """… if moving the picture back also leaves less than this fraction of the difference between the two frames: before
    a plain wall the only corners are those of the person's shadow. Chosen on benchmark clips."""
    min_frames: int = 4
    """A camera that rests for fewer used frames is still being moved. Chosen by hand."""
    max_rests: int = 4
    """A camera that comes to rest more often than this is a moving one … Chosen by hand."""
    max_shaken: float = 0.1
    """… and so is one that is being moved in more than this fraction of the used frames. Chosen by hand."""
    max_zoom: float = 0.02
    """A picture whose scale differs by more than this is of a camera that stands elsewhere, or was zoomed: it is not
    moved back, but has a background of its own. Chosen by hand."""
    pairs: int = 5
    """Pairs of frames by which two rests are compared. Chosen by hand."""
    min_correlation: float = 0.5
    """Where corners are lost and the scene's grey levels correlate less than this from frame to frame, another place is
    shown. Chosen by hand."""
    min_contrast: float = 5.0
    """A scene whose grey levels have a smaller standard deviation than this says nothing of that. Chosen by hand."""


DEFAULT_STEADY = SteadyConfig()


@dataclass(frozen=True)
class Steadied:
    """How the frames of a clip are moved so that the scene stands still."""

    moves: Mapping[int, Move] = field(default_factory=dict)
    """Of the frames that have to be moved; in pixels of the small pictures."""
    shaken: tuple[int, ...] = ()
    """Frames in which the camera is being moved."""
    places: Mapping[int, int] = field(default_factory=dict)
    """Number of the place that each frame shows; backgrounds of different places are different."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Say what was found, if anything was."""
        count = len(set(self.places.values()))
        told = (
            f"The video shows the scene from {count} places of the camera; each has a background of its own.",
        ) * (count > 1)  # fmt: skip
        if not self.moves:
            return told
        first = min(self.moves)
        return (
            *told,
            f"The camera was bumped: {len(self.moves)} used frames, the first of them frame {first}, were shifted and "
            "turned so that the scene stands still.",
        )


def find_bumps(
    pictures: Mapping[int, Grey], people: Mapping[int, Mask], config: SteadyConfig = DEFAULT_STEADY
) -> Steadied:
    """Find where a camera that otherwise stands still was bumped, and how its picture moved.

    A moving camera, and one before a scene without corners, are left alone.

    Args:
        pictures: frame index → small grey picture. [h, w]
        people: frame index → where the person is, at any size. [h', w']
        config: settings.
    """
    indices = sorted(pictures)
    if len(indices) < 2:
        return Steadied(places=dict.fromkeys(indices, 0))
    scenes = list(in_threads(lambda i: Scene.of(pictures[i], people[i], config.margin), indices))
    steps = list(in_threads(lambda pair: _movement(*pair, config), itertools.pairwise(scenes)))
    rests = _rests(scenes, steps, config)
    shaken = np.ones(len(scenes), bool)
    for rest in rests:
        shaken[rest] = False
    if not rests or len(rests) > config.max_rests or shaken.mean() > config.max_shaken:
        return Steadied(places=dict.fromkeys(indices, 0))
    reference = max(rests, key=lambda rest: rest.stop - rest.start)
    moves: dict[int, Move] = {}
    places = dict.fromkeys(indices, 0)
    for number, rest in enumerate(rests):
        guess = _chain(steps, rest.start, reference.start)
        move = STILL if rest is reference else _between(scenes[rest], scenes[reference], guess, config)
        if move is None and not _other_place(scenes[rest.start], scenes[reference.start], config):
            move = STILL
        for index in indices[rest]:
            if move is None or abs(float(np.linalg.norm(move[:, 0])) - 1.0) > config.max_zoom:
                places[index] = 1 + number
            elif _length(move, scenes[0].grey) > config.min_step:
                moves[index] = move
    return Steadied(moves, tuple(i for i, s in zip(indices, shaken, strict=True) if s), places)


def _rests(scenes: Sequence[Scene], steps: Sequence[Move | None], config: SteadyConfig) -> list[slice]:
    """Return the runs of frames between which the camera does not move."""
    starts = [0]
    for t, step in enumerate(steps, start=1):
        if step is None:
            begins = _other_place(scenes[t - 1], scenes[t], config)
        else:
            begins = _length(step, scenes[t].grey) > config.min_step and (
                error_ratio(scenes[t - 1], scenes[t], np.vstack([step, [0, 0, 1]])) < config.max_error_ratio
            )
        if begins:
            starts.append(t)
    bounds = zip(starts, [*starts[1:], len(scenes)], strict=True)
    return [slice(first, last) for first, last in bounds if last - first >= config.min_frames]


def _chain(steps: Sequence[Move | None], start: int, end: int) -> Move | None:
    """Return the movement from one frame to another by the steps between them; ``None`` if one is unknown."""
    total = np.eye(3)
    for step in steps[min(start, end) : max(start, end)]:
        if step is None:
            return None
        total = np.vstack([step, [0, 0, 1]]) @ total
    return np.asarray(total if start <= end else np.linalg.inv(total), np.float32)[:2]


def _between(
    rest: Sequence[Scene], reference: Sequence[Scene], guess: Move | None, config: SteadyConfig
) -> Move | None:
    """Return the median movement from frames of one rest to those of another."""
    count = min(config.pairs, len(rest), len(reference))
    some, others = (np.linspace(0, len(r) - 1, count).round().astype(int) for r in (rest, reference))
    moves = [_movement(rest[a], reference[b], config, guess) for a, b in zip(some, others, strict=True)]
    known = [move for move in moves if move is not None]
    return np.median(known, axis=0).astype(np.float32) if 2 * len(known) > count else None


def _movement(a: Scene, b: Scene, config: SteadyConfig, guess: Move | None = None) -> Move | None:
    """Return the similarity from one picture to another by the scene's corners; ``None`` if too few agree.

    With a guess the corners are not searched in coarser pictures first, where a person who moved far would mislead.
    """
    at = find_corners(a, cv2.min(a.free, b.free), config.corners)
    if len(at) < config.min_corners:
        return None
    start = None if guess is None else np.asarray(at @ guess[:, :2].T + guess[:, 2], np.float32)
    found, kept = follow(a, b, at, start)
    if kept.sum() < config.min_corners:
        return None
    tolerance = max(config.tolerance * max(a.grey.shape), config.min_tolerance_px)
    move, inliers = cv2.estimateAffinePartial2D(
        at[kept], found[kept], method=cv2.RANSAC, ransacReprojThreshold=tolerance
    )
    if move is None or inliers.mean() < config.min_agreeing:
        return None
    if at[kept][inliers.ravel() > 0].std(axis=0).max() < config.min_spread * max(a.grey.shape):
        return None
    return np.asarray(move, np.float32)


def _length(move: Move, grey: Grey) -> float:
    """Return how far a movement takes the picture's corners in the mean, as a fraction of its longer side."""
    height, width = grey.shape
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], np.float32)
    moved = corners @ move[:, :2].T + move[:, 2]
    return float(np.linalg.norm(moved - corners, axis=1).mean() / max(grey.shape))


def _other_place(a: Scene, b: Scene, config: SteadyConfig) -> bool:
    """Return whether two pictures have nothing in common where both show the scene; brightness does not count."""
    both = (a.free & b.free) > 0
    values = np.stack([a.grey[both], b.grey[both]]).astype(np.float32)
    if values.shape[1] < 2 or values.std(axis=1).min() < config.min_contrast:
        return False
    return float(np.corrcoef(values)[0, 1]) < config.min_correlation
