"""Tracking: the poses of all frames and the shape, together, by Gauss–Newton with Levenberg damping."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from fit_avatar.body import rotation
from fit_avatar.body.model import SMPL_JOINTS, Body
from fit_avatar.body.skinning import Skeleton, blend, point_jacobian, pose_skeleton, shaped, skin
from fit_avatar.energies import (
    GemanMcClure,
    contour_distance,
    keypoint_reprojection,
    pose_deviation,
    rotation_acceleration,
    shape_prior,
    stature,
    translation_acceleration,
)
from fit_avatar.fitting.evidence import Evidence, select_points
from fit_avatar.fitting.normal_equations import NormalEquations
from fit_avatar.fitting.stages import TrackStage
from fit_avatar.fitting.state import ClipState, bind_pose
from fit_avatar.silhouettes import match_contours, pixel_gradient, project

LOOSE = {
    "shoulder": 1.5, "elbow": 1.5, "collar": 0.7, "head": 1.5, "neck": 1.0, "hip": 1.0, "knee": 1.0,
    "wrist": 1.0, "hand": 0.7, "foot": 0.3, "ankle": 0.7, "spine1": 0.5, "spine2": 0.5, "spine3": 0.5,
}  # fmt: skip
"""How freely a joint moves against the others; multiplies the stage's sigmas."""

