"""Telling people apart through a clip: who is who in every frame, past crossings and absences.

From frame to frame, detections are assigned to people by place and looks, all at once (Kuhn 1955); where two
assignments are about as good, such as in the middle of a crossing, neither is made. The pieces that come out are joined
afterwards, the most certain ones first, by looks, direction of movement and size (as in Zhang et al., "Global data
association for multi-object tracking using network flows", CVPR 2008, but greedily).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from fit_avatar.capture.looks import Looks, mean_looks, unlike
from fit_avatar.capture.person import MIN_CONFIDENCE, body_size, centre, is_person
from fit_avatar.capture.points import BODY, MID_HIP, NECK, Points


@dataclass(frozen=True)
class LinkingConfig:
    """Settings of the linking. Distances are in body sizes, as :func:`body_size` measures them."""

    max_step: float = 0.35
    """Mean distance of a person's keypoints from where they are expected, above which it is somebody else. Chosen by
    hand."""
    max_unlike: float = 0.75
    """People who look more unlike than this, 0 to 1, are not the same. Measured on benchmarks/people_scenes.py: one
    person up to 0.5 from frame to frame."""
    margin: float = 0.12
    """Two assignments whose costs differ by less are not told apart. Chosen by hand."""
    short_gap: int = 8
    """Frames for which a piece waits for its person to be seen again. Chosen by hand."""
    memory: int = 5
    """Velocity is that of the last so many sightings. Chosen by hand."""
    fading: float = 20.0
    """Frames after which a direction of movement tells only 1/e as much. Chosen by hand."""
    unknown: float = 0.3
    """What a piece costs whose looks, or whose movement, say nothing. Chosen by hand."""
    max_miss: float = 1.0
    """A piece that begins farther from where another one leads counts as this far away. Chosen by hand."""
    size_weight: float = 0.3
    """Weight of the logarithm of the ratio of two pieces' sizes: people bend down and come nearer. Chosen by hand."""
    max_cost: float = 0.75
    """Pieces whose cost is higher are not joined. Chosen by hand."""
    most_pieces: int = 150
    """So many pieces, the longest, are joined; the time grows with their square. Chosen by hand."""
    least_frames: int = 3
    """Whoever is seen in fewer frames does not count … Chosen by hand."""
    least_part: float = 0.1
    """… nor in less than this part of the frames of who is seen most … Chosen by hand."""
    least_size: float = 0.4
    """… nor whose median size is less than this part of the largest person's. Chosen by hand."""
    same_torso: float = 0.08
    """Two people in a frame whose necks and hips are nearer than this on average … Measured on
    benchmarks/people_scenes.py, "leaves and returns": somebody who is found twice up to 0.06."""
    same_looks: float = 0.3
    """… and who look less unlike than this, are one who is found twice. Measured there: one person up to 0.2 in
    different views, differently dressed people 0.4 and more."""
    beside: float = 0.3
    """Whoever is always nearer than this to somebody else … Measured on "shaking hands", where a mixture of both people
    is found between them now and then: up to 0.25."""
    mostly: float = 0.25
    """… and is seen in less than this part of the frames of who is seen most is a mixture of others. Chosen by hand.
    """


DEFAULT_LINKING = LinkingConfig()


@dataclass(frozen=True)
class Sighting:
    """Somebody in one frame."""

    index: int
    """Of the frame."""
    points: Points
    """[25 or 137, 3]"""
    looks: Looks | None = None


