"""The inverse of a sparse matrix is that of the dense one, by either factor."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix, diags, random

from fit_avatar.solvers.inverse import BlockCholesky, inverse_of


def symmetric(count, seed=0):
    """Return a random sparse matrix that is positive definite, in two pieces that are not coupled."""
    entries = random(count, count, min(1.0, 3 / count), random_state=seed, format="lil")
    entries[: count // 2, count // 2 :] = entries[count // 2 :, : count // 2] = 0
    whole = csr_matrix(entries)
    return csr_matrix(whole @ whole.T + diags(np.linspace(0.1, 2.0, count)))


@pytest.mark.parametrize("count", [1, 7, 64])
def test_both_factors_are_the_inverse(count):
    matrix = symmetric(count)
    right = torch.from_numpy(np.random.default_rng(1).normal(size=(count, 3)))
    expected = np.linalg.solve(matrix.toarray(), right.numpy())
    cpu = torch.device("cpu")
    for inverse in (inverse_of(matrix, cpu), BlockCholesky.of(matrix, cpu).solve):
        np.testing.assert_allclose(inverse(right).numpy(), expected, rtol=1e-8, atol=1e-10)


def test_a_matrix_that_is_not_positive_definite_gives_no_number():
    indefinite = csr_matrix(np.diag([1.0, -1.0, 2.0]))
    assert not torch.isfinite(BlockCholesky.of(indefinite, torch.device("cpu")).solve(torch.ones(3, 1).double())).all()