HEIGHT_SIGMA_M = 0.002
MAX_PACE = 4.0
"""Frame intervals, in thirtieths of a second, beyond which neighbours say nothing more about each other."""
MAX_TURN_RAD = 0.35
"""Largest rotation of one step."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class _Matched:
    """Outline matches, fixed while one step is made."""

    index: Tensor  # [T, C] into the points
    weights: Tensor  # [T, C]


class Tracker:
    """All frames of a clip and one stage's weights."""

    def __init__(
        self, body: Body, evidence: Evidence, stage: TrackStage, state: ClipState, height_m: float | None
    ) -> None:
        self.body, self.stage, self.height_m = body, stage, height_m
        self.evidence = replace(evidence, contours=evidence.contours.every(stage.outline_stride))
        self.frames, self.joints = state.rotations.shape[:2]
        self.offsets = torch.zeros_like(body.template) if state.offsets is None else state.offsets
        self.free_shape = stage.free_shape
        self.points = select_points(body, state.betas, self.offsets, stage.spacing_m)
        self.loose = torch.tensor([LOOSE[name.split("_")[-1]] for name in SMPL_JOINTS[1:]], device=evidence.device)
        self.prior_pose = bind_pose(body)

    @property
    def shared(self) -> int:
        """Return the number of unknowns that all frames share: betas, mean pose, keypoint biases."""
        return self.body.num_betas + 3 * (self.joints - 1) + 3 * self.points.keypoints

    def run(self, state: ClipState, progress: Progress | None = None) -> ClipState:
        """Iterate the stage; return the state of least energy seen."""
        damping = 1e-3
        for iteration in range(self.stage.iterations):
            share = iteration / max(self.stage.iterations - 1, 1)
            kernel = GemanMcClure(self.stage.outline_kernel.at(share))
            matched = self._match(state, self.stage.gate_m.at(share))
            system = self._linearise(state, matched, kernel)
            energy = self._energy(state, matched, kernel)
            for _ in range(4):
                candidate = self._move(state, *system.solve(damping))
                if self._energy(candidate, matched, kernel) < energy:
                    state, damping = candidate, max(damping / 4, 1e-6)
                    break
                damping = max(damping * 8, 1e-3)
            if progress:
                progress(iteration + 1, self.stage.iterations)
        return state

    # -- outline matches ------------------------------------------------------------------------------

    def _metres_per_pixel(self, state: ClipState) -> Tensor:
        return state.transl[:, 2].clamp_min(0.3) / self.evidence.camera.fx

    def _skeleton(self, state: ClipState) -> Skeleton:
        return pose_skeleton(self.body, state.betas, state.rotations, state.transl)

    def _match(self, state: ClipState, gate_m: float) -> _Matched | None:
        if self.stage.outline_sigma_m is None:
            return None
        points, first = self.points, self.points.keypoints
        linear, shift = blend(self._skeleton(state), points.weights[first:])
        vertices = (linear @ points.at(state.betas)[first:, :, None])[..., 0] + shift
        normals = torch.nn.functional.normalize((linear @ points.normals[first:, :, None])[..., 0], dim=-1)
        pixels = project(vertices, self.evidence.camera)
        gate_px = gate_m / self._metres_per_pixel(state)
        matches = [
            match_contours(
                pixels[part],
                vertices[part],
                normals[part],
                self.evidence.contours.frames(part),
                gate_px[part],
                self.stage.rim,
            )
            for part in torch.split(torch.arange(self.frames, device=vertices.device), 16)
        ]
        index = torch.cat([m.vertices for m in matches]) + first
        return _Matched(index, torch.cat([m.weights for m in matches]))

    # -- residuals --------------------------------------------------------------------------------------

    def _keypoint_weight(self, state: ClipState, residual: Tensor) -> tuple[Tensor, Tensor]:
        """Return least-squares weights [T, K, 2] and the robust energy of keypoint residuals."""
        stage = self.stage
        sigma = stage.keypoint_sigma_m / self._metres_per_pixel(state)[:, None]
        kernel = GemanMcClure(stage.keypoint_kernel)
        squared = (residual / sigma[..., None]).square().sum(-1)
        trust = self.evidence.confidence * self.evidence.frame_weights[:, None]
        weight = trust * kernel.weight(squared) / sigma**2
        return weight[..., None].expand_as(residual), (trust * kernel(squared)).sum()

    def _outline_weight(
        self, state: ClipState, residual: Tensor, trust: Tensor, kernel: GemanMcClure
    ) -> tuple[Tensor, Tensor]:
        assert self.stage.outline_sigma_m is not None
        sigma = self.stage.outline_sigma_m / self._metres_per_pixel(state)[:, None]
        # A body without clothes is inside the outline, not on it.
        sigma = torch.where(residual < 0, sigma * self.stage.inside_looseness, sigma)
        squared = (residual / sigma).square()
        trust = trust * self.evidence.frame_weights[:, None] * self.stage.outline_share
        return trust * kernel.weight(squared) / sigma**2, (trust * kernel(squared)).sum()

    def _weights(self) -> dict[str, Tensor]:
        stage, device = self.stage, self.evidence.device
        loose = self.loose[:, None].expand(-1, 3).reshape(-1)
        root = torch.full((3,), 2.0, device=device)
        # Between frames twice as far apart a velocity changes twice as much, and moves twice as long.
        pace = min(max(self.evidence.interval, 0.5), MAX_PACE) ** 2
        return {
            "deviation": (stage.deviation_sigma * loose) ** -2,
            "mean": (stage.mean_sigma * loose) ** -2,
            "turn": (pace * stage.turn_sigma * torch.cat([root, loose.clamp_min(0.3)])) ** -2,
            "move": torch.full((3,), (pace * stage.move_sigma_m) ** -2, device=device),
        }

    def _energy(self, state: ClipState, matched: _Matched | None, kernel: GemanMcClure) -> float:
        skeleton, points, first = self._skeleton(state), self.points, self.points.keypoints
        rest = points.at(state.betas)
        keypoints = skin(skeleton, rest[:first] + state.keypoint_bias, points.weights[:first])
        residual = keypoint_reprojection(keypoints, self.evidence.keypoints, self.evidence.camera)
        total = self._keypoint_weight(state, residual)[1]
        if matched is not None:
            surface = _skin_each(skeleton, rest[matched.index], points.weights[matched.index])
            distance = self._outline_residual(surface)
            total = total + self._outline_weight(state, distance, matched.weights, kernel)[1]
        weights = self._weights()
        for name, values in self._prior_residuals(state).items():
            total = total + (weights[name] * values.flatten(1).square()).sum()
        total = total + shape_prior(state.betas).square().sum() / self.stage.shape_sigma**2
        total = total + state.keypoint_bias.square().sum() / self.stage.keypoint_bias_m**2
        if self.height_m is not None:
            total = total + (self._stature(state.betas) / HEIGHT_SIGMA_M).square()
        return float(total)

    def _outline_residual(self, surface: Tensor) -> Tensor:
        contours = self.evidence.contours
        return contour_distance(surface, contours.points, contours.normals, self.evidence.camera)

    def _prior_residuals(self, state: ClipState) -> dict[str, Tensor]:
        """Return residuals on poses, each [n, J or J−1, 3] or [n, 3]."""
        residuals = {
            "deviation": pose_deviation(state.rotations[:, 1:], state.mean_pose),
            "mean": pose_deviation(state.mean_pose[None], self.prior_pose),
        }
        if self.frames > 2:
            residuals["turn"] = rotation_acceleration(state.rotations, self.evidence.steps)
            residuals["move"] = translation_acceleration(state.transl, self.evidence.steps)
        return residuals

    def _stature(self, betas: Tensor) -> Tensor:
        assert self.height_m is not None
        return stature(shaped(self.body, betas)[self.body.skin], self.height_m)

    # -- one step -----------------------------------------------------------------------------------------

    def _linearise(self, state: ClipState, matched: _Matched | None, kernel: GemanMcClure) -> NormalEquations:
        evidence, points, first = self.evidence, self.points, self.points.keypoints
        pose_dofs, betas = 3 * self.joints, self.body.num_betas
        system = NormalEquations.zeros(self.frames, pose_dofs + 3, self.shared, evidence.device)
        skeleton, rest = self._skeleton(state), points.at(state.betas)

        def add(surface: Tensor, rows: _Rows, direction: Tensor, residual: Tensor, weight: Tensor) -> None:
            gradient = pixel_gradient(surface, direction, evidence.camera)
            jacobian = point_jacobian(self.body, skeleton, rows.rest, rows.weights, rows.basis, gradient)
            pose = torch.cat([jacobian.pose.flatten(2), jacobian.transl], -1)
            shared = torch.nn.functional.pad(jacobian.betas, (0, self.shared - betas))
            if rows.bias is not None:
                biased = torch.einsum("tmab,tma->tmb", rows.bias, gradient)
                shared[..., -3 * first :] = _block_rows(biased)
            system.add_rows(pose, shared, residual, weight)

        rest_keypoints = rest[:first] + state.keypoint_bias
        keypoints = skin(skeleton, rest_keypoints, points.weights[:first])
        residual = keypoint_reprojection(keypoints, evidence.keypoints, evidence.camera)
        weight, _ = self._keypoint_weight(state, residual)
        linear, _ = blend(skeleton, points.weights[:first])
        rows = _Rows(rest_keypoints, points.weights[:first], points.basis[:first], linear)
        for axis in range(2):
            direction = torch.zeros_like(residual)
            direction[..., axis] = 1
            add(keypoints, rows, direction, residual[..., axis], weight[..., axis])
        if matched is not None:
            rows = _Rows(rest[matched.index], points.weights[matched.index], points.basis[matched.index])
            surface = _skin_each(skeleton, rows.rest, rows.weights)
            distance = self._outline_residual(surface)
            weight, _ = self._outline_weight(state, distance, matched.weights, kernel)
            add(surface, rows, evidence.contours.normals, distance, weight)

        self._add_priors(system, state)
        if not self.free_shape:
            _freeze(system, betas)
        return system

    def _add_priors(self, system: NormalEquations, state: ClipState) -> None:
        weights, residuals = self._weights(), self._prior_residuals(state)
        betas, last = self.body.num_betas, 3 * self.joints
        biases = self.shared - 3 * self.points.keypoints
        # For small deviations the residual moves by ω_t − ω̄: diagonal blocks and their coupling.
        w, r = weights["deviation"].double(), residuals["deviation"].flatten(1).double()
        torch.diagonal(system.diagonal[:, 3:last, 3:last], dim1=1, dim2=2).add_(w)
        torch.diagonal(system.border[:, 3:last, betas:biases], dim1=1, dim2=2).sub_(w)
        system.gradient[:, 3:last] += w * r
        mean = weights["mean"].double()
        torch.diagonal(system.shared[betas:biases, betas:biases]).add_(self.frames * w + mean)
        system.shared_gradient[betas:biases] += mean * residuals["mean"].flatten().double() - (w * r).sum(0)
        if self.frames > 2:
            before, after = 1 / self.evidence.steps[:-1], 1 / self.evidence.steps[1:]
            stencil = torch.stack([before, -before - after, after], -1)
            system.add_stencil(slice(0, last), stencil, residuals["turn"].flatten(1), weights["turn"])
            system.add_stencil(slice(last, last + 3), stencil, residuals["move"], weights["move"])

        bias_weight = self.stage.keypoint_bias_m**-2
        torch.diagonal(system.shared[biases:, biases:]).add_(bias_weight)
        system.shared_gradient[biases:] += bias_weight * state.keypoint_bias.flatten().double()

        shape_weight = self.stage.shape_sigma**-2
        torch.diagonal(system.shared[:betas, :betas]).add_(shape_weight)
        system.shared_gradient[:betas] += shape_weight * shape_prior(state.betas).double()
        if self.height_m is not None and self.free_shape:
            value, row = _value_and_gradient(self._stature, state.betas)
            system.shared[:betas, :betas] += torch.outer(row, row).double() / HEIGHT_SIGMA_M**2
            system.shared_gradient[:betas] += (row * value).double() / HEIGHT_SIGMA_M**2

    def _move(self, state: ClipState, step: Tensor, shared: Tensor) -> ClipState:
        step, shared = step.float(), shared.float()
        turn = step[:, : 3 * self.joints].reshape(self.frames, self.joints, 3)
        size = turn.norm(dim=-1, keepdim=True)
        turn = turn * (MAX_TURN_RAD / size.clamp_min(MAX_TURN_RAD))
        betas = self.body.num_betas
        biases = self.shared - 3 * self.points.keypoints
        mean = shared[betas:biases].reshape(-1, 3)
        return replace(
            state,
            rotations=state.rotations @ rotation.exp(turn),
            transl=state.transl + step[:, 3 * self.joints :].clamp(-0.5, 0.5),
            betas=state.betas + shared[:betas].clamp(-1, 1) if self.free_shape else state.betas,
            mean_pose=state.mean_pose @ rotation.exp(mean),
            keypoint_bias=state.keypoint_bias + shared[biases:].reshape(-1, 3),
        )


