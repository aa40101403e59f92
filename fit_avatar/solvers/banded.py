"""Gauss–Newton normal equations of a clip: banded over frames, bordered by shared unknowns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

SPAN = 3
"""How many neighbouring frames a residual may see."""


@dataclass
class NormalEquations:
    """``H x = −g`` with D unknowns a frame and S shared by all T frames, in float64, for a batch of clips.

    Frames are coupled to their next two neighbours only, so H is a band with a border of width S.
    """

    diagonal: Tensor  # [..., T, D, D]
    next: Tensor  # [..., T, D, D] block (t+1, t); the last is unused
    second: Tensor  # [..., T, D, D] block (t+2, t); the last two are unused
    border: Tensor  # [..., T, D, S]
    shared: Tensor  # [..., S, S]
    gradient: Tensor  # [..., T, D]
    shared_gradient: Tensor  # [..., S]

    @classmethod
    def zeros(cls, batch: Sequence[int], frames: int, dofs: int, shared: int, device: torch.device) -> NormalEquations:
        """Return an empty system."""

        def make(*shape: int) -> Tensor:
            return torch.zeros(*batch, *shape, dtype=torch.float64, device=device)

        square = (frames, dofs, dofs)
        return cls(
            make(*square), make(*square), make(*square), make(frames, dofs, shared),
            make(shared, shared), make(frames, dofs), make(shared),
        )  # fmt: skip

    def add_rows(
        self,
        residual: Tensor,
        weight: Tensor,
        frames: Tensor | None,
        columns: slice = slice(0),
        shared: Tensor | None = None,
        shared_columns: slice = slice(0),
    ) -> None:
        """Add the weighted squares of residuals.

        Args:
            residual: [..., R, M].
            weight: their weights. [..., R, M]
            frames: derivative to ``columns`` of the unknowns of frames i … i + n − 1, for row i. [..., R, n, M, d]
            columns: of the frames' unknowns.
            shared: derivative to ``shared_columns`` of the shared unknowns. [..., R, M, s]
            shared_columns: of the shared unknowns.
        """
        rows = residual.shape[-2]
        pulled = (weight * residual)[..., None, :]
        if frames is not None:
            weighted = (frames * weight[..., None, :, None]).transpose(-1, -2)  # [..., R, n, d, M]
            bands = (self.diagonal, self.next, self.second)
            for i in range(frames.shape[-3]):
                here = slice(i, i + rows)
                slope = (frames[..., i, :, :] * pulled.transpose(-1, -2)).sum(-2)
                self.gradient[..., here, columns] += slope.double()
                for j in range(i + 1):
                    block = bands[i - j][..., j : j + rows, columns, columns]
                    block += (weighted[..., i, :, :] @ frames[..., j, :, :]).double()
                if shared is not None:
                    border = self.border[..., here, columns, shared_columns]
                    border += (weighted[..., i, :, :] @ shared).double()
        if shared is not None:
            flat = shared.flatten(-3, -2)
            scaled = (shared * weight[..., None]).flatten(-3, -2).transpose(-1, -2)
            self.shared[..., shared_columns, shared_columns] += (scaled @ flat).double()
            self.shared_gradient[..., shared_columns] += (scaled @ residual.flatten(-2)[..., None])[..., 0].double()

    def solve(self, damping: Tensor) -> tuple[Tensor, Tensor]:
        """Return the step of the frames [..., T, D] and of the shared unknowns [..., S].

        ``damping`` [...] scales the diagonal by 1 + damping (Levenberg–Marquardt). Where a clip's system cannot be
        solved, its step is NaN.
        """
        width, dofs = self.border.shape[-1], self.border.shape[-2]
        if dofs == 0:
            step = torch.zeros_like(self.gradient)
            shared = _damped(self.shared, damping)
            return step, _solved(shared, -self.shared_gradient[..., None])[..., 0]
        band = _Band.factorised(_damped(self.diagonal, damping[..., None]), self.next, self.second)
        forward = band.forward(torch.cat([-self.gradient[..., None], self.border], -1))
        if width == 0:
            return band.backward(forward)[..., 0], self.shared_gradient
        # With H = L Lᵀ and Y = L⁻¹ B, the shared unknowns see S − Yᵀ Y: no response to them needs solving back.
        flat = forward.flatten(-3, -2)
        own, response = flat[..., :1], flat[..., 1:]
        schur = _damped(self.shared, damping) - response.transpose(-1, -2) @ response
        right = -self.shared_gradient[..., None] - response.transpose(-1, -2) @ own
        shared = _solved(schur, right)
        rest = (own - response @ shared).unflatten(-2, forward.shape[-3:-1])
        return band.backward(rest)[..., 0], shared[..., 0]


def cholesky(matrix: Tensor) -> Tensor:
    """Return the lower factor; NaN where there is none, so that one clip does not end all."""
    factor, failed = torch.linalg.cholesky_ex(matrix)
    known: Tensor = factor.masked_fill((failed != 0)[..., None, None], torch.nan)
    return known


def _solved(matrix: Tensor, right: Tensor) -> Tensor:
    found: Tensor = torch.linalg.solve_ex(matrix, right).result
    return found


def _damped(matrix: Tensor, damping: Tensor) -> Tensor:
    """Scale the diagonal, and keep it away from zero where nothing is known. matrix [..., n, n], damping [...]"""
    diagonal = torch.diagonal(matrix, dim1=-2, dim2=-1)
    floor = 1e-9 + 1e-11 * diagonal.amax(-1, keepdim=True)
    return matrix + torch.diag_embed(damping[..., None] * diagonal + floor)


@dataclass(frozen=True)
class _Band:
    """The Cholesky factor of the band, in blocks of two frames; a lone last frame has one that is independent of it."""

    factors: list[Tensor]  # of P pairs, [..., 2D, 2D] lower triangular
    links: list[Tensor]  # P − 1 blocks below them [..., 2D, 2D]
    frames: int

    @classmethod
    def factorised(cls, diagonal: Tensor, below: Tensor, second: Tensor) -> _Band:
        """Factorise a band of blocks [..., T, D, D]."""
        *batch, frames, dofs, _ = diagonal.shape
        # What would couple to frames past the last is no part of the system.
        below, second = below.clone(), second.clone()
        below[..., -1:, :, :], second[..., -2:, :, :] = 0, 0
        if frames == 1:
            return cls([cholesky(diagonal[..., 0, :, :])], [], 1)
        if frames % 2:
            identity = torch.eye(dofs, dtype=diagonal.dtype, device=diagonal.device).expand(*batch, 1, dofs, dofs)
            diagonal = torch.cat([diagonal, identity], -3)
            below, second = (torch.cat([part, torch.zeros_like(identity)], -3) for part in (below, second))
        pairs = diagonal.shape[-3] // 2
        even, odd = slice(0, None, 2), slice(1, None, 2)
        main = diagonal.new_zeros(*batch, pairs, 2 * dofs, 2 * dofs)
        main[..., :dofs, :dofs], main[..., dofs:, dofs:] = diagonal[..., even, :, :], diagonal[..., odd, :, :]
        main[..., dofs:, :dofs] = below[..., even, :, :]
        main[..., :dofs, dofs:] = below[..., even, :, :].transpose(-1, -2)
        above = diagonal.new_zeros(*batch, pairs, 2 * dofs, 2 * dofs)  # block (p, p + 1)
        above[..., :dofs, :dofs] = second[..., even, :, :].transpose(-1, -2)
        above[..., dofs:, dofs:] = second[..., odd, :, :].transpose(-1, -2)
        above[..., dofs:, :dofs] = below[..., odd, :, :].transpose(-1, -2)

        factors: list[Tensor] = []
        links: list[Tensor] = []
        for p in range(pairs):
            block = main[..., p, :, :]
            if p:
                up = torch.linalg.solve_triangular(factors[-1], above[..., p - 1, :, :], upper=False)
                links.append(up.transpose(-1, -2))
                block = block - links[-1] @ up
            factors.append(cholesky(block))
        return cls(factors, links, frames)

    def forward(self, right: Tensor) -> Tensor:
        """Return L⁻¹ right. [..., T, D, R]"""
        blocks = self._paired(right)
        solved: list[Tensor] = []
        for p, factor in enumerate(self.factors):
            target = blocks[..., p, :, :]
            if p:
                target = target - self.links[p - 1] @ solved[-1]
            solved.append(torch.linalg.solve_triangular(factor, target, upper=False))
        return self._unpaired(solved, right)

    def backward(self, right: Tensor) -> Tensor:
        """Return L⁻ᵀ right. [..., T, D, R]"""
        blocks = self._paired(right)
        solved = [blocks[..., p, :, :] for p in range(len(self.factors))]
        for p in reversed(range(len(self.factors))):
            if p < len(self.links):
                solved[p] = solved[p] - self.links[p].transpose(-1, -2) @ solved[p + 1]
            solved[p] = torch.linalg.solve_triangular(self.factors[p].transpose(-1, -2), solved[p], upper=True)
        return self._unpaired(solved, right)

    def _paired(self, right: Tensor) -> Tensor:
        if self.frames == 1:
            return right
        if self.frames % 2:
            right = torch.cat([right, torch.zeros_like(right[..., :1, :, :])], -3)
        *batch, frames, dofs, columns = right.shape
        return right.reshape(*batch, frames // 2, 2 * dofs, columns)

    def _unpaired(self, solved: list[Tensor], right: Tensor) -> Tensor:
        dofs, columns = right.shape[-2:]
        whole = torch.stack(solved, -3).reshape(*right.shape[:-3], -1, dofs, columns)
        frames: Tensor = whole[..., : self.frames, :, :]
        return frames
