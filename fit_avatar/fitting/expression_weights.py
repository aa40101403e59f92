"""Weights of shapes of the face in each frame, from what a rigid face leaves unexplained.

In turn: what each point is off by where the face is at rest, by robust least squares over all frames; and of each
frame a small movement of the head with the weights, which lie between 0 and 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fit_avatar.energies.head import RigidFaces


@dataclass(frozen=True)
class ExpressionConfig:
    """How weights are found. All values were chosen by hand, on rendered people whose expressions are known."""

    least_face_px: float = 40.0
    """Width of the face in the picture; in a smaller one a blink is less than a pixel."""
    near_rad: float = 0.45
    """Angle between the face and the view up to which its points are fully believed …"""
    far_rad: float = 0.61
    """… and from which frames tell nothing."""
    fewest_frames: int = 8
    """That show the face; from fewer the face at rest does not follow."""
    bias_m: float = 0.01
    """Prior of a point's error in all frames, in each direction …"""
    bias_turn_m: float = 0.005
    """… and of how it changes with a turn of the head by a radian."""
    rest_scale_m: float = 0.002
    """Geman–McClure scale of the error of a point at rest: frames with an expression are outliers to it."""
    point_scale_m: float = 0.006
    """The same of what is left of a point's error."""
    together: float = 3.0
    """So many neighbouring points err as one."""
    least_noise_m: float = 0.0005
    """Noise of a point, at least."""
    head_rad: float = 0.05
    """How far a frame's head may turn …"""
    head_m: float = 0.01
    """… and move from where the rigid face is."""
    usual: float = 0.4
    """Weights are usually so small: the mean of their exponential prior, which leaves most at 0."""
    change: float = 0.7
    """How much a weight changes in a thirtieth of a second."""
    asymmetry: float = 0.1
    """How much the weights of a shape differ between both sides of the face."""
    rounds: int = 4
    """Of rest and expressions in turn."""
    iterations: int = 400
    """Of the accelerated projected gradient, by which changes are far below a hundredth."""


EXPRESSIONS = ExpressionConfig()
ROBUST_ROUNDS = 10
"""Of reweighted least squares for the face at rest."""


@dataclass(frozen=True)
class SeenFaces:
    """What F frames show of a face, and which of the T frames they are."""

    frames: Tensor  # int64 [F]
    rigid: RigidFaces
    confidence: Tensor  # [F, N]


def solve_weights(
    seen: SeenFaces, shapes: Tensor, links: Tensor, alike: Tensor, config: ExpressionConfig = EXPRESSIONS
) -> Tensor:
    """Return the weights of E shapes in each of T frames, float64 in [0, 1]. [T, E]

    Args:
        seen: what F of the frames show of N points.
        shapes: how far each shape moves each point, in the head's axes, metres. float64 [E, N, 3]
        links: how firmly the weights of neighbouring frames hold together. float64 [T − 1, 1]
        alike: normal matrix of differences between shapes that usually go together. float64 [E, E]
        config: settings.
    """
    rigid, frames = seen.rigid, seen.frames
    across = rigid.by_point @ rigid.rotations[:, None]  # from a shift in the head's axes to one in the picture
    moves = torch.einsum("tnij,enj->tnie", across, shapes)
    turns = _turns(rigid)
    off = -rigid.errors  # from the rigid face to the detected points
    weights = off.new_zeros(len(links) + 1, len(shapes))
    explained = torch.zeros_like(off)
    for _ in range(config.rounds):
        rest = _rest(off - explained, across, turns, seen.confidence, config)
        still = off - rest - explained
        sure = seen.confidence / (1 + still.square().sum(-1) / config.point_scale_m**2).square()
        noise = ((sure * still.square().sum(-1)).sum() / sure.sum() / 2).sqrt().clamp_min(config.least_noise_m)
        sure = sure / (noise**2 * config.together)
        head = _Head.of(rigid.jacobian, sure, config)
        normal, right = head.without(moves, off - rest, sure)
        whole_normal = off.new_zeros(len(weights), *normal.shape[1:])
        whole_right = torch.zeros_like(weights)
        whole_normal[frames], whole_right[frames] = normal + alike, right
        weights = _bounded(whole_normal, whole_right - 1 / config.usual, links, weights, config)
        moved = torch.einsum("tnie,te->tni", moves, weights[frames])
        explained = moved + head.explained(off - rest - moved, sure)
    return weights


def _turns(rigid: RigidFaces) -> Tensor:
    """Return powers up to 2 of how the face is turned to the side and up against the usual. [F, 6]"""
    ahead = rigid.rotations[:, :, 2]
    sides = ahead[:, :2] - ahead[:, :2].median(0).values
    across, up = sides.unbind(-1)
    return torch.stack([torch.ones_like(up), across, up, across**2, across * up, up**2], -1)


