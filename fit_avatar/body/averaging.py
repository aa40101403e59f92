"""Averages over the vertices around each, on the device of the values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_matrix, diags, identity
from torch import Tensor
from torch.nn.functional import embedding_bag


@dataclass(frozen=True)
class Averaging:
    """Umbrella smoothing over a mesh, as :func:`~fit_avatar.body.operators.smoothed` does it for arrays."""

    vertices: Tensor  # [E] int32, each vertex and its neighbours, one vertex after the other
    start: Tensor  # [V] int32, where those of a vertex begin
    weights: Tensor  # [E]

    @classmethod
    def of(cls, neighbours: csr_matrix, device: torch.device) -> Averaging:
        """Prepare averages over neighbours [V, V]."""
        degree = np.asarray(neighbours.sum(axis=1)).ravel()
        average = csr_matrix(diags(1 / (degree + 1)) @ (neighbours + identity(len(degree))), dtype=np.float32)
        parts = average.indices.astype(np.int32), average.indptr[:-1].astype(np.int32), average.data
        return cls(*(torch.from_numpy(part).to(device) for part in parts))

    def smoothed(self, values: Tensor, rounds: int) -> Tensor:
        """Return vertex values [V, ...] averaged with their neighbours', ``rounds`` times."""
        columns = values.reshape(len(values), -1)
        for _ in range(rounds):
            columns = embedding_bag(self.vertices, columns, self.start, mode="sum", per_sample_weights=self.weights)
        return columns.reshape(values.shape)

    def dilated(self, chosen: Tensor, rings: int) -> Tensor:
        """Return the vertices at most ``rings`` edges away from the chosen ones. [V]"""
        return self.smoothed(chosen.to(self.weights), rings) > 0
