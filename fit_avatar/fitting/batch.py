"""Several clips at once: their observations and starts with one more dimension in front, [C, T, …]."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from fit_avatar.body.model import Body
from fit_avatar.capture.types import Capture
from fit_avatar.energies import DistanceField
from fit_avatar.errors import BadInputError
from fit_avatar.fitting.evidence import CONTOUR_POINTS, Observations, gather_evidence
from fit_avatar.fitting.initialise import initialise
from fit_avatar.silhouettes import Contours
from fit_avatar.solvers.state import ClipState, stacked

PER_CLIP = ("keypoints", "frame_intervals_s", "soft_mask", "hands", "face")
"""Observations that are stacked, beside outlines and heights; the others are the same for all clips."""


def stack_captures(
    body: Body,
    captures: Sequence[Capture],
    height_m: float | Sequence[float] | None = None,
    device: str | torch.device = "cpu",
) -> tuple[ClipState, Mapping[str, Any]]:
    """Return where C clips start, and what was observed in them, to be solved as one problem.

    Args:
        body: the body, the same for all; every clip has betas of its own.
        captures: clips of T frames each, by one camera and at one frame rate; :func:`some_frames` cuts them.
        height_m: naked height of the person, or one for each clip.
        device: where to compute.

    Returns:
        The state [C, T, …] for :meth:`Unknowns.of`, and the observations for :class:`Problem`; each is made when a term
        asks for it. Hands and face are there if all clips have them.

    Raises:
        BadInputError: the clips cannot be stacked.
    """
    _check(captures, height_m)
    each = [gather_evidence(seen, CONTOUR_POINTS, torch.device(device)) for seen in captures]
    heights = [height_m] * len(each) if height_m is None or isinstance(height_m, (int, float)) else list(height_m)
    start = stacked([initialise(body, one, height) for one, height in zip(each, heights, strict=True)])
    alone = [one.observations(body, height) for one, height in zip(each, heights, strict=True)]
    if any(not torch.equal(one["frame_intervals_s"], alone[0]["frame_intervals_s"]) for one in alone):
        raise BadInputError("clips that are solved together must be sampled alike: take every n-th frame of each")

    def together(name: str) -> Callable[[], Any]:
        if name == "contours":
            return lambda: _stacked([one[name] for one in alone])
        if name == "height_m":
            return lambda: torch.tensor(heights, device=device)[:, None]
        if name == "distance_field":
            return lambda: DistanceField(torch.stack([one[name].values for one in alone]), alone[0][name].stride)
        if name in PER_CLIP:
            return lambda: torch.stack([one[name] for one in alone])
        return lambda: alone[0][name]

    return start, Observations({name: together(name) for name in alone[0] if all(name in one for one in alone)})


def _stacked(outlines: Sequence[Contours]) -> Contours:
    points, normals, weights = zip(*((one.points, one.normals, one.weights) for one in outlines), strict=True)
    return Contours(torch.stack(points), torch.stack(normals), torch.stack(weights))


def some_frames(seen: Capture, frames: slice) -> Capture:
    """Return some frames of a capture as a capture of its own."""
    names = ("frame_indices", "keypoints", "masks", "frame_weights", "hands", "face")
    given = {name: getattr(seen, name) for name in names}
    return replace(seen, **{name: array[frames] for name, array in given.items() if array is not None})


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
