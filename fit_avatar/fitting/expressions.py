"""What a person's face does in each frame: weights of the default body's shapes of the face, from its dense points.

A rigid face is placed in each frame. What its points are off by is then, of each point, an error of detector and fit
that changes with the view alone; and of each frame, a small movement of the head and a few shapes with weights between
0 and 1. Usually the face is at rest: that is what the fitted shape shows, and what the weights count from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fit_avatar.body.default_body import NAMES, face_shapes, read_default
from fit_avatar.body.face_points import FacePoints, RestingFace, default_face_points
from fit_avatar.body.model import Body
from fit_avatar.body.skinning import shaped
from fit_avatar.body.state import BodyState
from fit_avatar.capture.types import Capture
from fit_avatar.energies.head import RigidFaces, fit_rigid_faces

_PAIRS = (
    "eyeBlink", "eyeWide", "browDown", "browOuterUp", "mouthSmile", "mouthFrown", "mouthStretch", "mouthUpperUp",
    "mouthLowerDown",
)  # fmt: skip
SOLVED = (
    *(f"{name}{side}" for name in _PAIRS for side in ("Left", "Right")),
    "browInnerUp", "jawOpen", "jawLeft", "jawRight", "mouthPucker", "mouthFunnel", "mouthLeft", "mouthRight",
)  # fmt: skip
"""Shapes that are solved for together. Most of them only take what the others must not explain."""


@dataclass(frozen=True)
class Response:
    """How the detector's points follow a shape."""

    share: float
    """Of a weight that is found: a detector of faces is reluctant to see a shut eye or a smile."""
    faint: float
    """Smaller weights, after that, are no more than what is found on faces at rest."""


RESPONSES: Mapping[str, Response] = MappingProxyType(
    {
        "jawOpen": Response(0.9, 0.12),
        "mouthSmileLeft": Response(0.5, 0.2),
        "mouthSmileRight": Response(0.5, 0.2),
        "eyeBlinkLeft": Response(0.25, 0.25),
        "eyeBlinkRight": Response(0.25, 0.25),
    }
)
"""The shapes whose weights are given, on rendered people whose expressions are known. Weights of brows and of pouting
lips followed the truth too badly there, and gaze and tongue move no point."""


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
STRIDE = 2
"""Of the points, every so many-th: neighbours err together."""
ROBUST_ROUNDS = 10
"""Of reweighted least squares for the face at rest."""


def find_expressions(
    body: Body, state: BodyState, capture: Capture, config: ExpressionConfig = EXPRESSIONS
) -> NDArray[np.float32] | None:
    """Return the weights of the 52 shapes of :func:`~fit_avatar.body.default_body.face_shapes` in each frame.

    Args:
        body: one of the default bodies; others have no shapes.
        state: the fit, whose shape is that of the face at rest.
        capture: has the 468 points of the face, and the fit's camera.
        config: settings.

    Returns:
        [T, 52] in [0, 1]; None where too few frames show a face that is large enough.
    """
    points = capture.point_sets.get("face_468")
    if points is None or body.name not in NAMES:
        return None
    found, every = default_face_points().every(STRIDE), face_shapes()
    surface = shaped(body, state.betas, state.offsets).detach().cpu().double()
    face = _resting(found, surface)
    chosen = [every.names.index(name) for name in SOLVED]
    template = torch.from_numpy(found.on(read_default(body.name).template.double().numpy()))
    size = face.points.std(0).norm() / template.std(0).norm()
    shapes = torch.stack([torch.from_numpy(found.on(every.offsets[k].double().numpy())) for k in chosen]) * size
    detected = torch.from_numpy(points[:, found.index].astype(np.float64))
    seen = _seen(detected, face, capture, config)
    if seen is None:
        return None
    solved = _solved(seen, face, shapes, capture, config)
    weights = np.zeros((len(points), len(every.names)), np.float32)
    for name, response in RESPONSES.items():
        whole = solved[:, SOLVED.index(name)].numpy() / response.share
        weights[:, every.names.index(name)] = ((whole - response.faint) / (1 - response.faint)).clip(0, 1)
    return weights


