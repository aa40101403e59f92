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
from fit_avatar.energies.head import fit_rigid_faces
from fit_avatar.fitting.expression_weights import EXPRESSIONS, ExpressionConfig, SeenFaces, solve_weights

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


STRIDE = 2
"""Of the points, every so many-th: neighbours err together."""


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
    solved = solve_weights(seen, shapes, _links(capture, config), _alike(config), config)
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


def _seen(detected: Tensor, face: RestingFace, capture: Capture, config: ExpressionConfig) -> SeenFaces | None:
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
    return SeenFaces(large[towards], rigid.frames(towards), confidence[towards])


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
