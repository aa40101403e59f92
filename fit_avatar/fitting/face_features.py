"""Where eyes, brows, nose and mouth lie on a person's head, against where the fitted surface has them.

Outlines show where a face's surface is, and little of what is where on it. The points of the face show that, in all
frames at once: a shift of each point along the surface, which frames share, and in each frame a small turn of neck and
head, since a head that is turned wrongly is not a face that is formed otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fit_avatar.body import rotation
from fit_avatar.body.face_points import FacePoints
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.model import Body
from fit_avatar.body.skinning import pose_body, shaped
from fit_avatar.body.state import BodyState
from fit_avatar.capture.types import Camera
from fit_avatar.energies.face import SEEN, UNSEEN

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class FaceFeaturesConfig:
    """How the points of a face are believed. Chosen by hand, on three rendered clips."""

    along_m: float = 0.006
    """How far features usually lie beside those of the fitted surface, along it …"""
    across_m: float = 0.0004
    """… and across it, which outlines tell better."""
    smooth_m: float = 0.03
    """Over this distance features shift together."""
    broad_m: float = 0.012
    """Of the Gaussian that makes lips, lids and nostrils part of the face around them: along *its* surface shifts go,
    and not along each fold of it, whose two sides would come apart."""
    own_m: float = 0.0007
    """How far each point shifts by itself: where the detector has it on this face."""
    neck_rad: float = 0.035
    """How far a frame's neck is turned wrongly …"""
    head_rad: float = 0.052
    """… and its head against the neck …"""
    nod_rad: float = 0.01
    """… and either up or down: in all frames alike that would look as features that lie higher or lower."""
    noise_m: float = 0.0034
    """Noise of a point in a frame; neighbours err together."""
    scale_m: float = 0.004
    """Its Geman–McClure scale."""
    reach_deg: float = 40.0
    """Frames in which the face is turned farther away from the camera say nothing."""
    least_confidence: float = 0.5
    """Mean confidence of a face's points, at least."""
    least_height_px: float = 24.0
    """Height of the face in the picture, at least: in a smaller one its points say little."""
    most_frames: int = 24
    """More say nothing new: the detector errs alike in them."""
    fewest_frames: int = 3
    """From fewer nothing is concluded."""
    stride: int = 2
    """Of the points, every so many-th counts."""
    rounds: int = 10
    """Of Gauss–Newton with robust weights, after which steps are far below a tenth of a millimetre."""


FACE_FEATURES = FaceFeaturesConfig()


@dataclass(frozen=True)
class _Surface:
    """N points on the face in the bind pose, and the surface around them."""

    places: Tensor  # [N, 3]
    normals: Tensor  # [N, 3]

    def covariance(self, config: FaceFeaturesConfig) -> Tensor:
        """Return that of the points' shifts, smooth along the surface. [3 N, 3 N]"""
        freely = self.freely(config)
        smooth = torch.einsum("nij,nm,mjk->nimk", freely, self.nearness(self.places, config), freely)
        size = 3 * len(self.places)
        return smooth.reshape(size, size) + config.own_m**2 * torch.eye(size, dtype=torch.float64)

    def freely(self, config: FaceFeaturesConfig, others: Tensor | None = None) -> Tensor:
        """Return how far the points, or other places [M, 3], usually shift, as symmetric matrices. [M, 3, 3]"""
        apart = torch.cdist(self.places if others is None else others, self.places) / config.broad_m
        nearest = apart.amin(1, keepdim=True)
        share = torch.exp((nearest.square() - apart.square()) / 2)
        outwards = torch.nn.functional.normalize(share @ self.normals, dim=-1)
        across = outwards[:, :, None] * outwards[:, None, :]
        return config.along_m * (torch.eye(3, dtype=torch.float64) - across) + config.across_m * across

    def nearness(self, others: Tensor, config: FaceFeaturesConfig) -> Tensor:
        """Return the correlation of shifts at other places with those of the points (Matérn 3/2). [M, 3] → [M, N]"""
        apart = 3**0.5 / config.smooth_m * torch.cdist(others, self.places)
        return (1 + apart) * torch.exp(-apart)


