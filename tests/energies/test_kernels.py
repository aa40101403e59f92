"""Robust kernels: what they are near zero and far out."""

from __future__ import annotations

import pytest
import torch

from fit_avatar import energies as e


@pytest.mark.parametrize("kernel", [e.GemanMcClure(2.0), e.Huber(2.0)])
def test_a_kernels_weight_is_its_derivative(kernel):
    squared = torch.tensor([0.0, 1.0, 3.9, 4.1, 1e6], dtype=torch.float64, requires_grad=True)
    value = kernel(squared)
    (slope,) = torch.autograd.grad(value.sum(), squared)
    torch.testing.assert_close(kernel.weight(squared), slope)
    assert value[0].item() == 0 and slope[0].item() == pytest.approx(1.0)


def test_kernels_far_out():
    far = torch.tensor([1e8], dtype=torch.float64)
    assert e.GemanMcClure(2.0)(far).item() == pytest.approx(4.0, rel=1e-6)
    assert e.Huber(2.0)(far).item() == pytest.approx(2 * 2 * 1e4 - 4)
    assert e.GemanMcClure(e.Annealed(8.0, 2.0)).at(0.5) == e.GemanMcClure(4.0)
    assert str(e.Huber(e.Annealed(8.0, 2.0))) == "Huber δ 8 → 2"