def _rest(off: Tensor, across: Tensor, turns: Tensor, confidence: Tensor, config: ExpressionConfig) -> Tensor:
    """Return what each point is off by where the face is at rest: a shift on the head that changes with its turn.

    Args:
        off: of each point in each frame, metres. [F, N, 2]
        across: from shifts in the head's axes to the picture. [F, N, 2, 3]
        turns: powers of how the face is turned. [F, 6]
        confidence: of each point. [F, N]
        config: settings.
    """
    basis = torch.einsum("tnij,tk->tnikj", across, turns).flatten(-2)  # [F, N, 2, 18]
    turning = [config.bias_turn_m] * (turns.shape[1] - 1)
    prior = off.new_tensor([config.bias_m, *turning]).repeat_interleave(3) ** -2
    sure = confidence / config.rest_scale_m**2
    rest = torch.zeros_like(off)
    for _ in range(ROBUST_ROUNDS):
        error = (off - rest).square().sum(-1) / config.rest_scale_m**2
        weight = sure / (1 + error).square()
        normal = torch.einsum("tnia,tn,tnib->nab", basis, weight, basis) + torch.diag(prior)
        right = torch.einsum("tnia,tn,tni->na", basis, weight, off)
        rest = torch.einsum("tnia,na->tni", basis, torch.linalg.solve(normal, right[..., None])[..., 0])
    return rest


@dataclass(frozen=True)
class _Head:
    """Small movements of the head in each of F frames, which are solved for with the shapes."""

    jacobian: Tensor  # [F, N, 2, 6]
    inverse: Tensor  # of their normal matrix [F, 6, 6]

    @classmethod
    def of(cls, jacobian: Tensor, sure: Tensor, config: ExpressionConfig) -> _Head:
        """Return them for points of a certain precision. [F, N]"""
        prior = jacobian.new_tensor([config.head_rad] * 3 + [config.head_m] * 3) ** -2
        normal = torch.einsum("tnia,tn,tnib->tab", jacobian, sure, jacobian) + torch.diag(prior)
        return cls(jacobian, torch.linalg.inv(normal))

    def without(self, moves: Tensor, off: Tensor, sure: Tensor) -> tuple[Tensor, Tensor]:
        """Return the normal equations of weights alone. [F, E, E], [F, E]"""
        mixed = torch.einsum("tnie,tn,tnia->tea", moves, sure, self.jacobian) @ self.inverse
        normal = torch.einsum("tnie,tn,tnif->tef", moves, sure, moves)
        right = torch.einsum("tnie,tn,tni->te", moves, sure, off)
        of_head = torch.einsum("tnia,tn,tni->ta", self.jacobian, sure, off)
        crossed = torch.einsum("tnia,tn,tnie->tae", self.jacobian, sure, moves)
        return normal - mixed @ crossed, right - (mixed @ of_head[..., None])[..., 0]

    def explained(self, off: Tensor, sure: Tensor) -> Tensor:
        """Return the part of errors that is the head's. [F, N, 2]"""
        right = torch.einsum("tnia,tn,tni->ta", self.jacobian, sure, off)
        return torch.einsum("tnia,tab,tb->tni", self.jacobian, self.inverse, right)


def _bounded(normal: Tensor, right: Tensor, links: Tensor, start: Tensor, config: ExpressionConfig) -> Tensor:
    """Return weights in [0, 1] that minimise ½ wᵀ N w − rᵀ w and their changes from frame to frame. [T, E]

    By an accelerated projected gradient (Beck & Teboulle 2009), each weight in units of its own curvature.
    """
    held = torch.zeros_like(right)
    held[1:] += links
    held[:-1] += links
    unit = (normal.diagonal(dim1=1, dim2=2) + held + 1).amax(0).rsqrt()  # [E]
    scaled = unit[:, None] * normal * unit
    step = 1 / (torch.linalg.eigvalsh(scaled).amax() + 2 * (held.amax() * unit.square().amax()))

    def gradient(at: Tensor) -> Tensor:
        change = links * (at[1:] - at[:-1]) * unit
        smooth = torch.zeros_like(at)
        smooth[1:] += change
        smooth[:-1] -= change
        return (scaled @ at[..., None])[..., 0] - right * unit + smooth * unit

    weights = ahead = start / unit
    momentum = 1.0
    for _ in range(config.iterations):
        new = (ahead - step * gradient(ahead)).clamp_min(0).minimum(1 / unit)
        after = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        ahead = new + (momentum - 1) / after * (new - weights)
        weights, momentum = new, after
    return weights * unit
