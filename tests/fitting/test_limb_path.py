"""The likeliest sequence of poses of arms and legs."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

import numpy as np
import torch
from synthetic import CAMERA

from fit_avatar.capture import Capture
from fit_avatar.capture.limb_directions import LIMBS
from fit_avatar.energies import Term, mixture_pose_prior
from fit_avatar.fitting import FitState, Observations
from fit_avatar.fitting.limb_path import _prior_costs, _viterbi, likeliest_sides
from fit_avatar.fitting.limb_sides import CHAINS, limb_sides
from fit_avatar.solvers import ClipState, Problem, Unknowns
from tests.fitting.sitting import BODY, LEGS, joints, seen_of, segments, sitting


def observed(clip: ClipState) -> Observations:
    frames = len(clip.transl)
    keypoints, empty = seen_of(clip).numpy(), np.zeros((frames, 8, 8), bool)
    capture = Capture(np.arange(frames), keypoints, empty, CAMERA, np.ones(frames, np.float32))
    return Observations.of(capture, torch.device("cpu"))


def test_the_pass_finds_the_cheapest_of_all_sequences() -> None:
    generator = torch.Generator().manual_seed(1)
    cost, turning = torch.rand(2, 4, 4, 4, 4, generator=generator), torch.rand(1, 4, 4, 4, generator=generator)
    path = _viterbi(cost, turning)

    def price(first: tuple[int, ...], second: tuple[int, ...]) -> float:
        return float(cost[0][first] + cost[1][second] + sum(turning[0, k, second[k], first[k]] for k in range(4)))

    found = price(tuple(path[0].tolist()), tuple(path[1].tolist()))
    states = torch.cartesian_prod(*[torch.arange(4)] * 4)
    one_after_other = cost[0].flatten()[:, None] + cost[1].flatten()[None]
    for k in range(4):
        one_after_other = one_after_other + turning[0, k][states[None, :, k], states[:, None, k]]
    assert found == one_after_other.min()


def test_the_prior_is_that_of_the_solves() -> None:
    clip = sitting()
    sides = limb_sides(BODY, clip, seen_of(clip), CAMERA)
    costs = _prior_costs(BODY, clip, sides)
    for poses in list(product(range(4), repeat=len(CHAINS)))[::50]:
        changed = sides.chosen(clip, BODY, torch.tensor([poses]))
        unknowns = Unknowns.of(BODY, changed)
        objective = Problem((Term(mixture_pose_prior, 1.0),), {}).bind(unknowns)
        x = unknowns.posed_body()
        with torch.no_grad():
            expected = float(objective.values(x, objective.prepared(x)))
        assert math.isclose(float(costs[0][poses]), expected, rel_tol=1e-3)


def test_thighs_of_who_sits_point_to_the_camera() -> None:
    truth = sitting(3)
    seen, standing = observed(truth), FitState.upright(BODY, 3).clip
    sides = limb_sides(BODY, standing, seen.keypoints, CAMERA)
    path = likeliest_sides(BODY, standing, sides, seen)
    found = segments(sides.chosen(standing, BODY, path))
    assert ((found - segments(truth)).norm(dim=-1)[:, LEGS, 0] < 0.1).all()
    assert (joints(truth) - joints(standing)).norm(dim=-1).max() > 0.3  # not so at the start


def test_a_detector_that_tells_directions_is_believed() -> None:
    truth = sitting(3)
    seen, standing = observed(truth), FitState.upright(BODY, 3).clip
    sides = limb_sides(BODY, standing, seen.keypoints, CAMERA)
    away = sides.directions[:, 3, 1]  # the right leg's pose whose shin points away
    directions, precision = torch.zeros(3, len(LIMBS), 3), torch.zeros(3, len(LIMBS))
    for i, name in enumerate(("right_hip-right_knee", "right_knee-right_ankle")):
        directions[:, list(LIMBS).index(name)] = away[:, i]
        precision[:, list(LIMBS).index(name)] = 10.0
    told = replace(seen, limb_directions=directions, limb_precision=precision)
    assert (likeliest_sides(BODY, standing, sides, seen)[:, 3] == 0).all()
    assert (likeliest_sides(BODY, standing, sides, told)[:, 3] == 1).all()
