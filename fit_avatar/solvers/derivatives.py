"""Derivatives of a term by automatic differentiation, in the blocks that Gauss–Newton needs.

A row of a residual sees n neighbouring frames only. Rows n apart therefore see different frames, and their
derivatives can be computed together: the cost does not grow with the number of frames in sweeps, only in size.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from fit_avatar.energies.blocks import Blocks
from fit_avatar.energies.term import Term
from fit_avatar.errors import BadInputError
from fit_avatar.solvers.banded import SPAN
from fit_avatar.solvers.problem import Objective
from fit_avatar.solvers.unknowns import Unknowns

CHUNK = 32
"""Sweeps that are made together."""
TOLERANCE = 2e-3
"""Largest relative difference of a derivative from autograd's, in single precision."""


def autograd_blocks(
    objective: Objective, unknowns: Unknowns, term: Term, fields: Mapping[str, Any], rows: int
) -> Blocks:
    """Return a term's derivative to all free unknowns.

    Raises:
        BadInputError: rows of the residual see more than three frames.
    """
    with torch.enable_grad():
        steps = _leaves(unknowns, rows)
        residual = _rows(objective, unknowns, term, fields, steps)
        used = _used(residual, steps)
        per_frame = {n: s for n, s in used.items() if not unknowns.named[n].shared}
        span = 1 if not per_frame else unknowns.frames - rows + 1
        if span > SPAN:
            raise BadInputError(
                f"the term {term.name!r} sees {span} frames at once, but Gauss–Newton can only use terms that see up "
                f"to {SPAN} neighbouring frames: solve it with LBFGS or Adam"
            )
        if not used:
            return Blocks()
        columns = sum(s.shape[-1] for s in used.values())
        by_rows = residual.shape[-1] * span <= 2 * columns * span
        sweep = _by_rows if by_rows else _by_columns
        return sweep(unknowns, residual, used, span)


def check_blocks(
    objective: Objective, unknowns: Unknowns, term: Term, fields: Mapping[str, Any], blocks: Blocks, rows: int
) -> None:
    """Compare a derivative with autograd along one random direction.

    Raises:
        BadInputError: they differ.
    """
    generator = torch.Generator().manual_seed(0)
    with torch.enable_grad():
        steps = _leaves(unknowns, rows, shared_rows=1)
        residual = _rows(objective, unknowns, term, fields, steps)
        used = _used(residual, steps)
        dummy = torch.zeros_like(residual, requires_grad=True)
        slopes = torch.autograd.grad(residual, list(used.values()), dummy, create_graph=True) if used else ()
        along = {n: torch.randn(s.shape, generator=generator).to(s) for n, s in used.items()}
        expected = torch.zeros_like(residual)
        if used:
            (expected,) = torch.autograd.grad(slopes, dummy, list(along.values()))
    found = torch.zeros_like(residual)
    for name, block in blocks.frames.items():
        if name in along:
            chosen = unknowns.named[name].free_index
            block = _with_span(block, residual)[..., chosen]
            for i in range(block.shape[-3]):
                step = along[name][..., i : i + rows, :]
                found = found + (block[..., i, :, :] @ step[..., None])[..., 0]
    for name, block in blocks.shared.items():
        if name in along:
            chosen = unknowns.named[name].free_index
            found = found + (block[..., chosen] @ along[name][..., None])[..., 0]
    error = (found - expected).abs().amax() / expected.abs().amax().clamp_min(1e-6)
    if error > TOLERANCE:
        if term.energy.jacobian is not None or term.energy.reads is not None:
            raise BadInputError(
                f"the derivative attached to the term {term.name!r} is not that of its residual "
                f"(they differ by {float(error):.1%} of its largest value)"
            )
        raise BadInputError(
            f"a row of the term {term.name!r} sees other frames than its own, which Gauss–Newton cannot use: solve it "
            "with LBFGS or Adam, or return a row for each pair or triple of neighbouring frames"
        )


def _with_span(block: Tensor, residual: Tensor) -> Tensor:
    """Return a block with the dimension of neighbouring frames. → [..., R, n, M, d]"""
    return block if block.dim() > residual.dim() + 1 else block.unsqueeze(-3)


def _leaves(unknowns: Unknowns, rows: int, shared_rows: int | None = None) -> dict[str, Tensor]:
    """Return zero steps to differentiate by; shared unknowns get one for each frame unless one row sees them all."""
    steps = {}
    for name, unknown in unknowns.free.items():
        zero = unknown.zero_step()
        if unknown.shared and rows > 1 and shared_rows is None:
            zero = zero.expand(*zero.shape[:-2], unknowns.frames, -1).clone()
        steps[name] = zero.requires_grad_()
    return steps


