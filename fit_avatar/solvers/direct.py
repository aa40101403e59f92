"""Linear solver of poses and a few shared unknowns: every term's blocks in banded normal equations, factorised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from fit_avatar.energies.blocks import Blocks
from fit_avatar.energies.posed_body import PosedBody
from fit_avatar.energies.term import Term
from fit_avatar.solvers.banded import NormalEquations
from fit_avatar.solvers.derivatives import autograd_blocks, check_blocks
from fit_avatar.solvers.linear_system import Steps
from fit_avatar.solvers.problem import Evaluation, Fields, Objective
from fit_avatar.solvers.unknowns import Unknown, Unknowns


@dataclass(frozen=True)
class Layout:
    """Where every free unknown stands in the normal equations."""

    frames: Mapping[str, slice]
    shared: Mapping[str, slice]

    @classmethod
    def of(cls, unknowns: Unknowns) -> Layout:
        """Put the free unknowns one after the other."""
        places: tuple[dict[str, slice], dict[str, slice]] = {}, {}
        for name, unknown in unknowns.free.items():
            place = places[unknown.shared]
            start = max((s.stop for s in place.values()), default=0)
            place[name] = slice(start, start + len(unknown.free_index))
        return cls(*places)

    @property
    def frame_dofs(self) -> int:
        """Return the unknowns of a frame."""
        return max((s.stop for s in self.frames.values()), default=0)

    @property
    def shared_dofs(self) -> int:
        """Return the unknowns that all frames share."""
        return max((s.stop for s in self.shared.values()), default=0)


@dataclass(frozen=True)
class DirectSystem:
    """Banded normal equations, with the names of their unknowns."""

    equations: NormalEquations
    layout: Layout
    unknowns: Unknowns
    warning: str = ""

    def solve(self, damping: Tensor) -> Steps:
        """Return the step, as :class:`~fit_avatar.solvers.linear_system.LinearSystem` says."""
        frames, shared = self.equations.solve(damping)
        steps = {name: frames[..., place] for name, place in self.layout.frames.items()}
        return steps | {name: shared[..., None, place] for name, place in self.layout.shared.items()}

    def decrease(self, steps: Steps) -> Tensor:
        """Return the decrease of the energy that a step promises. [...]"""
        batch, system = len(self.unknowns.batch), self.equations
        slope = torch.zeros_like(system.gradient.flatten(batch).sum(-1))
        for name, place in self.layout.frames.items():
            slope = slope + (system.gradient[..., place] * steps[name]).flatten(batch).sum(-1)
        for name, place in self.layout.shared.items():
            slope = slope + (system.shared_gradient[..., place] * steps[name][..., 0, :]).sum(-1)
        return -slope


class Direct:
    """Linearises an objective into :class:`DirectSystem`."""

    def __init__(self, objective: Objective, check: bool) -> None:
        """Take the objective, and whether derivatives that are not the package's own are compared with autograd."""
        self._objective = objective
        self._unchecked = {term.name for term in objective.terms if check and not term.energy.checked}

    def __call__(
        self, unknowns: Unknowns, x: PosedBody, fields: Fields, found: list[Evaluation], progress: float
    ) -> DirectSystem:
        """Assemble the blocks of every term."""
        objective, layout = self._objective, Layout.of(unknowns)
        system = NormalEquations.zeros(
            unknowns.batch, unknowns.frames, layout.frame_dofs, layout.shared_dofs, x.transl.device
        )
        for term, own, evaluation in zip(objective.terms, fields, found, strict=True):
            residual, weight = objective.least_squares(term, evaluation, progress)
            blocks = term_blocks(objective, unknowns, term, x, own, residual.shape[-2])
            if term.name in self._unchecked:
                check_blocks(objective, unknowns, term, own, blocks, residual.shape[-2])
                self._unchecked.discard(term.name)
            frames, columns = _gathered(blocks.frames, layout.frames, unknowns.named)
            shared, shared_columns = _gathered(blocks.shared, layout.shared, unknowns.named)
            if frames is not None and frames.dim() == residual.dim() + 1:
                frames = frames.unsqueeze(-3)
            system.add_rows(residual, weight, frames, columns, shared, shared_columns)
        return DirectSystem(system, layout, unknowns)


def term_blocks(
    objective: Objective, unknowns: Unknowns, term: Term, x: PosedBody, fields: Mapping[str, object], rows: int
) -> Blocks:
    """Return a term's derivative: its closed form, or autograd's."""
    with torch.no_grad():
        blocks = term.energy.derivative(x, fields)
    if blocks is None or not unknowns.free.keys().isdisjoint(blocks.missing):
        return autograd_blocks(objective, unknowns, term, fields, rows)
    return blocks


def _gathered(
    blocks: Mapping[str, Tensor], places: Mapping[str, slice], named: Mapping[str, Unknown]
) -> tuple[Tensor | None, slice]:
    """Join the blocks of the free unknowns into one, zero between them; and say which columns it covers."""
    chosen = {}
    for name, place in places.items():
        if name in blocks:
            block = blocks[name]
            whole = block.shape[-1] == place.stop - place.start
            chosen[name] = block if whole else block[..., named[name].free_index]
    if not chosen:
        return None, slice(0)
    first, last = min(places[n].start for n in chosen), max(places[n].stop for n in chosen)
    if len(chosen) == 1:
        return next(iter(chosen.values())), slice(first, last)
    like = next(iter(chosen.values()))
    joined = like.new_zeros(*like.shape[:-1], last - first)
    for name, block in chosen.items():
        joined[..., places[name].start - first : places[name].stop - first] = block
    return joined, slice(first, last)
