"""A first pose for every frame from what another program computed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fit_avatar.body import rotation
from fit_avatar.body.model import Body
from fit_avatar.capture.others import GivenPoses, read_poses
from fit_avatar.errors import BadInputError
from fit_avatar.fitting.actions.action import Context
from fit_avatar.fitting.given_directions import given_directions
from fit_avatar.fitting.observations import Observations
from fit_avatar.fitting.placement import Placement, place
from fit_avatar.fitting.rest_pose import fitted_limbs
from fit_avatar.fitting.retarget import onto, rest_limbs, retarget
from fit_avatar.fitting.state import FitState
from fit_avatar.fitting.world_axes import turn_to_camera
from fit_avatar.io.fingerprint import content_identity

MOST_PEOPLE = 10
"""Of the people in a file, those seen in most frames are compared with the clip."""
SAME_RATE = 0.02
"""Frame rates that differ by less mean the same frames."""
CLEARLY_BETTER = 0.7
"""Poses are read at another frame rate, or turned into the camera's axes, if that makes the error smaller than this
share."""
MOST_STRETCHED = 3.5
"""Where a file does not say its frame rate, it is not farther from the clip's than this factor."""
ENOUGH_FRAMES = 500
"""So many frames tell where a limb points in the T-pose. All chosen by hand."""


@dataclass(frozen=True)
class _Attempt:
    """One reading of a file."""

    given: GivenPoses
    rate: float
    """Frames of the clip for each of the file."""
    usual: bool
    """Whether rate and axes are what files are taken to have."""
    turned: bool
    """Whether the poses were turned from the axes of a world into the camera's."""
    covered: Tensor
    """Whether the file has a pose of the frame. bool [T]"""
    rotations: Tensor
    betas: Tensor
    placed: Placement


@dataclass(frozen=True)
class StartFrom:
    """Take the rotations of a file, and stand the body where the keypoints are.

    What the poses say of the limbs' directions in 3D counts in what follows, as far as it agrees with the keypoints.
    Poses in the axes of a world are turned into the camera's, by the limbs' directions in 3D, where these are seen.
    Frames that the file lacks are interpolated. Of several people, the one whose poses explain the keypoints best is
    taken. The shape is the file's only if the body is the same as the file's, the neutral SMPL.
    """

    path: str
    """The file or folder, see :func:`fit_avatar.capture.others.read_poses`."""
    name: str = "start from given poses"
    least_covered: float = 0.5
    """Share of the frames that the file must have; chosen by hand."""
    most_error_m: float = 0.15
    """The largest median distance of keypoints from the posed body, metres: beyond it the poses belong to another clip,
    or their axes are not the camera's. Chosen by hand: a start in an A-pose that is right is below it."""

    def identity(self) -> list[Any]:
        """Return what the result depends on: what is in the file, wherever it lies."""
        path = Path(self.path)
        # JSON of single frames is known by its name alone
        named = path.name if path.suffix.lower() == ".json" else ""
        return [replace(self, path=named), content_identity(path)]

    def run(self, state: FitState, context: Context) -> FitState:
        """Return the state in the poses of the file.

        Raises:
            BadInputError: the file cannot be read, or belongs to another clip.
        """
        body, clip, times = context.body, state.single(self.name), context.observations.times_s
        everywhere = state.on_all_frames(times)
        seen = everywhere.observations(context.observations)
        if seen.frame_indices is None:
            raise BadInputError(f"{self.name!r} is for a clip, because poses are found by their frame: leave it out")
        people = read_poses(Path(self.path))
        attempts = list(self._attempts(people, body, everywhere, seen))
        if not attempts:
            first, last = (int(people[0].frame_indices[k]) for k in (0, -1))
            wanted = f"{int(seen.frame_indices[0])} to {int(seen.frame_indices[-1])}"
            raise BadInputError(
                f"--init {self.path} has poses of frames {first} to {last}, but not of half of those used here, "
                f"{wanted}: give the result for this clip, with all its frames"
            )
        best = min(attempts, key=lambda each: each.placed.error_m * (1 if each.usual else 1 / CLEARLY_BETTER))
        if best.placed.error_m > self.most_error_m:
            raise BadInputError(
                f"the poses of --init {self.path} do not fit this clip: its keypoints are {best.placed.error_m:.2f} m "
                "from the posed body in the median: give the result for this clip, of the same frames, in the camera's "
                "axes (not the world's)"
            )
        chosen = slice(None) if state.key_frames is None else state.key_frames
        rotations, transl = best.rotations[chosen], best.placed.filled(_places(best, seen))[chosen]
        directions, precision = given_directions(best.placed.points, best.covered, seen)
        return replace(
            state,
            clip=replace(
                clip,
                rotations=rotations,
                transl=transl,
                mean_pose=rotation.nearest(rotations[:, 1:].mean(0)),
                betas=best.betas,
            ),
            limb_directions=directions,
            limb_precision=precision,
            warnings=(*state.warnings, *_told(people, best, seen)),
        )

    def _attempts(
        self, people: tuple[GivenPoses, ...], body: Body, state: FitState, seen: Observations
    ) -> Iterator[_Attempt]:
        """Yield the ways in which the file can be read that cover the frames."""
        clip, wanted = state.clip, seen.frame_indices
        assert wanted is not None
        for given in people[:MOST_PEOPLE]:
            betas = _shape(body, given, clip.betas)
            usual = _rate(given, seen)
            stretched = (int(wanted[-1]) + 1) / (int(given.frame_indices[-1]) + 1)
            likely = given.fps is None and 1 / MOST_STRETCHED < stretched < MOST_STRETCHED and abs(stretched - 1) > 0.1
            rates = [usual, stretched] if likely else [usual]
            for rate in rates:
                known = torch.from_numpy(given.frame_indices).to(wanted.device).double() * rate
                covered = _covered(known, wanted, rate)
                if float(covered.double().mean()) < self.least_covered:
                    continue
                turns = torch.from_numpy(given.rotations).to(clip.rotations)
                found = between(turns, known, wanted.double())
                said = _said_limbs(given, turns)
                copied = onto(clip.rotations, retarget(body, betas, found, said))
                axes = turn_to_camera(place(body, betas, copied, seen).points, covered, seen)
                for turn in (None,) if axes is None else (None, axes):
                    if turn is not None:
                        found = torch.cat([(turn @ found[:, 0])[:, None], found[:, 1:]], 1)
                    rest = said or fitted_limbs(body, betas, clip.rotations, found, seen)
                    rotations = onto(clip.rotations, retarget(body, betas, found, rest))
                    placed, usually = place(body, betas, rotations, seen), rate == usual and turn is None
                    yield _Attempt(given, rate, usually, turn is not None, covered, rotations, betas, placed)


