"""Gauss–Newton normal equations of a clip: banded over frames, bordered by shared unknowns."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class NormalEquations:
    """``H x = −g`` with D unknowns a frame and S shared by all T frames, in float64.

    Frames are coupled to their next two neighbours only, so H is a band with a border of width S.
    """

    diagonal: Tensor  # [T, D, D]
    next: Tensor  # [T, D, D] block (t+1, t); the last is unused
    second: Tensor  # [T, D, D] block (t+2, t); the last two are unused
    border: Tensor  # [T, D, S]
    shared: Tensor  # [S, S]
    gradient: Tensor  # [T, D]
    shared_gradient: Tensor  # [S]

    @classmethod
    def zeros(cls, frames: int, dofs: int, shared: int, device: torch.device) -> NormalEquations:
        """Return an empty system."""

        def make(*shape: int) -> Tensor:
            return torch.zeros(*shape, dtype=torch.float64, device=device)

        square = (frames, dofs, dofs)
        return cls(
            make(*square), make(*square), make(*square), make(frames, dofs, shared),
            make(shared, shared), make(frames, dofs), make(shared),
        )  # fmt: skip

    def add_rows(self, jacobian: Tensor, shared_jacobian: Tensor | None, residual: Tensor, weight: Tensor) -> None:
        """Add weighted squares of residuals that see one frame each.

        jacobian [T, M, D], shared_jacobian [T, M, S] or None, residual and weight [T, M].
        """
        weighted = jacobian * weight[..., None]
        self.diagonal += (weighted.transpose(1, 2) @ jacobian).double()
        self.gradient += (weighted.transpose(1, 2) @ residual[..., None])[..., 0].double()
        if shared_jacobian is not None:
            self.border += (weighted.transpose(1, 2) @ shared_jacobian).double()
            scaled = (shared_jacobian * weight[..., None]).flatten(0, 1)
            self.shared += (scaled.T @ shared_jacobian.flatten(0, 1)).double()
            self.shared_gradient += (scaled.T @ residual.flatten()).double()

    def add_stencil(self, columns: slice, coefficients: Tensor, residual: Tensor, weight: Tensor) -> None:
        """Add weighted squares of ``Σ_i c_i x_{t+i}``, i = 0, 1, 2: a difference in time.

        coefficients [T−2, 3], residual [T−2, n], weight [n] for the n unknowns in ``columns``.
        """
        count = len(residual)
        for i in range(3):
            ci = coefficients[:, i, None].double()
            self.gradient[i : i + count, columns] += ci * (weight * residual).double()
            for j in range(i + 1):
                cj = coefficients[:, j, None].double()
                block = (self.diagonal, self.next, self.second)[i - j]
                diagonal = torch.diagonal(block[j : j + count, columns, columns], dim1=1, dim2=2)
                diagonal += ci * cj * weight.double()

    def solve(self, damping: float) -> tuple[Tensor, Tensor]:
        """Return the step of the frames [T, D] and of the shared unknowns [S].

        ``damping`` scales the diagonal by 1 + damping (Levenberg–Marquardt).
        """
        width = self.border.shape[-1]
        right = torch.cat([-self.gradient[..., None], self.border], -1)
        solved = _solve_banded(_damped(self.diagonal, damping), self.next, self.second, right)
        step, response = solved[..., 0], solved[..., 1:]
        if width == 0:
            return step, self.shared_gradient
        border = self.border.reshape(-1, width)
        schur = _damped(self.shared, damping) - border.T @ response.reshape(-1, width)
        right_shared = -self.shared_gradient - border.T @ step.reshape(-1)
        shared_step = torch.linalg.solve(schur, right_shared)
        return step - (response @ shared_step[:, None])[..., 0], shared_step


def _damped(matrix: Tensor, damping: float) -> Tensor:
    diagonal = torch.diagonal(matrix, dim1=-2, dim2=-1)
    return matrix + torch.diag_embed(damping * diagonal + 1e-9)


def _solve_banded(diagonal: Tensor, below: Tensor, second: Tensor, right: Tensor) -> Tensor:
    """Solve the band by a block Cholesky over pairs of frames. right [T, D, R] → [T, D, R]"""
    frames, dofs, columns = right.shape
    # What would couple to frames past the last is no part of the system.
    below, second = below.clone(), second.clone()
    below[-1:], second[-2:] = 0, 0
    if frames % 2:  # an independent frame makes the pairs even
        identity = torch.eye(dofs, dtype=diagonal.dtype, device=diagonal.device)[None]
        diagonal = torch.cat([diagonal, identity])
        below, second = (torch.cat([part, torch.zeros_like(identity)]) for part in (below, second))
        right = torch.cat([right, torch.zeros_like(right[:1])])
    pairs = len(diagonal) // 2
    main = diagonal.new_zeros(pairs, 2 * dofs, 2 * dofs)
    main[:, :dofs, :dofs], main[:, dofs:, dofs:] = diagonal[0::2], diagonal[1::2]
    main[:, dofs:, :dofs] = below[0::2]
    main[:, :dofs, dofs:] = below[0::2].transpose(1, 2)
    lower = diagonal.new_zeros(pairs, 2 * dofs, 2 * dofs)  # block (p+1, p)
    lower[:, :dofs, :dofs], lower[:, dofs:, dofs:] = second[0::2], second[1::2]
    lower[:, :dofs, dofs:] = below[1::2]
    rights = right.reshape(pairs, 2 * dofs, columns)

    factors: list[Tensor] = []
    links: list[Tensor] = []
    forward: list[Tensor] = []
    for p in range(pairs):
        block, target = main[p], rights[p]
        if p:
            link = torch.linalg.solve_triangular(factors[-1], lower[p - 1].T, upper=False).T
            links.append(link)
            block = block - link @ link.T
            target = target - link @ forward[-1]
        factors.append(torch.linalg.cholesky(block))
        forward.append(torch.linalg.solve_triangular(factors[-1], target, upper=False))
    solution: list[Tensor] = [forward[-1]] * pairs
    for p in reversed(range(pairs)):
        target = forward[p] if p == pairs - 1 else forward[p] - links[p].T @ solution[p + 1]
        solution[p] = torch.linalg.solve_triangular(factors[p].T, target, upper=True)
    return torch.stack(solution).reshape(2 * pairs, dofs, columns)[:frames]
