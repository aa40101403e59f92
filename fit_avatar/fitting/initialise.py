"""A first pose for every frame: the direction the person faces, resolved over time, and where they stand."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from fit_avatar.body import rotation
from fit_avatar.body.model import Body
from fit_avatar.body.poses import a_pose
from fit_avatar.body.skinning import pose_skeleton, skin
from fit_avatar.fitting.evidence import Evidence
from fit_avatar.solvers.state import ClipState, stacked

HYPOTHESES = 24
SIGMA_M = 0.06
"""Robust scale of keypoint errors while the arms are not yet right."""
TURN_SIGMA_RAD = math.radians(20)
"""How far the change of direction between neighbouring frames strays from the clip's usual one."""
FASTEST, RATES = 0.5, 25
"""Usual changes that are tried, from minus to plus this part of a turn: several turns in few frames are far apart."""
SAY = 6.0
"""The most that one frame's keypoints count against a direction: with left and right exchanged they are all wrong."""
RATE_COST = 0.02
"""Cost per frame of a usual change of one hypothesis' width: of two that explain the clip alike, the slower turns."""


def initialise(body: Body, evidence: Evidence, height_m: float | None, flipped: bool = False) -> ClipState:
    """Find a start from the keypoints alone.

    Every frame tries ``HYPOTHESES`` directions of the upright body in its A-pose; for each one the
    translation is a linear least-squares problem, and a Viterbi pass picks the smoothest good sequence.

    Args:
        body: the body.
        evidence: keypoints and camera.
        height_m: naked height of the person.
        flipped: return two hypotheses, [2, T, …]: the best one, and one that faces the opposite way. Keypoints
            of a single image may not tell front from back.
    """
    frames, device = len(evidence.keypoints), evidence.device
    betas = torch.zeros(body.num_betas, device=device)
    scale = 1.0 if height_m is None else height_m / float(_extent(body.template[:, 1]))
    mean_pose = a_pose(body)
    yaws = torch.arange(HYPOTHESES, device=device) * (2 * math.pi / HYPOTHESES)
    roots = _facing(yaws)
    points = body.keypoint_points
    rotations = torch.cat([roots[:, None], mean_pose.expand(HYPOTHESES, -1, -1, -1)], 1)
    skeleton = pose_skeleton(body, betas, rotations, torch.zeros(HYPOTHESES, 3, device=device))
    model = scale * skin(skeleton, points.template, points.weights)  # [H, K, 3]

    transl, cost = _place(model, evidence)  # [T, H, 3], [T, H]
    path = _viterbi(cost, evidence.steps)
    expression = torch.zeros(frames, body.num_expression, device=device) if body.num_expression else None
    starts = [
        ClipState(
            rotations=torch.cat([roots[chosen][:, None], mean_pose.expand(frames, -1, -1, -1)], 1),
            transl=_median_filter(transl[torch.arange(frames, device=device), chosen]),
            betas=betas,
            mean_pose=mean_pose,
            keypoint_bias=torch.zeros(len(body.keypoint_regressor), 3, device=device),
            expression=expression,
        )
        for chosen in ((path, (path + HYPOTHESES // 2) % HYPOTHESES) if flipped else (path,))
    ]
    return stacked(starts) if flipped else starts[0]


def _extent(values: Tensor) -> Tensor:
    return values.amax() - values.amin()


def _facing(yaws: Tensor) -> Tensor:
    """Return root rotations of an upright body in the camera's y-down frame; yaw 0 faces the camera. [H, 3, 3]"""
    upright = rotation.exp(yaws.new_tensor([math.pi, 0, 0]))
    turn = rotation.exp(torch.stack([torch.zeros_like(yaws), yaws, torch.zeros_like(yaws)], -1))
    return upright @ turn


def _place(model: Tensor, evidence: Evidence) -> tuple[Tensor, Tensor]:
    """Return the best translation of every frame and hypothesis [T, H, 3] and its robust cost [T, H]."""
    camera = evidence.camera
    focal = model.new_tensor([camera.fx, camera.fy])
    rays = (evidence.keypoints - model.new_tensor([camera.cx, camera.cy])) / focal  # [T, K, 2]
    frames, hypotheses = len(rays), len(model)
    # x + t_x = ray_x (z + t_z), the same for y: linear in the translation, re-weighted against outliers.
    rows = torch.zeros(frames, rays.shape[1], 2, 3, device=model.device)
    rows[..., 0, 0] = rows[..., 1, 1] = 1
    rows[..., 2] = -rays
    target = rays[:, None] * model[None, :, :, 2:] - model[None, :, :, :2]  # [T, H, K, 2]
    confidence = evidence.confidence[:, None, :, None].expand(-1, hypotheses, -1, 2)
    weight = confidence
    eye = 1e-6 * torch.eye(3, device=model.device)
    for _ in range(5):
        normal = torch.einsum("tkai,thka,tkaj->thij", rows, weight, rows) + eye
        right = torch.einsum("tkai,thka,thka->thi", rows, weight, target)
        transl = torch.linalg.solve(normal, right)
        residual = torch.einsum("tkai,thi->thka", rows, transl) - target
        squared = residual.square().sum(-1, keepdim=True)
        weight = confidence * (SIGMA_M**2 / (SIGMA_M**2 + squared)) ** 2
    robust = squared[..., 0] / (SIGMA_M**2 + squared[..., 0])
    cost = (evidence.confidence[:, None] * robust).sum(-1)
    behind = transl[..., 2] < 0.3
    return transl, cost + 100.0 * behind


def _viterbi(cost: Tensor, steps: Tensor) -> Tensor:
    """Return the hypothesis of each frame [T] with the least cost of data and of uneven turning. cost [T, H]

    The person turns at a rate that is not known, so that several are tried, all at once.
    """
    frames, count = cost.shape
    cost = torch.minimum(cost, cost.amin(1, keepdim=True) + SAY)
    fastest = FASTEST * count
    rates = torch.linspace(-fastest, fastest, RATES, device=cost.device)
    index = torch.arange(count, device=cost.device)
    gap = (index[:, None] - index[None]).float()  # [to, from], in hypotheses
    total, pointers = cost[0].expand(RATES, -1) + RATE_COST * frames * rates[:, None].abs(), []
    for t in range(1, frames):
        step = float(steps[t - 1])
        strayed = torch.remainder(gap - rates[:, None, None] * step + count / 2, count) - count / 2
        sigma = TURN_SIGMA_RAD * step**0.5
        turning = (strayed * (2 * math.pi / count) / sigma).square().clamp_max(9.0)
        best = (total[:, None, :] + turning).min(-1)
        pointers.append(best.indices)
        total = best.values + cost[t]
    rate, last = divmod(int(total.argmin()), count)
    path = [last]
    for pointer in reversed(pointers):
        path.append(int(pointer[rate, path[-1]]))
    return torch.tensor(path[::-1], device=cost.device)


def _median_filter(transl: Tensor, radius: int = 2) -> Tensor:
    padded = torch.cat([transl[:1].expand(radius, -1), transl, transl[-1:].expand(radius, -1)])
    return padded.unfold(0, 2 * radius + 1, 1).median(-1).values
