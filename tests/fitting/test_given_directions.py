"""Directions of limbs from given poses: how much they count, and what becomes of the detector's."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from synthetic import CAMERA, turning_person
from torch import Tensor
from torch.nn.functional import normalize

from fit_avatar.body import load_body
from fit_avatar.capture import Capture
from fit_avatar.energies.directions import ENDS
from fit_avatar.fitting import Observations
from fit_avatar.fitting.given_directions import LEAST_RAD, TO_DEPTH, given_directions

FRAMES = 8
EVERYWHERE = torch.ones(FRAMES, dtype=torch.bool)
BEST = 1 / (TO_DEPTH * LEAST_RAD)


def clip() -> tuple[Tensor, Observations]:
    """Return the true keypoints in 3D [T, 25, 3] and what is seen of them."""
    body = load_body()
    points = body.keypoint_regressor @ turning_person(body, FRAMES).vertices
    keypoints = torch.cat([CAMERA.project(points), torch.ones(FRAMES, 25, 1)], -1).numpy()
    capture = Capture(np.arange(FRAMES), keypoints, np.zeros((FRAMES, 8, 8), bool), CAMERA, np.ones(FRAMES, np.float32))
    return points, Observations.of(capture, torch.device("cpu"), None)


def limbs(points: Tensor) -> Tensor:
    first, second = points[:, list(ENDS)].unflatten(1, (-1, 2)).unbind(2)
    return normalize(second - first, dim=-1)


def test_true_poses_are_as_precise_as_any() -> None:
    points, seen = clip()
    known = EVERYWHERE.clone()
    known[2] = False
    directions, precision = given_directions(points, known, seen)
    assert torch.allclose(directions[known], limbs(points)[known], atol=1e-5)
    assert torch.allclose(precision[known], torch.full((FRAMES - 1, 10), BEST), rtol=1e-4)
    assert (precision[2] == 0).all()


def test_poses_that_disagree_with_the_picture_count_less() -> None:
    points, seen = clip()
    angle = math.radians(20)
    turn = torch.tensor([[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0], [0, 0, 1.0]])
    middle = points.mean(1, keepdim=True)
    _, precision = given_directions((points - middle) @ turn.mT + middle, EVERYWHERE, seen)
    assert precision.max() < 0.5 * BEST


def test_the_detector_is_heard_too() -> None:
    points, seen = clip()
    true, detected = limbs(points), torch.full((FRAMES, 10), BEST)
    agreeing = replace(seen, limb_directions=true, limb_precision=detected)
    _, precision = given_directions(points, EVERYWHERE, agreeing)
    assert torch.allclose(precision, math.sqrt(2) * detected, rtol=1e-3)
    opposite = replace(seen, limb_directions=-true, limb_precision=detected)
    assert given_directions(points, EVERYWHERE, opposite)[1].max() < 0.1 * BEST
    alone = replace(seen, limb_directions=-true, limb_precision=detected)
    directions, precision = given_directions(points, ~EVERYWHERE, alone)
    assert torch.allclose(directions, -true, atol=1e-5) and torch.allclose(precision, detected, rtol=1e-4)