def _rows(
    objective: Objective, unknowns: Unknowns, term: Term, fields: Mapping[str, Any], steps: Mapping[str, Tensor]
) -> Tensor:
    return objective.rows(objective.evaluate_term(term, unknowns.posed_body_after(steps), fields).residual)


def _used(residual: Tensor, steps: Mapping[str, Tensor]) -> dict[str, Tensor]:
    if not residual.requires_grad:
        return {}
    slopes = torch.autograd.grad(residual.sum(), list(steps.values()), retain_graph=True, allow_unused=True)
    return {name: step for (name, step), slope in zip(steps.items(), slopes, strict=True) if slope is not None}


def _by_rows(unknowns: Unknowns, residual: Tensor, steps: Mapping[str, Tensor], span: int) -> Blocks:
    """Sweep backwards, for each of the residual's M columns."""
    width = residual.shape[-1]
    frames = {n: s.new_zeros(*residual.shape[:-1], span, width, s.shape[-1]) for n, s in steps.items()}
    for colour in range(span):
        here = slice(colour, None, span)
        for start in range(0, width, CHUNK):
            chosen = range(start, min(start + CHUNK, width))
            basis = residual.new_zeros(len(chosen), *residual.shape)
            for k, m in enumerate(chosen):
                basis[k, ..., here, m] = 1
            slopes = _backwards(residual, list(steps.values()), basis)
            for (name, step), slope in zip(steps.items(), slopes, strict=True):
                count = len(range(residual.shape[-2])[here])
                for i in range(span if step.shape[-2] > 1 else 1):
                    seen = slope[..., colour + i :: span, :][..., :count, :]
                    frames[name][..., here, i, start : start + len(chosen), :] = seen.movedim(0, -2)
    return _sorted(unknowns, frames)


def _by_columns(unknowns: Unknowns, residual: Tensor, steps: Mapping[str, Tensor], span: int) -> Blocks:
    """Sweep forwards, for each degree of freedom; forward sweeps are backward sweeps of backward sweeps."""
    dummy = torch.zeros_like(residual, requires_grad=True)
    slopes = torch.autograd.grad(residual, list(steps.values()), dummy, create_graph=True)
    rows = residual.shape[-2]
    frames = {}
    for (name, step), slope in zip(steps.items(), slopes, strict=True):
        block = step.new_zeros(*residual.shape[:-1], span, residual.shape[-1], step.shape[-1])
        colours = span if step.shape[-2] > 1 else 1
        for colour in range(colours):
            for start in range(0, step.shape[-1], CHUNK):
                chosen = range(start, min(start + CHUNK, step.shape[-1]))
                basis = step.new_zeros(len(chosen), *step.shape)
                for k, d in enumerate(chosen):
                    basis[k, ..., colour::colours, d] = 1
                (moved,) = _backwards(slope, [dummy], basis)  # [chunk, ..., R, M]
                for row in range(colours):  # row r sees frame r + i of this colour
                    i = (colour - row) % colours
                    here = slice(row, rows, colours)
                    block[..., here, i, :, start : start + len(chosen)] = moved[..., here, :].movedim(0, -1)
        frames[name] = block
    return _sorted(unknowns, frames)


def _sorted(unknowns: Unknowns, blocks: Mapping[str, Tensor]) -> Blocks:
    """Sort blocks by whose unknowns they are; widen them to all degrees of freedom."""
    frames, shared = {}, {}
    for name, block in blocks.items():
        unknown = unknowns.named[name]
        if block.shape[-1] != unknown.dofs:
            whole = block.new_zeros(*block.shape[:-1], unknown.dofs)
            block = whole.index_copy(-1, unknown.free_index, block)
        if unknown.shared:
            shared[name] = block.sum(-3)
        else:
            frames[name] = block
    return Blocks(frames, shared)


def _backwards(outputs: Tensor, inputs: list[Tensor], basis: Tensor) -> tuple[Tensor, ...]:
    """Return the derivatives of outputs along many directions at once. basis [chunk, *outputs] → [chunk, *input]"""
    try:
        return torch.autograd.grad(outputs, inputs, basis, retain_graph=True, is_grads_batched=True)
    except RuntimeError:  # an operation that cannot be batched
        each = [torch.autograd.grad(outputs, inputs, one, retain_graph=True) for one in basis]
        return tuple(torch.stack(part) for part in zip(*each, strict=True))