@dataclass(frozen=True)
class _Rows:
    rest: Tensor
    weights: Tensor
    basis: Tensor
    bias: Tensor | None = None
    """Linear part of the points' skinning, where their place in the bind pose is itself unknown. [T, M, 3, 3]"""


def _skin_each(skeleton: Skeleton, rest: Tensor, weights: Tensor) -> Tensor:
    """Skin points that differ from frame to frame. rest [T, M, 3], weights [T, M, J] → [T, M, 3]"""
    anchor = skeleton.joints - (skeleton.skin_rotations @ skeleton.rest_joints[..., None])[..., 0]
    affine = torch.cat([skeleton.skin_rotations.flatten(2), anchor], -1)
    mixed = weights @ affine
    return (mixed[..., :9].reshape(*mixed.shape[:-1], 3, 3) @ rest[..., None])[..., 0] + mixed[..., 9:]


def _block_rows(rows: Tensor) -> Tensor:
    """Put row m of every frame into columns 3m … 3m+2. [T, M, 3] → [T, M, 3M]"""
    frames, count, _ = rows.shape
    blocks = rows.new_zeros(frames, count, count, 3)
    torch.diagonal(blocks, dim1=1, dim2=2).copy_(rows.transpose(1, 2))
    return blocks.flatten(2)


def _freeze(system: NormalEquations, count: int) -> None:
    """Take the first ``count`` shared unknowns out of the system."""
    system.border[..., :count] = 0
    system.shared[:count] = 0
    system.shared[:, :count] = 0
    torch.diagonal(system.shared)[:count] = 1
    system.shared_gradient[:count] = 0


def _value_and_gradient(function: Callable[[Tensor], Tensor], at: Tensor) -> tuple[Tensor, Tensor]:
    with torch.enable_grad():
        variable = at.detach().clone().requires_grad_()
        value = function(variable)
        (gradient,) = torch.autograd.grad(value, variable)
    return value.detach(), gradient


def track(
    body: Body,
    evidence: Evidence,
    state: ClipState,
    stage: TrackStage,
    height_m: float | None,
    progress: Progress | None = None,
) -> ClipState:
    """Run one tracking stage over all frames at once.

    The frames share one mean pose (the person holds an A-pose) from which each may deviate a little and
    smoothly: without it limbs are free along the viewing ray, and agreement in 2D says nothing about 3D.
    """
    with torch.no_grad():
        return Tracker(body, evidence, stage, state, height_m).run(state, progress)