def shift_of_features(
    body: Body,
    state: BodyState,
    points: FacePoints,
    found: Tensor,
    camera: Camera,
    config: FaceFeaturesConfig = FACE_FEATURES,
) -> Tensor | None:
    """Return how far each vertex is to move in the bind pose, so that features lie where a clip shows them. [V, 3]

    A Gaussian process along the surface (Rasmussen & Williams 2006, chapter 2): full on the face, 0 away from it.

    Args:
        body: has joints ``neck`` and ``head``.
        state: T poses of it.
        points: where on it the points of the face are.
        found: the points in the frames, (u, v, confidence). [T, 468, 3]
        camera: of the frames.
        config: how the points are believed.

    Returns:
        None where too few frames show the face well.
    """
    some = points.features().every(config.stride)
    detected = found[:, torch.from_numpy(some.index).to(found.device)].double().cpu()
    posed = pose_body(body, state)
    vertices, joints = posed.vertices.double().cpu(), posed.joints.double().cpu()
    rest = shaped(body, state.betas, state.offsets).double().cpu().numpy()
    outwards = vertex_normals(rest, body.faces.cpu().numpy()).astype(np.float64)
    normals = torch.nn.functional.normalize(torch.from_numpy(some.on(outwards)), dim=-1)
    surface = _Surface(torch.from_numpy(some.on(rest)), normals)
    corners, weights = torch.from_numpy(some.corners), torch.from_numpy(some.weights)
    there = (vertices[:, corners] * weights[..., None]).sum(-2)  # [T, N, 3]
    turned = _turned(surface.places, there)
    chosen = _good_frames(there, turned, detected, config)
    if len(chosen) < config.fewest_frames:
        return None
    pivots = joints[chosen][:, [body.joint_names.index(name) for name in ("neck", "head")]]
    precision = torch.linalg.inv(surface.covariance(config))
    shift = _solved(surface, there[chosen], turned[chosen], pivots, detected[chosen], camera, precision, config)
    return _spread(surface, shift, precision, torch.from_numpy(rest), config).to(body.template)


def _turned(rest: Tensor, there: Tensor) -> Tensor:
    """Return the rotation of each frame's face from the bind pose (Kabsch 1976). [N, 3], [T, N, 3] → [T, 3, 3]"""
    mixed = (there - there.mean(1, keepdim=True)).transpose(1, 2) @ (rest - rest.mean(0))
    u, _, vt = torch.linalg.svd(mixed)
    flip = torch.ones_like(mixed[:, 0])
    flip[:, 2] = torch.linalg.det(u @ vt).sign()
    turned: Tensor = (u * flip[:, None]) @ vt
    return turned


def _good_frames(there: Tensor, turned: Tensor, detected: Tensor, config: FaceFeaturesConfig) -> Tensor:
    """Return the frames that show the face well, evenly chosen where there are many. int64"""
    sight = torch.nn.functional.normalize(there.mean(1), dim=-1)
    ahead = -(turned[..., 2] * sight).sum(-1)
    height = detected[..., 1].amax(1) - detected[..., 1].amin(1)
    good = (ahead > np.cos(np.radians(config.reach_deg))) & (height >= config.least_height_px)
    good &= detected[..., 2].mean(1) >= config.least_confidence
    frames = torch.nonzero(good)[:, 0]
    if len(frames) <= config.most_frames:
        return frames
    return frames[torch.linspace(0, len(frames) - 1, config.most_frames).round().long()]


