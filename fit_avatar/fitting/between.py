"""Keypoints of the frames between fitted ones, made comparable with the fit: sides, frames of no use, slow errors."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fit_avatar.body.keypoint_sets import BODY_25_MIRROR
from fit_avatar.capture.left_right import GROUPS
from fit_avatar.capture.person import MIN_CONFIDENCE, MIN_POINTS


@dataclass(frozen=True)
class BetweenConfig:
    """Settings. Body sizes are those of the interpolated keypoints in the picture."""

    max_shift: float = 0.5
    """A body whose keypoints lie farther than this from the interpolated ones, in body sizes, is somebody else.
    Chosen by hand, as the tracking's."""
    max_distance: float = 0.15
    """Where the median keypoint is farther than this from the interpolated one, in body sizes and with both bodies in
    one place, a frame is of no use. Chosen by hand."""
    outlier: float = 0.06
    """A fitted frame's keypoint that is farther from the fit than this, in body sizes, is a mistake, which says nothing
    about the frames around. Chosen by hand, about the 0.1 m of the noise's measurement."""
    exchange_reach_s: float = 0.25
    """Farther than this from any fitted frame, an interpolated pose does not say what is left and right. Chosen by
    hand: a quarter of two steps."""
    exchange_gain: float = 0.015
    """Left and right are exchanged if the mean distance falls by more than this, in body sizes … Chosen by hand."""
    exchange_ratio: float = 0.7
    """… and to less than this part. Chosen by hand."""


DEFAULT_BETWEEN = BetweenConfig()


@dataclass(frozen=True)
class Between:
    """The keypoints of N frames, ready for a solve that starts from interpolated poses."""

    keypoints: Tensor
    """(u, v, confidence), with confidence 0 in frames of no use. [N, 25, 3]"""
    usable: Tensor
    """Which frames' keypoints are of use; also the fitted ones. bool [N]"""
    exchanged: Tensor
    """Frames in which left and right of arms or legs were exchanged. bool [N]"""
    steady: float
    """How much of the keypoints' errors stays from fitted frame to fitted frame, 0…0.95."""
    dense: float
    """How much of them stays from frame to frame, 0…1."""


def prepare_between(
    keypoints: Tensor,
    expected: Tensor,
    fitted: Tensor,
    before: Tensor,
    fraction: Tensor,
    distance_s: Tensor,
    config: BetweenConfig = DEFAULT_BETWEEN,
) -> Between:
    """Compare what was found in every frame with what the interpolated poses show.

    A detector's errors change slowly with the view. What it errs in two fitted frames, as far as such errors last, is
    taken out of the keypoints between them. So the keypoints say how poses differ from the interpolated ones rather
    than where they are, and nothing jumps at a fitted frame.

    Args:
        keypoints: as found (u, v, confidence). [N, 25, 3]
        expected: the body's keypoints by the interpolated poses, in pixels. [N, 25, 2]
        fitted: indices of the fitted frames, ascending. int64 [T]
        before: for each frame, which fitted frame precedes it, 0…T−2. int64 [N]
        fraction: how far each frame is on the way to the next fitted one, 0…1. [N]
        distance_s: seconds from each frame to the nearest fitted one. [N]
        config: settings.
    """
    size = _sizes(expected)
    is_fitted = torch.zeros(len(keypoints), dtype=torch.bool, device=keypoints.device)
    is_fitted[fitted] = True
    turned, exchanged = _exchanged_back(keypoints, expected, size, config)
    exchanged = exchanged & ~is_fitted[:, None] & (distance_s <= config.exchange_reach_s)[:, None]
    keypoints = torch.where(exchanged.any(1)[:, None, None], turned, keypoints)
    shift, distance = _offset(keypoints, expected)  # of whole bodies
    enough = (keypoints[..., 2] > MIN_CONFIDENCE).sum(1) >= MIN_POINTS
    near = (shift.norm(dim=-1) < config.max_shift * size) & (distance < config.max_distance * size)
    usable = is_fitted | (enough & near)
    error, known = _errors(keypoints[fitted], expected[fitted], size[fitted], config)
    steady = _steadiness(error, known)
    shared = 1 - _white_noise(keypoints) / max(float(error[known].square().mean()), 1e-9) if known.any() else 0.0
    lasting = _lasting(error, known, before, fraction, steady)
    moved = keypoints[..., :2] + torch.where(is_fitted[:, None, None], 0.0, lasting)
    confidence = torch.where(usable[:, None], keypoints[..., 2], 0.0)
    return Between(
        torch.cat([moved, confidence[..., None]], -1), usable, exchanged.any(1) & usable, steady, max(shared, steady)
    )


def counted_noise(steady: float, dense: float, every: float) -> float:
    """Return how much larger the noise of keypoints counts between fitted frames than in them.

    What lasts from fitted frame to fitted frame, a correlation c of errors, is taken out of it. Errors that
    neighbouring frames share, a correlation ρ, count √((1 + ρ) / (1 − ρ)) times, but no more than if all frames between
    two fitted ones erred alike.

    Args:
        steady: the correlation between neighbouring fitted frames.
        dense: that between neighbouring frames.
        every: how many frames there are for each fitted one.
    """
    inflation = [((1 + rho) / (1 - min(rho, 0.999))) ** 0.5 for rho in (dense, steady)]
    between = min(inflation[0], max(every, 1.0) ** 0.5)
    return float((1 - 2 * steady**2 / (1 + steady)) ** 0.5 * max(between / inflation[1], 1.0))


