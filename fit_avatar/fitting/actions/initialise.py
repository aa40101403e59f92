"""A first pose for every frame: the direction the person faces, resolved over time, and where they stand."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from fit_avatar.body import rotation
from fit_avatar.body.poses import a_pose
from fit_avatar.body.skinning import pose_skeleton, skin, weighted_sum
from fit_avatar.errors import BadInputError
from fit_avatar.fitting.actions.action import Context
from fit_avatar.fitting.observations import UNEVEN, Observations
from fit_avatar.fitting.state import FitState
from fit_avatar.solvers.state import stacked


@dataclass(frozen=True)
class Initialise:
    """Find a start from the keypoints alone; the shape is kept.

    Every frame tries some directions of the upright body in its A-pose; for each one the translation is a linear
    least-squares problem, and a Viterbi pass picks the smoothest good sequence.
    """

    name: str = "initialise"
    key_frames: int | None = None
    """How many frames, spread evenly over the clip, are fitted until an action wants all; None: all from the start.
    Neighbouring frames say nearly the same, so that a shape gains little from more."""
    both_ways: bool = False
    """Follow two hypotheses, the best one and one that faces the opposite way, until one is chosen: keypoints of a
    single image may not tell front from back."""
    enough: float = 1.5
    """With no more frames than this many times the key frames, all are used; chosen by hand."""
    directions: int = 24
    """Directions that are tried in every frame; chosen by hand."""
    sigma_m: float = 0.06
    """Geman–McClure scale of keypoint errors while the arms are not yet right, metres; chosen by hand."""
    turn_sigma_rad: float = math.radians(20)
    """How far the change of direction between neighbouring frames strays from the clip's usual one; chosen by hand."""
    fastest: float = 0.5
    """Largest usual change of direction between frames that is tried, in turns: several turns in few frames are far
    apart."""
    rates: int = 25
    """Usual changes that are tried, from minus to plus the fastest."""
    most_cost: float = 6.0
    """The most that one frame's keypoints count against a direction: with left and right exchanged all are wrong."""
    rate_cost: float = 0.02
    """Cost per frame of a usual change by one direction: of two that explain the clip alike, the slower turn."""

    def __post_init__(self) -> None:
        if self.key_frames is not None and self.key_frames < 2:
            raise BadInputError(f"key_frames is {self.key_frames}: it must be 2 or more, or None for all frames")

    def run(self, state: FitState, context: Context) -> FitState:
        """Return the state on the key frames, in directions and places that explain the keypoints best."""
        body, whole = context.body, context.observations
        keys = self._key_frames(whole)
        seen = whole.frames(keys)
        frames, device = len(seen.keypoints), seen.device
        given = state.clip
        start = replace(
            FitState.upright(body, frames).clip,
            betas=given.betas,
            offsets=given.offsets,
            keypoint_bias=given.keypoint_bias,
        )
        scale = 1.0 if seen.height_m is None else float(seen.height_m) / _extent(body.template[:, 1])
        roots = _facing(torch.arange(self.directions, device=device) * (2 * math.pi / self.directions))
        mean_pose, points = a_pose(body), body.keypoint_points
        rotations = torch.cat([roots[:, None], mean_pose.expand(self.directions, -1, -1, -1)], 1)
        nowhere = torch.zeros(self.directions, 3, device=device)
        skeleton = pose_skeleton(body, start.betas, rotations, nowhere)
        resting = points.template + weighted_sum(points.basis, start.betas)
        model = scale * skin(skeleton, resting, points.weights)  # [H, K, 3]

        transl, cost = self._place(model, seen)  # [T, H, 3], [T, H]
        path = self._smoothest(cost, seen.frame_intervals_s)
        starts = [
            replace(
                start,
                rotations=torch.cat([roots[chosen][:, None], mean_pose.expand(frames, -1, -1, -1)], 1),
                transl=_median_filter(transl[torch.arange(frames, device=device), chosen]),
            )
            for chosen in (path, (path + self.directions // 2) % self.directions)[: 2 if self.both_ways else 1]
        ]
        return replace(state, clip=stacked(starts) if self.both_ways else starts[0], key_frames=keys)

    def _key_frames(self, whole: Observations) -> Tensor | None:
        """Return frames spread evenly over the clip's time, first and last among them; None where all are used."""
        usable = torch.nonzero(whole.frame_weights > 0)[:, 0]
        count = self.key_frames
        if count is None or len(whole.times_s) <= self.enough * count or len(usable) <= count:
            return None
        return usable[spread_over_time(whole.times_s[usable], count)]

    def _place(self, model: Tensor, seen: Observations) -> tuple[Tensor, Tensor]:
        """Return the best translation of every frame and direction [T, H, 3] and its robust cost [T, H]."""
        camera = seen.camera
        focal = model.new_tensor([camera.fx, camera.fy])
        rays = (seen.keypoints[..., :2] - model.new_tensor([camera.cx, camera.cy])) / focal  # [T, K, 2]
        frames, hypotheses = len(rays), len(model)
        # x + t_x = ray_x (z + t_z), the same for y: linear in the translation, re-weighted against outliers.
        rows = torch.zeros(frames, rays.shape[1], 2, 3, device=model.device)
        rows[..., 0, 0] = rows[..., 1, 1] = 1
        rows[..., 2] = -rays
        target = rays[:, None] * model[None, :, :, 2:] - model[None, :, :, :2]  # [T, H, K, 2]
        given = seen.keypoints[..., 2]
        confidence = given[:, None, :, None].expand(-1, hypotheses, -1, 2)
        weight = confidence
        eye = 1e-6 * torch.eye(3, device=model.device)
        for _ in range(5):
            normal = torch.einsum("tkai,thka,tkaj->thij", rows, weight, rows) + eye
            right = torch.einsum("tkai,thka,thka->thi", rows, weight, target)
            transl = torch.linalg.solve(normal, right)
            residual = torch.einsum("tkai,thi->thka", rows, transl) - target
            squared = residual.square().sum(-1, keepdim=True)
            weight = confidence * (self.sigma_m**2 / (self.sigma_m**2 + squared)) ** 2
        robust = squared[..., 0] / (self.sigma_m**2 + squared[..., 0])
        cost = (given[:, None] * robust).sum(-1)
        behind = transl[..., 2] < 0.3
        return transl, cost + 100.0 * behind

    def _smoothest(self, cost: Tensor, intervals_s: Tensor) -> Tensor:
        """Return the direction of each frame [T] with the least cost of data and of uneven turning. cost [T, H]

        The person turns at a rate that is not known, so that several are tried, all at once.
        """
        frames, count = cost.shape
        cost = torch.minimum(cost, cost.amin(1, keepdim=True) + self.most_cost)
        steps = (intervals_s / intervals_s.median()).tolist() if frames > 1 else []
        rates = torch.linspace(-self.fastest * count, self.fastest * count, self.rates, device=cost.device)
        index = torch.arange(count, device=cost.device)
        gap = (index[:, None] - index[None]).float()  # [to, from], in directions
        total, pointers = cost[0].expand(self.rates, -1) + self.rate_cost * frames * rates[:, None].abs(), []
        for t in range(1, frames):
            step = steps[t - 1]
            strayed = torch.remainder(gap - rates[:, None, None] * step + count / 2, count) - count / 2
            sigma = self.turn_sigma_rad * step**0.5
            turning = (strayed * (2 * math.pi / count) / sigma).square().clamp_max(9.0)
            best = (total[:, None, :] + turning).min(-1)
            pointers.append(best.indices)
            total = best.values + cost[t]
        rate, last = divmod(int(total.argmin()), count)
        path = [last]
        for pointer in reversed(torch.stack(pointers)[:, rate].tolist() if pointers else []):  # one copy to the host
            path.append(pointer[path[-1]])
        return torch.tensor(path[::-1], device=cost.device)


def spread_over_time(times_s: Tensor, count: int) -> Tensor:
    """Return the frames nearest to moments spread evenly over the time in which there are frames, each once.

    Where frames are missing, those around them are the same as they would be without the loss; a gap of many frames
    counts as :data:`~fit_avatar.fitting.observations.UNEVEN` usual intervals.

    Args:
        times_s: of the frames, ascending. [T]
        count: of the moments, at least two.

    Returns:
        int64 [at most count]
    """
    times = times_s.double().cpu().numpy()
    gaps = np.diff(times)
    elapsed = np.append(0.0, np.minimum(gaps, UNEVEN * np.median(gaps)).cumsum())
    places = np.interp(np.linspace(0, elapsed[-1], count), elapsed, np.arange(len(elapsed)))
    nearest = np.unique(places.round(3).round().astype(np.int64))  # single precision must not decide between two
    return torch.from_numpy(nearest).to(times_s.device)


def _extent(values: Tensor) -> float:
    return float(values.amax() - values.amin())


def _facing(yaws: Tensor) -> Tensor:
    """Return root rotations of an upright body in the camera's y-down frame; yaw 0 faces the camera. [H, 3, 3]"""
    upright = rotation.exp(yaws.new_tensor([math.pi, 0, 0]))
    turn = rotation.exp(torch.stack([torch.zeros_like(yaws), yaws, torch.zeros_like(yaws)], -1))
    return upright @ turn


def _median_filter(transl: Tensor, radius: int = 2) -> Tensor:
    padded = torch.cat([transl[:1].expand(radius, -1), transl, transl[-1:].expand(radius, -1)])
    return padded.unfold(0, 2 * radius + 1, 1).median(-1).values