def _solved(
    surface: _Surface,
    there: Tensor,
    turned: Tensor,
    pivots: Tensor,
    detected: Tensor,
    camera: Camera,
    precision: Tensor,
    config: FaceFeaturesConfig,
) -> Tensor:
    """Return the points' shifts in the bind pose. [N, 3]

    Args:
        surface: of the face.
        there: the points in the frames, as fitted. [T, N, 3]
        turned: the face in the frames. [T, 3, 3]
        pivots: neck and head. [T, 2, 3]
        detected: the points as (u, v, confidence). [T, N, 3]
        camera: of the frames.
        precision: of the shifts. [3 N, 3 N]
        config: how the points are believed.
    """
    frames, size = len(there), 3 * len(surface.places)
    focal = there.new_tensor([camera.fx, camera.fy])
    slopes = (detected[..., :2] - there.new_tensor([camera.cx, camera.cy])) / focal
    middle = there.mean(1)
    held = _held(turned, config)
    shift, turns = torch.zeros_like(surface.places), there.new_zeros(frames, 6)
    for _ in range(config.rounds):
        turn, moved = _moved(turns, middle, pivots)
        around = (there - middle[:, None] + shift @ turned.transpose(1, 2)) @ turn.transpose(1, 2)
        at = around + moved[:, None]
        facing = -((surface.normals @ (turn @ turned).transpose(1, 2)) * torch.nn.functional.normalize(at, dim=-1))
        depth = at[..., 2:]
        error = at[..., :2] - slopes * depth
        sure = detected[..., 2] * ((facing.sum(-1) - UNSEEN) / (SEEN - UNSEEN)).clamp(0, 1)
        sure = sure / (1 + error.square().sum(-1) / config.scale_m**2).square() / config.noise_m**2
        by_point = torch.zeros(*at.shape[:2], 2, 3, dtype=at.dtype)
        by_point[..., 0, 0] = by_point[..., 1, 1] = 1
        by_point[..., 2] = -at[..., :2] / depth
        arms = [rotation.skew(at - (pivots[:, None, k] + (moved - middle)[:, None])) for k in (0, 1)]
        by_turn = torch.cat([-by_point @ arm for arm in arms], -1)  # [T, N, 2, 6]
        by_shift = by_point @ (turn @ turned)[:, None]  # [T, N, 2, 3]
        weighed = sure[..., None, None]
        own = torch.einsum("tnia,tnib->tab", weighed * by_turn, by_turn) + held
        mixed = torch.einsum("tnia,tnib->tanb", by_turn, weighed * by_shift).reshape(frames, 6, size)
        right = torch.einsum("tnia,tni->ta", weighed * by_turn, error) + (held @ turns[..., None])[..., 0]
        blocks = torch.einsum("tnia,tnib->nab", weighed * by_shift, by_shift)
        whole = precision + torch.block_diag(*blocks)
        gradient = torch.einsum("tnia,tni->na", weighed * by_shift, error).flatten() + precision @ shift.flatten()
        solved = torch.linalg.solve(own, torch.cat([mixed, right[..., None]], -1))  # [T, 6, 3 N + 1]
        flat = mixed.flatten(0, 1).T @ solved.flatten(0, 1)
        step = torch.linalg.solve(whole - flat[:, :-1], flat[:, -1] - gradient)
        turns = turns - solved[..., -1] - solved[..., :-1] @ step
        shift = shift + step.view_as(shift)
    return shift


def _held(turned: Tensor, config: FaceFeaturesConfig) -> Tensor:
    """Return the precision of each frame's turns of neck and head, in the camera's axes. [T, 6, 6]"""
    usual = turned.new_tensor([[config.nod_rad] + 2 * [side] for side in (config.neck_rad, config.head_rad)])
    held = turned.new_zeros(len(turned), 6, 6)
    for k, precision in enumerate(usual**-2):
        held[:, 3 * k : 3 * k + 3, 3 * k : 3 * k + 3] = turned @ torch.diag(precision) @ turned.transpose(1, 2)
    return held


def _moved(turns: Tensor, middle: Tensor, pivots: Tensor) -> tuple[Tensor, Tensor]:
    """Return how frames' faces are turned by turns of neck and head [T, 6], and where their middles come to lie."""
    neck, head = rotation.exp(turns.unflatten(1, (2, 3))).unbind(1)
    of_head = (head @ (middle - pivots[:, 1])[..., None])[..., 0] + pivots[:, 1]
    return neck @ head, (neck @ (of_head - pivots[:, 0])[..., None])[..., 0] + pivots[:, 0]


def _spread(surface: _Surface, shift: Tensor, precision: Tensor, rest: Tensor, config: FaceFeaturesConfig) -> Tensor:
    """Return the shift of every vertex of the surface. [V, 3]"""
    freely = surface.freely(config)
    sources = torch.einsum("nij,nj->ni", freely, (precision @ shift.flatten()).view_as(shift))
    out = torch.zeros_like(rest)
    distance = torch.cdist(rest, surface.places)
    near = torch.nonzero(distance.amin(1) < 4 * config.smooth_m)[:, 0]
    smooth = surface.nearness(rest[near], config) @ sources
    out[near] = torch.einsum("vij,vj->vi", surface.freely(config, rest[near]), smooth)
    return out
