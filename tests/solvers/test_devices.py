"""A solve gives on another device what it gives here, mixes no devices, and seldom waits for the device."""

from dataclasses import replace

import pytest
import torch
from pretend_device import PretendDevice, on_device
from toy_body import turning_state

from fit_avatar.body import pose_body
from fit_avatar.capture import Camera
from fit_avatar.energies import (
    Annealed,
    GemanMcClure,
    Term,
    energy,
    keypoint_reprojection,
    laplacian,
    offset_prior,
    rotation_acceleration,
    shape_prior,
    symmetry,
)
from fit_avatar.solvers import LBFGS, Adam, ConjugateGradient, GaussNewton, Problem, SparseOffsets, Unknowns, solve

CAMERA = Camera(500.0, 500.0, 320.0, 240.0, 640, 480)
FRAMES = 5
POSE = (
    Term(keypoint_reprojection, 1.0, GemanMcClure(Annealed(200.0, 50.0))),
    Term(rotation_acceleration, 10.0),
    Term(shape_prior, 1.0),
)
SURFACE = (Term(laplacian, 3.0), Term(offset_prior, 1.0), Term(symmetry, 2.0))


@energy(wanted="V 3")
def measured(x, wanted):
    """A term of one's own, which declares no derivative to the offsets."""
    return x.offsets - wanted


BAND = GaussNewton(4)
CASES = {
    "Gauss-Newton": (BAND, POSE, None, 4, 8),
    "Gauss-Newton with frozen joints": (BAND, POSE, ("left_knee",), 4, 8),
    "conjugate gradients": (
        GaussNewton(2, linear_solver=ConjugateGradient(max_products=12, probes=2)),
        POSE,
        None,
        6,
        8,
    ),
    "Adam": (Adam(16, refresh=8), POSE, None, 0.5, 12),
    "L-BFGS": (LBFGS(3, refresh=3), POSE, None, 25, 16),
}
"""Optimiser, terms, frozen joints, and how often it may wait for the device: in each iteration, and besides. The line
search of L-BFGS is PyTorch's, which decides on the host."""


@pytest.fixture(scope="module")
def truth(body):
    return turning_state(body, FRAMES)


@pytest.fixture(scope="module")
def observations(body, truth):
    points = CAMERA.project(torch.einsum("kv,tvc->tkc", body.keypoint_regressor, pose_body(body, truth).vertices))
    return {
        "keypoints": torch.cat([points, torch.ones(FRAMES, 25, 1)], -1),
        "camera": CAMERA,
        "frame_intervals_s": torch.full((FRAMES - 1,), 1 / 30),
    }


def start(body, truth, frozen):
    away = replace(truth, transl=truth.transl + 0.03, body_pose=truth.body_pose + 0.02, betas=truth.betas * 0)
    return Unknowns.of(body, away, frozen_joints=frozen or ())


@pytest.mark.parametrize("name", CASES)
def test_a_solve_stays_on_its_device(body, truth, observations, name):
    optimiser, terms, frozen, each, besides = CASES[name]
    problem, initial = Problem(terms, observations), start(body, truth, frozen)
    expected = solve(problem, initial, optimiser)
    with PretendDevice() as device:
        found = solve(problem, on_device(initial), optimiser)
        assert found.unknowns.values["betas"].is_meta
        vertices = found.unknowns.posed_body().vertices.cpu()
    assert found.summary.iterations == expected.summary.iterations
    torch.testing.assert_close(vertices, expected.unknowns.posed_body().vertices, rtol=0, atol=1e-4)
    least = each * expected.summary.iterations + besides
    assert device.reads.total() <= least, device.reads.most_common()


@pytest.mark.parametrize("solver", [SparseOffsets(), ConjugateGradient(max_products=40, probes=4)])
def test_offsets_stay_on_their_device(body, truth, solver):
    wanted = 0.01 * torch.randn(truth.offsets.shape, generator=torch.Generator().manual_seed(1))
    problem = Problem([*SURFACE, Term(measured, 4.0, data={"wanted": wanted})])
    optimiser = GaussNewton(2, damping=0.0, linear_solver=solver)
    initial = Unknowns.of(body, truth, ("offsets",))
    expected = solve(problem, initial, optimiser).unknowns.values["offsets"]
    with PretendDevice() as device:
        found = solve(problem, on_device(initial), optimiser).unknowns.values["offsets"].cpu()
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
    inside = sum(n for line, n in device.reads.items() if line.startswith(("solvers/sparse", "solvers/conj")))
    assert inside <= 20, device.reads.most_common()  # for some 100 products
