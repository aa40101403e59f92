"""The banded, bordered solve against a dense one."""

import pytest
import torch

from fit_avatar.solvers.banded import NormalEquations

DOFS, SHARED = 5, 3


@pytest.mark.parametrize("frames", [1, 2, 3, 6, 7])
def test_agrees_with_the_dense_solution(frames):
    torch.manual_seed(frames)
    system = NormalEquations.zeros((), frames, DOFS, SHARED, torch.device("cpu"))
    rows, shared_rows = torch.randn(frames, 20, DOFS), torch.randn(frames, 20, SHARED)
    residual, weight = torch.randn(frames, 20), torch.rand(frames, 20)
    system.add_rows(residual, weight, rows[:, None], slice(0, DOFS), shared_rows, slice(0, SHARED))
    stacked = [torch.zeros(0, frames * DOFS + SHARED)]
    targets, weights = [torch.zeros(0)], [torch.zeros(0)]
    for t in range(frames):
        wide = torch.zeros(20, frames * DOFS + SHARED)
        wide[:, t * DOFS : (t + 1) * DOFS], wide[:, frames * DOFS :] = rows[t], shared_rows[t]
        stacked.append(wide)
        targets.append(residual[t])
        weights.append(weight[t])
    for span in range(2, min(frames, 3) + 1):  # rows that see neighbouring frames, and some of the unknowns
        count = frames - span + 1
        block, wide_shared = torch.randn(count, span, 4, 2), torch.randn(count, 4, 2)
        difference, stiffness = torch.randn(count, 4), torch.rand(count, 4) + 0.5
        system.add_rows(difference, stiffness, block, slice(1, 3), wide_shared, slice(1, 3))
        for t in range(count):
            wide = torch.zeros(4, frames * DOFS + SHARED)
            for i in range(span):
                wide[:, (t + i) * DOFS + 1 : (t + i) * DOFS + 3] = block[t, i]
            wide[:, frames * DOFS + 1 : frames * DOFS + 3] = wide_shared[t]
            stacked.append(wide)
            targets.append(difference[t])
            weights.append(stiffness[t])
    a, b, w = (torch.cat(part).double() for part in (stacked, targets, weights))
    expected = torch.linalg.solve(a.T @ (w[:, None] * a), -a.T @ (w * b))
    step, shared = system.solve(torch.zeros((), dtype=torch.float64))
    torch.testing.assert_close(torch.cat([step.flatten(), shared]), expected, rtol=1e-4, atol=1e-5)


def test_damping_shortens_the_step_of_each_clip_on_its_own():
    torch.manual_seed(0)
    system = NormalEquations.zeros((2,), 4, DOFS, SHARED, torch.device("cpu"))
    system.add_rows(
        torch.randn(1, 4, 20).expand(2, -1, -1),
        torch.ones(2, 4, 20),
        torch.randn(1, 4, 1, 20, DOFS).expand(2, -1, -1, -1, -1),
        slice(0, DOFS),
        torch.randn(1, 4, 20, SHARED).expand(2, -1, -1, -1),
        slice(0, SHARED),
    )
    step, _ = system.solve(torch.tensor([0.0, 10.0], dtype=torch.float64))
    assert step[1].norm() < step[0].norm()
    alone, _ = system.solve(torch.zeros(2, dtype=torch.float64))
    torch.testing.assert_close(alone[0], step[0])


def test_shared_unknowns_alone():
    system = NormalEquations.zeros((), 1, 0, 2, torch.device("cpu"))
    rows = torch.tensor([[[1.0, 0.0], [0.0, 2.0]]])
    system.add_rows(torch.tensor([[1.0, 4.0]]), torch.ones(1, 2), None, shared=rows, shared_columns=slice(0, 2))
    _, shared = system.solve(torch.zeros((), dtype=torch.float64))
    torch.testing.assert_close(shared, torch.tensor([-1.0, -2.0], dtype=torch.float64))