@dataclass
class Piece:
    """Sightings of one person, in temporal order."""

    seen: list[Sighting]
    _squares: NDArray[np.float32] | None = field(default=None, init=False)
    """Sum of the fractions of colours, whose square roots looks are: pieces are long, and grow often. [2, C]"""

    def __post_init__(self) -> None:
        for sighting in self.seen:
            self._count(sighting)

    @cached_property
    def indices(self) -> frozenset[int]:
        """Return the frames of a piece that does not grow any more."""
        return frozenset(sighting.index for sighting in self.seen)

    @cached_property
    def size(self) -> float:
        """Return the median size in pixels of a piece that does not grow any more."""
        return max(float(np.median([body_size(sighting.points) for sighting in self.seen])), 1.0)

    @property
    def looks(self) -> Looks | None:
        """Return how the person looks on average."""
        return None if self._squares is None else mean_looks(self._squares)

    def append(self, sighting: Sighting) -> None:
        """Add the next sighting."""
        self.seen.append(sighting)
        self._count(sighting)

    def _count(self, sighting: Sighting) -> None:
        if sighting.looks is not None:
            squares = sighting.looks**2
            self._squares = squares if self._squares is None else self._squares + squares


def link(
    frames: Mapping[int, Sequence[Sighting]], config: LinkingConfig = DEFAULT_LINKING
) -> list[dict[int, Sighting]]:
    """Tell people apart. Frame index → everybody in the frame; returns each person's sightings, the largest first.

    People who are seen too seldom or too small are left out.
    """
    frames = {index: _once(here, config) for index, here in frames.items()}
    pieces, loose = _pieces(frames, config)
    pieces.sort(key=lambda piece: -len(piece.seen))
    groups = _joined(pieces[: config.most_pieces], config)
    if not groups:
        return []
    largest, longest = max(group.size for group in groups), max(len(group.seen) for group in groups)
    least = max(config.least_frames, config.least_part * longest)
    kept = [g for g in groups if len(g.seen) >= least and g.size >= config.least_size * largest]
    kept = [g for g in kept if len(g.seen) >= config.mostly * longest or not _is_mixture(g, frames, config)]
    kept.sort(key=lambda group: -sum(body_size(sighting.points) for sighting in group.seen))
    people = [{sighting.index: sighting for sighting in group.seen} for group in kept]
    for here in loose:
        _attach(here, kept, people, config)
    return [dict(sorted(person.items())) for person in people]


def apart(a: Points, b: Points, shift: NDArray[np.float32]) -> float:
    """Return the mean distance of points that both show, else of their centres, in sizes of ``b``, moved by a shift."""
    a, b = a[BODY], b[BODY]
    both, size = (a[:, 2] > MIN_CONFIDENCE) & (b[:, 2] > MIN_CONFIDENCE), max(body_size(a), body_size(b), 1.0)
    if not both.any():
        return float(np.linalg.norm(centre(a) - centre(b) - shift) / size)
    return float(np.linalg.norm(a[both, :2] - b[both, :2] - shift, axis=1).mean() / size)


def _once(here: Sequence[Sighting], config: LinkingConfig) -> list[Sighting]:
    """Return everybody in a frame without those who are found a second time, with other limbs."""
    kept: list[Sighting] = []
    for sighting in sorted(here, key=lambda each: -float(each.points[BODY, 2].sum())):
        if not any(_is_same(sighting, other, config) for other in kept):
            kept.append(sighting)
    return [sighting for sighting in here if any(sighting is each for each in kept)]


def _is_same(a: Sighting, b: Sighting, config: LinkingConfig) -> bool:
    """Return whether two sightings in a frame have one torso and look alike."""
    torsos = [each.points[[NECK, MID_HIP]] for each in (a, b)]
    if a.looks is None or b.looks is None or min(torso[:, 2].min() for torso in torsos) <= MIN_CONFIDENCE:
        return False
    size = max(body_size(a.points), body_size(b.points), 1.0)
    away = float(np.linalg.norm(torsos[0][:, :2] - torsos[1][:, :2], axis=1).mean()) / size
    different = unlike(a.looks, b.looks)
    return away < config.same_torso and different is not None and different < config.same_looks


def _is_mixture(group: Piece, frames: Mapping[int, Sequence[Sighting]], config: LinkingConfig) -> bool:
    """Return whether somebody is close to others in every frame: a model sees the limbs of two as a third one's."""
    still = np.zeros(2, np.float32)
    return all(
        any(other is not own and apart(own.points, other.points, still) < config.beside for other in frames[own.index])
        for own in group.seen
    )


