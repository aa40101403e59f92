"""Averages over the vertices around each are those of the sparse operators for arrays."""

import numpy as np
import torch
from toy_body import toy_body

from fit_avatar.body.averaging import Averaging
from fit_avatar.body.operators import adjacency, dilated, smoothed

BODY = toy_body(12, 16)
NEIGHBOURS = adjacency(BODY.faces.numpy(), len(BODY.template))
AVERAGING = Averaging.of(NEIGHBOURS, torch.device("cpu"))


def test_values_are_smoothed() -> None:
    values = torch.randn(len(BODY.template), 2, 3, generator=torch.Generator().manual_seed(0))
    for rounds in (0, 1, 4):
        expected = smoothed(values.numpy(), NEIGHBOURS, rounds)
        np.testing.assert_allclose(AVERAGING.smoothed(values, rounds), expected, atol=1e-6)
    one = AVERAGING.smoothed(values[:, 0, 0], 2)
    np.testing.assert_allclose(one, smoothed(values[:, 0, 0].numpy(), NEIGHBOURS, 2), atol=1e-6)


def test_chosen_vertices_spread_over_edges() -> None:
    chosen = torch.zeros(len(BODY.template), dtype=torch.bool)
    chosen[[3, 60]] = True
    for rings in (0, 2):
        np.testing.assert_array_equal(AVERAGING.dilated(chosen, rings), dilated(chosen.numpy(), NEIGHBOURS, rings))