def between(
    weights: NDArray[np.float32], known_s: NDArray[np.float64], times_s: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return weights at N times, between those of T frames, held before the first and after the last. [N, 52]"""
    columns = [np.interp(times_s, known_s, column) for column in weights.T]
    return np.stack(columns, axis=1).astype(np.float32)


def _resting(found: FacePoints, surface: Tensor) -> RestingFace:
    """Return the points on a person's surface at rest. [V, 3]"""
    first, second, third = surface[torch.from_numpy(found.corners)].unbind(1)
    normals = torch.nn.functional.normalize(torch.linalg.cross(second - first, third - first), dim=-1)
    points = torch.from_numpy(found.on(surface.numpy()))
    return RestingFace(
        points - points.mean(0), normals, torch.from_numpy((found.sigma_m / np.median(found.sigma_m)) ** -2)
    )


@dataclass(frozen=True)
class _Seen:
    """What F frames show of a face, and which of the T frames they are."""

    frames: Tensor  # int64 [F]
    rigid: RigidFaces
    confidence: Tensor  # [F, N]


def _seen(detected: Tensor, face: RestingFace, capture: Capture, config: ExpressionConfig) -> _Seen | None:
    """Return the frames that show a face well enough, with a rigid face placed in each. detected [T, N, 3]"""
    width = detected[..., 0].amax(-1) - detected[..., 0].amin(-1)
    large = torch.nonzero((detected[..., 2].mean(-1) > 0) & (width >= config.least_face_px))[:, 0]
    if len(large) < config.fewest_frames:
        return None
    rigid = fit_rigid_faces(detected[large, :, :2], face, capture.camera)
    place = torch.nn.functional.normalize(rigid.places, dim=-1)
    ahead = -(rigid.rotations[..., 2] * place).sum(-1)
    facing = (config.far_rad - ahead.clamp(-1, 1).acos()) / (config.far_rad - config.near_rad)
    towards = (facing > 0) & (rigid.weights.sum(-1) > 0)
    if int(towards.sum()) < config.fewest_frames:
        return None
    frame_weights = torch.from_numpy(capture.frame_weights.astype(np.float64))[large, None]
    confidence = detected[large, :, 2] * frame_weights * rigid.weights * facing.clamp(0, 1)[:, None]
    return _Seen(large[towards], rigid.frames(towards), confidence[towards])


def _solved(seen: _Seen, face: RestingFace, shapes: Tensor, capture: Capture, config: ExpressionConfig) -> Tensor:
    """Return the weights of E shapes in each of T frames. shapes [E, N, 3] → [T, E]"""
    rigid, frames = seen.rigid, seen.frames
    across = rigid.by_point @ rigid.rotations[:, None]  # from a shift in the head's axes to one in the picture
    moves = torch.einsum("tnij,enj->tnie", across, shapes)
    turns = _turns(rigid)
    off = -rigid.errors  # from the rigid face to the detected points
    links, alike = _links(capture, config), _alike(config).to(off)
    weights = off.new_zeros(len(capture.frame_indices), len(shapes))
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


def _links(capture: Capture, config: ExpressionConfig) -> Tensor:
    """Return how firmly the weights of neighbouring frames hold together; not across cuts. [T − 1, 1]"""
    steps = torch.from_numpy(np.diff(capture.times_s)).clamp_min(1e-3)
    links = 1 / (config.change**2 * steps * 30)
    if capture.pieces is not None:
        links = links * torch.from_numpy(np.diff(capture.pieces) == 0)
    return links[:, None]


def _alike(config: ExpressionConfig) -> Tensor:
    """Return the normal matrix of differences between both sides. [E, E]"""
    sides = torch.zeros(len(_PAIRS), len(SOLVED), dtype=torch.float64)
    for row, name in enumerate(_PAIRS):
        sides[row, SOLVED.index(f"{name}Left")], sides[row, SOLVED.index(f"{name}Right")] = 1, -1
    return sides.T @ sides / config.asymmetry**2


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