def _expected(seen: Sequence[Sighting], index: int, memory: int) -> NDArray[np.float32]:
    """Return how far somebody has gone since the nearer end of their sightings, at a constant velocity. [2]"""
    forward = index >= seen[-1].index
    few = seen[-memory:] if forward else seen[:memory]
    frames = few[-1].index - few[0].index
    if frames == 0:
        return np.zeros(2, np.float32)
    velocity = (centre(few[-1].points) - centre(few[0].points)) / frames
    return np.asarray(velocity * (index - (few[-1] if forward else few[0]).index), np.float32)


def _pieces(
    frames: Mapping[int, Sequence[Sighting]], config: LinkingConfig
) -> tuple[list[Piece], list[tuple[Sighting, ...]]]:
    """Return pieces of which each surely shows one person, and sightings that may be of one or another, by frame."""
    finished: list[Piece] = []
    open_: list[Piece] = []
    loose: list[tuple[Sighting, ...]] = []
    for index in sorted(frames):
        finished += [piece for piece in open_ if index - piece.seen[-1].index > config.short_gap]
        open_ = [piece for piece in open_ if index - piece.seen[-1].index <= config.short_gap]
        here = [sighting for sighting in frames[index] if is_person(sighting.points)]
        costs = np.array([[_step(piece, sighting, config) for sighting in here] for piece in open_])
        linked, doubtful = _assign(costs.reshape(len(open_), len(here)), config)
        for piece, sighting in linked.items():
            open_[piece].append(here[sighting])
        known = doubtful | set(linked.values())
        open_ += [Piece([sighting]) for number, sighting in enumerate(here) if number not in known]
        loose.append(tuple(here[number] for number in sorted(doubtful)))
    return finished + open_, loose


def _assign(costs: NDArray[np.float64], config: LinkingConfig) -> tuple[dict[int, int], set[int]]:
    """Return which piece goes on with which sighting, and sightings of which that is in doubt. costs [pieces, here]"""
    if not costs.size:
        return {}, set()
    rows, columns = linear_sum_assignment(np.where(np.isfinite(costs), costs, 1e3))
    pairs = {int(p): int(s) for p, s in zip(rows, columns, strict=True) if np.isfinite(costs[p, s])}
    owners = {sighting: piece for piece, sighting in pairs.items()}
    doubtful: set[int] = set()
    for piece, sighting in pairs.items():
        for other in set(range(len(costs))) - {piece}:  # which could take the sighting instead
            theirs = pairs.get(other)
            now = costs[piece, sighting] + (costs[other, theirs] if theirs is not None else 0.0)
            then = costs[other, sighting] + (costs[piece, theirs] if theirs is not None else 0.0)
            if then < now + config.margin:
                doubtful |= {sighting} if theirs is None else {sighting, theirs}
        for theirs in set(range(costs.shape[1])) - owners.keys():  # which the piece could take instead
            if costs[piece, theirs] < costs[piece, sighting] + config.margin:
                doubtful |= {sighting, theirs}
    return {piece: sighting for piece, sighting in pairs.items() if sighting not in doubtful}, doubtful


def _step(piece: Piece, sighting: Sighting, config: LinkingConfig) -> float:
    """Return what it costs to continue a piece; infinity if it is somebody else."""
    last = piece.seen[-1]
    shift = _expected(piece.seen, sighting.index, config.memory)
    away = apart(sighting.points, last.points, shift)
    different = _unlike(piece, sighting.looks)
    if away > config.max_step or (different or 0.0) > config.max_unlike:
        return float("inf")
    return away + (config.unknown if different is None else different)


def _unlike(piece: Piece, looks: Looks | None) -> float | None:
    return None if piece.looks is None or looks is None else unlike(piece.looks, looks)