def shift_to(keypoints: Tensor, expected: Tensor) -> Tensor:
    """Return by how much the body has to move in the picture so that its keypoints lie as found. [N, 2] pixels"""
    return _offset(keypoints, expected)[0]


def _sizes(expected: Tensor) -> Tensor:
    """Return the larger side of the bounding boxes of points [N, K, 2]. [N]"""
    return (expected.amax(-2) - expected.amin(-2)).amax(-1).clamp_min(1.0)


def _offset(keypoints: Tensor, expected: Tensor) -> tuple[Tensor, Tensor]:
    """Return the median way from expected to found points, and the median distance that is left. [N, 2], [N]"""
    seen = keypoints[..., 2] > MIN_CONFIDENCE
    way = torch.where(seen[..., None], keypoints[..., :2] - expected, torch.nan)
    shift = way.nanmedian(-2).values.nan_to_num(0.0)
    return shift, (way - shift[:, None]).norm(dim=-1).nanmedian(-1).values.nan_to_num(0.0)


def _exchanged_back(keypoints: Tensor, expected: Tensor, size: Tensor, config: BetweenConfig) -> tuple[Tensor, Tensor]:
    """Exchange left and right of arms or legs where that brings them clearly nearer to where they are expected.

    Returns:
        The points [N, 25, 3], and for each frame and group whether it was exchanged [N, 2].
    """
    mirror = torch.tensor(BODY_25_MIRROR, device=keypoints.device)
    fixed, which = keypoints, []
    # The middles of pairs do not know about left and right: they say where the body is.
    middles = torch.where(
        ((keypoints[..., 2] > MIN_CONFIDENCE) & (keypoints[:, mirror, 2] > MIN_CONFIDENCE))[..., None],
        (keypoints[..., :2] + keypoints[:, mirror, :2] - expected - expected[:, mirror]) / 2,
        torch.nan,
    )
    shift = middles.nanmedian(-2).values.nan_to_num(0.0)[:, None]
    for group in GROUPS.values():
        here = torch.zeros(len(mirror), dtype=torch.bool, device=keypoints.device)
        here[list(group)] = True
        mirrored = torch.where(here[None, :, None], keypoints[:, mirror], fixed)
        own, other = (_mean_distance(points, expected + shift, here) for points in (fixed, mirrored))
        better = (other < config.exchange_ratio * own) & (own - other > config.exchange_gain * size)
        fixed = torch.where(better[:, None, None], mirrored, fixed)
        which.append(better)
    return fixed, torch.stack(which, 1)


def _mean_distance(keypoints: Tensor, expected: Tensor, here: Tensor) -> Tensor:
    """Return the mean distance of some seen points, weighted by their confidence. here: bool [K] → [N]"""
    weight = torch.where(here & (keypoints[..., 2] > MIN_CONFIDENCE), keypoints[..., 2], 0.0)
    distance = (keypoints[..., :2] - expected).norm(dim=-1)
    mean: Tensor = (weight * distance).sum(-1) / weight.sum(-1).clamp_min(1e-6)
    return mean


def _errors(keypoints: Tensor, expected: Tensor, size: Tensor, config: BetweenConfig) -> tuple[Tensor, Tensor]:
    """Return the fit minus the keypoints in fitted frames [T, 25, 2], and where that is known and no mistake [T, 25]"""
    error = expected - keypoints[..., :2]
    known = (keypoints[..., 2] > MIN_CONFIDENCE) & (error.norm(dim=-1) < config.outlier * size[:, None])
    return torch.where(known[..., None], error, 0.0), known


def _steadiness(error: Tensor, known: Tensor) -> float:
    """Return the correlation of errors between neighbouring fitted frames, 0…0.95."""
    pairs = known[1:] & known[:-1]
    first, second = error[:-1][pairs], error[1:][pairs]
    power = (first.square().sum() + second.square().sum()) / 2
    return float(((first * second).sum() / power.clamp_min(1e-9)).clamp(0.0, 0.95)) if len(first) else 0.0


def _white_noise(keypoints: Tensor) -> float:
    """Return the variance of what differs from frame to frame in keypoints [N, 25, 3], in squared pixels.

    Motion hardly changes in three frames, so what is left in second differences is six times this variance.
    """
    seen = keypoints[..., 2] > MIN_CONFIDENCE
    change = keypoints[..., :2].diff(n=2, dim=0)[seen[2:] & seen[1:-1] & seen[:-2]]
    return float((1.4826 * change.abs().median()).square() / 6) if change.numel() else 0.0


def _lasting(error: Tensor, known: Tensor, before: Tensor, fraction: Tensor, steady: float) -> Tensor:
    """Return the best linear estimate of the lasting part of the errors from the fitted frames around. [N, 25, 2]

    Errors of two frames are correlated by ``steady``: one of them alone says so much of the lasting part, and their
    mean 2 c / (1 + c) of it.
    """
    sides = ((before, 1 - fraction), ((before + 1).clamp_max(len(error) - 1), fraction))
    weights = [known[index] * part[:, None] for index, part in sides]
    total = (weights[0] + weights[1]).clamp_min(1e-9)
    both = known[sides[0][0]] & known[sides[1][0]]
    gain = torch.where(both, 2 * steady / (1 + steady), steady)
    mean = sum(w[..., None] * error[index] for w, (index, _) in zip(weights, sides, strict=True)) / total[..., None]
    return gain[..., None] * mean * (total > 1e-6)[..., None]
