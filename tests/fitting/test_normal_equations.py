"""The banded, bordered solve against a dense one."""

import pytest
import torch

from fit_avatar.fitting.normal_equations import NormalEquations

DOFS, SHARED = 5, 3


@pytest.mark.parametrize("frames", [1, 2, 3, 6, 7])
def test_agrees_with_the_dense_solution(frames):
    torch.manual_seed(frames)
    system = NormalEquations.zeros(frames, DOFS, SHARED, torch.device("cpu"))
    rows, shared_rows = torch.randn(frames, 20, DOFS), torch.randn(frames, 20, SHARED)
    residual, weight = torch.randn(frames, 20), torch.rand(frames, 20)
    system.add_rows(rows, shared_rows, residual, weight)
    stacked = [torch.zeros(0, frames * DOFS + SHARED)]
    targets, weights = [torch.zeros(0)], [torch.zeros(0)]
    for t in range(frames):
        wide = torch.zeros(20, frames * DOFS + SHARED)
        wide[:, t * DOFS : (t + 1) * DOFS], wide[:, frames * DOFS :] = rows[t], shared_rows[t]
        stacked.append(wide)
        targets.append(residual[t])
        weights.append(weight[t])
    if frames > 2:
        stencil, difference, stiffness = torch.randn(frames - 2, 3), torch.randn(frames - 2, 2), torch.rand(2) + 0.5
        system.add_stencil(slice(1, 3), stencil, difference, stiffness)
        for t in range(frames - 2):
            for c in range(2):
                wide = torch.zeros(1, frames * DOFS + SHARED)
                wide[0, [(t + i) * DOFS + 1 + c for i in range(3)]] = stencil[t]
                stacked.append(wide)
                targets.append(difference[t, c : c + 1])
                weights.append(stiffness[c : c + 1])
    a, b, w = (torch.cat(part).double() for part in (stacked, targets, weights))
    expected = torch.linalg.solve(a.T @ (w[:, None] * a), -a.T @ (w * b))
    step, shared = system.solve(0.0)
    torch.testing.assert_close(torch.cat([step.flatten(), shared]), expected, rtol=1e-4, atol=1e-5)


def test_damping_shortens_the_step():
    torch.manual_seed(0)
    system = NormalEquations.zeros(4, DOFS, SHARED, torch.device("cpu"))
    system.add_rows(torch.randn(4, 20, DOFS), torch.randn(4, 20, SHARED), torch.randn(4, 20), torch.ones(4, 20))
    free, _ = system.solve(0.0)
    held, _ = system.solve(10.0)
    assert held.norm() < free.norm()