def _attach(
    here: Sequence[Sighting], groups: Sequence[Piece], people: Sequence[dict[int, Sighting]], config: LinkingConfig
) -> None:
    """Give sightings of a frame that were in doubt to whom they fit clearly better than anybody else."""
    missing = [number for number, person in enumerate(people) if here and here[0].index not in person]
    costs = np.array([[_fit(groups[number], sighting, config) for sighting in here] for number in missing])
    linked, _ = _assign(costs.reshape(len(missing), len(here)), config)
    for row, sighting in linked.items():
        people[missing[row]][here[sighting].index] = here[sighting]


def _fit(group: Piece, sighting: Sighting, config: LinkingConfig) -> float:
    """Return how far a sighting is from a straight way between those before and after it, and how unlike."""
    before = [each for each in group.seen if each.index < sighting.index][-1:]
    after = [each for each in group.seen if each.index > sighting.index][:1]
    ends = before + after
    if not ends or max(abs(each.index - sighting.index) for each in ends) > config.short_gap:
        return float("inf")
    times = [each.index for each in ends]
    places = np.array(
        [np.interp(sighting.index, times, [centre(each.points)[axis] for each in ends]) for axis in (0, 1)]
    )
    away = float(np.linalg.norm(centre(sighting.points) - places)) / max(body_size(sighting.points), 1.0)
    different = _unlike(group, sighting.looks)
    if away > config.max_step or (different or 0.0) > config.max_unlike:
        return float("inf")
    return away + (config.unknown if different is None else different)


def _joined(pieces: Sequence[Piece], config: LinkingConfig) -> list[Piece]:
    """Join pieces of the same person, the most certain first."""
    groups: dict[int, Piece] = dict(enumerate(pieces))
    costs = {(a, b): _cost(groups[a], groups[b], config) for a in groups for b in groups if a < b}
    following = len(groups)
    while costs:
        best = min(costs, key=lambda pair: (costs[pair], pair))
        if costs[best] > config.max_cost:
            break
        a, b = groups.pop(best[0]), groups.pop(best[1])
        costs = {pair: cost for pair, cost in costs.items() if not set(pair) & set(best)}
        joined = Piece(sorted(a.seen + b.seen, key=lambda sighting: sighting.index))
        costs |= {(other, following): _cost(groups[other], joined, config) for other in groups}
        groups[following] = joined
        following += 1
    return list(groups.values())


def _cost(a: Piece, b: Piece, config: LinkingConfig) -> float:
    """Return how unlikely it is that two pieces show the same person; infinity if both are in a frame."""
    if a.indices & b.indices:
        return float("inf")
    different = _unlike(a, b.looks)
    if different is not None and different > config.max_unlike:
        return float("inf")
    looks = config.unknown if different is None else different
    return looks + _misses(a, b, config) + config.size_weight * abs(float(np.log(a.size / b.size)))


def _misses(a: Piece, b: Piece, config: LinkingConfig) -> float:
    """Return how far the pieces are from leading into each other, where one follows the other: the worst place."""
    for before, after in ((a, b), (b, a)):
        if before.seen[-1].index < after.seen[0].index:
            return _miss(before.seen, after.seen, config)
    order = sorted([(s.index, 0, s) for s in a.seen] + [(s.index, 1, s) for s in b.seen], key=lambda each: each[:2])
    runs = [[sighting for *_, sighting in run] for _, run in groupby(order, key=lambda each: each[1])]
    return max(_miss(before, after, config) for before, after in pairwise(runs))


def _miss(before: Sequence[Sighting], after: Sequence[Sighting], config: LinkingConfig) -> float:
    last, first = before[-1], after[0]
    gap = first.index - last.index
    size = max(body_size(last.points), body_size(first.points), 1.0)
    way = centre(first.points) - centre(last.points)
    ahead = way - _expected(before, first.index, config.memory)
    back = -way - _expected(after, last.index, config.memory)
    miss = (float(np.linalg.norm(ahead)) + float(np.linalg.norm(back))) / 2 / size
    told = float(np.exp(-gap / config.fading))
    return told * min(miss, config.max_miss) + (1 - told) * config.unknown
