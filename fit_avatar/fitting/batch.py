"""Several clips at once: their observations and starts with one more dimension in front, [C, T, …]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from fit_avatar.body.model import Body
from fit_avatar.capture.types import Capture
from fit_avatar.errors import BadInputError
from fit_avatar.fitting.actions import Context, Initialise
from fit_avatar.fitting.observations import Observations
from fit_avatar.fitting.state import FitState
from fit_avatar.silhouettes import Contours
from fit_avatar.solvers.state import ClipState, stacked


def stack_captures(
    body: Body,
    captures: Sequence[Capture],
    height_m: float | Sequence[float] | None = None,
    device: str | torch.device = "cpu",
) -> tuple[ClipState, Observations]:
    """Return where C clips start, and what was observed in them, to be solved as one problem.

    Args:
        body: the body, the same for all; every clip has betas of its own.
        captures: clips of T frames each, by one camera and at one frame rate; :func:`some_frames` cuts them.
        height_m: the people's height without shoes, or one for each clip.
        device: where to compute.

    Returns:
        The state [C, T, …] for :meth:`Unknowns.of`, and the observations for :class:`Problem`. Hands and face are there
        if all clips have them.

    Raises:
        BadInputError: the clips cannot be stacked.
    """
    _check(captures, height_m)
    heights = list(height_m) if isinstance(height_m, Sequence) else [height_m] * len(captures)
    each = [
        Observations.of(seen, torch.device(device), height).for_body(body)
        for seen, height in zip(captures, heights, strict=True)
    ]
    if any(not torch.equal(one.frame_intervals_s, each[0].frame_intervals_s) for one in each):
        raise BadInputError("clips that are solved together must be sampled alike: take every n-th frame of each")
    starts = [_start(body, one) for one in each]
    return stacked(starts), stacked_observations(each)


def _start(body: Body, seen: Observations) -> ClipState:
    return Initialise().run(FitState.upright(body, len(seen.keypoints)), Context(body, lambda: seen)).clip


def stacked_observations(each: Sequence[Observations]) -> Observations:
    """Put the observations of C clips together [C, …]; what not all of them have is left out."""
    heights = [one.height_m for one in each if one.height_m is not None]
    height_m = each[0].keypoints.new_tensor(heights)[:, None] if len(heights) == len(each) else None

    def together(name: str) -> torch.Tensor | None:
        values = [getattr(one, name) for one in each]
        return None if any(value is None for value in values) else torch.stack(values)

    points, normals, weights = zip(*(vars(one.contours).values() for one in each), strict=True)
    return replace(
        each[0],
        keypoints=torch.stack([one.keypoints for one in each]),
        contours=Contours(torch.stack(points), torch.stack(normals), torch.stack(weights)),
        masks=np.stack([one.masks for one in each]),
        height_m=height_m,
        frame_weights=torch.stack([one.frame_weights for one in each]),
        alone=all(one.alone for one in each),
        keypoint_noise_m=_noise(each),
        face=together("face"),
        hands=together("hands"),
        limb_directions=together("limb_directions"),
        limb_precision=together("limb_precision"),
        point_sets={
            name: torch.stack([one.point_sets[name] for one in each])
            for name in each[0].point_sets
            if all(name in one.point_sets for one in each)
        },
    )


def _noise(each: Sequence[Observations]) -> torch.Tensor | None:
    """Return the measured noise of each clip. [C, 1]"""
    known = [one.keypoint_noise_m for one in each if one.keypoint_noise_m is not None]
    return torch.stack(known)[:, None] if len(known) == len(each) else None


def some_frames(seen: Capture, frames: slice | NDArray[np.int64]) -> Capture:
    """Return some frames of a capture, by a slice or their places, as a capture of its own."""
    always = ("frame_indices", "keypoints", "masks", "frame_weights")
    names = (*always, "hands", "face", "stated_times_s", "steadying", "pieces", "other_people")
    given = {name: getattr(seen, name) for name in names}
    limbs, kept = seen.limb_directions, set(seen.frame_indices[frames].tolist())
    if limbs is not None:
        limbs = replace(limbs, directions=limbs.directions[frames], sigma_rad=limbs.sigma_rad[frames])
    return replace(
        seen,
        point_sets={name: points[frames] for name, points in seen.point_sets.items()},
        limb_directions=limbs,
        cut_off=tuple(frame for frame in seen.cut_off if frame.frame_index in kept),
        **{name: array[frames] for name, array in given.items() if array is not None},
    )


def _check(captures: Sequence[Capture], height_m: float | Sequence[float] | None) -> None:
    """Say why clips cannot be solved together."""
    if not captures:
        raise BadInputError("there are no clips to stack: give one capture or more")
    lengths = [len(seen.frame_indices) for seen in captures]
    if len(set(lengths)) > 1:
        raise BadInputError(
            f"clips that are solved together must be of equal length, but they have {', '.join(map(str, lengths))} "
            "frames: cut them with some_frames"
        )
    if any(seen.camera.intrinsics.tolist() != captures[0].camera.intrinsics.tolist() for seen in captures):
        raise BadInputError("clips that are solved together must be of one camera: fit the others on their own")
    if isinstance(height_m, Sequence) and len(height_m) != len(captures):
        raise BadInputError(
            f"there are {len(captures)} clips but {len(height_m)} heights: give one for each, or one in all"
        )
