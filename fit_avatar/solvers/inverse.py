"""The inverse of a sparse, symmetric and positive definite matrix, applied on the device where the vectors are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import reverse_cuthill_mckee
from scipy.sparse.linalg import splu
from torch import Tensor

from fit_avatar.solvers.banded import cholesky

Inverse = Callable[[Tensor], Tensor]
"""Takes and returns vectors as columns. float64 [N, K]"""


def inverse_of(matrix: csr_matrix, device: torch.device) -> Inverse:
    """Return the inverse of a sparse matrix [N, N]: SuperLU's factor on the CPU, a band of dense blocks elsewhere.

    On the CPU the sparse factor is some four times as fast; elsewhere every vector would have to be copied to it.
    """
    if device.type != "cpu":
        return BlockCholesky.of(matrix, device).solve
    factor = splu(matrix.tocsc(), permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})
    return lambda right: torch.from_numpy(factor.solve(right.numpy()))


@dataclass(frozen=True)
class BlockCholesky:
    """A = L Lᵀ of a matrix whose rows are ordered so that it is a band, in dense blocks as large as the band is wide.

    A mesh of 13,700 vertices has a band of some 500: 26 blocks, two products with each of which make a solve.
    """

    order: Tensor  # [N] int64, the row that stands at each place of the band
    inverses: Tensor  # [P, W, W] float64, of L's blocks on the diagonal
    links: Tensor  # [P − 1, W, W] L's blocks below

    @classmethod
    def of(cls, matrix: csr_matrix, device: torch.device) -> BlockCholesky:
        """Factorise a matrix; where it is not positive definite, what it solves is not a finite number."""
        order = reverse_cuthill_mckee(matrix.tocsr(), symmetric_mode=True)
        band = matrix.tocsr()[order][:, order].tocoo()
        width = max(1, int(np.abs(band.row - band.col).max(initial=0)))
        count = -(-matrix.shape[0] // width)
        entries = torch.from_numpy(np.stack([band.row, band.col]).astype(np.int64)).to(device)
        values, (row, column) = torch.from_numpy(band.data.astype(np.float64)).to(device), entries
        # The blocks (p, p) of every row of blocks, each followed by (p, p − 1); what is above the diagonal is left out.
        blocks = torch.zeros(count, 2, width, width, dtype=torch.float64, device=device)
        lower = row // width - column // width
        kept = (lower >= 0).to(values)
        blocks.index_put_(
            (row // width, lower.clamp_min(0), row % width, column % width), values * kept, accumulate=True
        )
        filled = torch.arange(count * width, device=device) >= matrix.shape[0]  # the last block is padded with ones
        blocks[:, 0] += torch.diag_embed(filled.to(values).view(count, width))
        identity = torch.eye(width, dtype=torch.float64, device=device)
        inverses: list[Tensor] = []
        links: list[Tensor] = []
        for p in range(count):
            block = blocks[p, 0]
            if p:
                links.append(blocks[p, 1] @ inverses[-1].T)
                block = block - links[-1] @ links[-1].T
            inverses.append(torch.linalg.solve_triangular(cholesky(block), identity, upper=False))
        below = torch.stack(links) if links else blocks.new_zeros(0, width, width)
        return cls(torch.from_numpy(order.astype(np.int64)).to(device), torch.stack(inverses), below)

    def solve(self, right: Tensor) -> Tensor:
        """Return A⁻¹ right. [N, K]"""
        count, width = self.inverses.shape[:2]
        padded = right.new_zeros(count * width, right.shape[-1])
        padded[: len(right)] = right[self.order]
        blocks = list(padded.view(count, width, -1))
        for p in range(count):
            target = blocks[p] - self.links[p - 1] @ blocks[p - 1] if p else blocks[p]
            blocks[p] = self.inverses[p] @ target
        for p in reversed(range(count)):
            target = blocks[p] - self.links[p].T @ blocks[p + 1] if p + 1 < count else blocks[p]
            blocks[p] = self.inverses[p].T @ target
        solved = torch.cat(blocks)[: len(right)]
        return torch.zeros_like(right).index_copy(0, self.order, solved)