def between(turns: Tensor, known: Tensor, wanted: Tensor) -> Tensor:
    """Return rotations [T, J, 3, 3] at the times that are wanted, from those [N, J, 3, 3] at the times that are known.

    Along the shortest way on SO(3); before the first and after the last they stay.
    """
    if len(known) == 1:
        return turns.expand(len(wanted), -1, -1, -1)
    after = torch.searchsorted(known, wanted, right=True).clamp(1, len(known) - 1)
    part = ((wanted - known[after - 1]) / (known[after] - known[after - 1])).clamp(0, 1).to(turns)
    start, end = turns[after - 1], turns[after]
    return start @ rotation.exp(part[:, None, None] * rotation.log(start.mT @ end))


def _said_limbs(given: GivenPoses, turns: Tensor) -> dict[str, Tensor]:
    """Return where limbs point in the file's T-pose, by its joints; empty if it has none."""
    if given.joints is None:
        return {}
    few = slice(None, None, 1 + len(turns) // ENOUGH_FRAMES)
    return rest_limbs(turns[few], torch.from_numpy(given.joints[few]).to(turns))


def _covered(known: Tensor, wanted: Tensor, rate: float) -> Tensor:
    """Return of which frames the file has a pose. bool [T]"""
    times = wanted.double()
    after = torch.searchsorted(known, times)
    near = torch.stack([(after - 1).clamp_min(0), after.clamp_max(len(known) - 1)])
    apart = (known[near] - times).abs().amin(0)
    nearby: Tensor = apart <= max(1.0, rate) / 2
    return nearby


def _rate(given: GivenPoses, seen: Observations) -> float:
    """Return how many frames of the clip there are for each of the file, by what the file says."""
    rate = _clip_fps(seen)
    if given.fps is None or rate is None or abs(given.fps / rate - 1) < SAME_RATE:
        return 1.0
    return rate / given.fps


def _clip_fps(seen: Observations) -> float | None:
    assert seen.frame_indices is not None
    frames, seconds = (float(values[-1] - values[0]) for values in (seen.frame_indices, seen.times_s))
    return frames / seconds if seconds > 0 and frames > 0 else None


def _places(best: _Attempt, seen: Observations) -> Tensor | None:
    """Return the file's places in the frames. [T, 3]"""
    if best.given.places is None or best.turned or seen.frame_indices is None:
        return None
    known = torch.from_numpy(best.given.frame_indices).double().to(seen.device) * best.rate
    places, wanted = torch.from_numpy(best.given.places).to(seen.device), seen.frame_indices.double()
    if len(known) == 1:
        return places.expand(len(wanted), -1)
    after = torch.searchsorted(known, wanted, right=True).clamp(1, len(known) - 1)
    part = ((wanted - known[after - 1]) / (known[after] - known[after - 1])).clamp(0, 1).to(places)
    return places[after - 1] + part[:, None] * (places[after] - places[after - 1])


def _shape(body: Body, given: GivenPoses, betas: Tensor) -> Tensor:
    """Return the file's shape if it is of the same body model, else the one that is there."""
    if body.name != "smpl" or body.gender != "neutral" or given.betas is None:
        return betas
    count = min(len(betas), len(given.betas))
    return torch.cat([torch.from_numpy(given.betas[:count]).to(betas), betas[count:]])


def _told(people: tuple[GivenPoses, ...], best: _Attempt, seen: Observations) -> Iterator[str]:
    """Yield what the user should know of how the file was read."""
    if len(people) > 1:
        yield (
            f"The file of --init has {len(people)} people; person {best.given.person}, whose poses fit the clip best, "
            "is the start of the fit."
        )
    if best.turned:
        yield (
            "The poses of --init are in the axes of a world: they were turned into the camera's, by the limbs' "
            "directions that the detector sees."
        )
    if best.rate != 1:
        fps = _clip_fps(seen)
        of = "" if fps is None else f", {fps / best.rate:.4g} frames a second against the clip's {fps:.4g}"
        yield f"The poses of --init were read at another frame rate{of}: poses in between are interpolated."
