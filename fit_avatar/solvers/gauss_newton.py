"""Gauss–Newton with Levenberg–Marquardt damping, for all frames and all clips of a batch together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from fit_avatar.energies.blocks import Blocks
from fit_avatar.energies.posed_body import PosedBody
from fit_avatar.energies.term import Term
from fit_avatar.solvers.jacobian import autograd_blocks, check_blocks
from fit_avatar.solvers.normal_equations import NormalEquations
from fit_avatar.solvers.problem import Evaluation, Fields, Problem
from fit_avatar.solvers.unknowns import Unknown, Unknowns

MAX_SHARED = 2000
"""More shared unknowns than this (offsets) are solved for iteratively, without a matrix."""
TRIES = 4
"""Dampings that are tried in an iteration."""
MAX_DAMPING = 1e7
"""More damping than this means that no step lowers the energy."""


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

    def steps(self, problem: Problem, frames: Tensor, shared: Tensor) -> dict[str, Tensor]:
        """Cut a solution into steps of the unknowns, no larger than they may be."""
        named = problem.unknowns.named
        cut = {name: frames[..., place] for name, place in self.frames.items()}
        cut |= {name: shared[..., None, place] for name, place in self.shared.items()}
        return {name: named[name].limited(step.to(named[name].value)) for name, step in cut.items()}


def normal_equations(
    problem: Problem, layout: Layout, x: PosedBody, fields: Fields, found: list[Evaluation], share: float, check: bool
) -> NormalEquations:
    """Linearise every term at the present values."""
    unknowns = problem.unknowns
    device = x.transl.device
    system = NormalEquations.zeros(unknowns.batch, unknowns.frames, layout.frame_dofs, layout.shared_dofs, device)
    for term, own, evaluation in zip(problem.terms, fields, found, strict=True):
        residual, weight = problem.least_squares(term, evaluation, share)
        blocks = term_blocks(problem, term, x, own, residual.shape[-2], check)
        frames, columns = _gathered(blocks.frames, layout.frames, unknowns.named)
        shared, shared_columns = _gathered(blocks.shared, layout.shared, unknowns.named)
        if frames is not None and frames.dim() == residual.dim() + 1:
            frames = frames.unsqueeze(-3)
        system.add_rows(residual, weight, frames, columns, shared, shared_columns)
    return system


def term_blocks(
    problem: Problem, term: Term, x: PosedBody, fields: Mapping[str, object], rows: int, check: bool
) -> Blocks:
    """Return a term's derivative: the attached one, or autograd's."""
    blocks = term.energy.derivative(x, fields)
    if blocks is None or not problem.unknowns.free.keys().isdisjoint(blocks.missing):
        blocks = autograd_blocks(problem, term, fields, rows)
    if check and not term.energy.checked:
        check_blocks(problem, term, fields, blocks, rows)
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


@dataclass
class GaussNewtonLoop:
    """The iteration: linearise, solve, take the step if it lowers the energy, or damp it."""

    problem: Problem
    check: bool
    damping: Tensor  # [...]
    settled: bool | None = None
    """Whether the last linearisation promised no gain worth having."""

    @classmethod
    def start(cls, problem: Problem, damping: float, check: bool) -> GaussNewtonLoop:
        """Begin at the problem's unknowns."""
        device = problem.unknowns.named["transl"].value.device
        return cls(problem, check, torch.full(problem.unknowns.batch, damping, dtype=torch.float64, device=device))

    def step(self, fields: Fields, share: float) -> tuple[Tensor, Tensor]:
        """Make one iteration; return the energies of all clips before and after it. [...] twice"""
        problem, unknowns = self.problem, self.problem.unknowns
        x = unknowns.posed_body()
        found = problem.evaluate(x, fields, share)
        before = self._energy(found)
        layout = Layout.of(unknowns)
        if layout.shared_dofs > MAX_SHARED:
            from fit_avatar.solvers.conjugate_gradient import step_without_matrix

            return before, step_without_matrix(self, fields, found, share, before)
        system = normal_equations(problem, layout, x, fields, found, share, self.check)
        self.check, self.settled = False, None
        after, done = before, torch.zeros_like(before, dtype=torch.bool)
        for _ in range(TRIES):
            solved = system.solve(self.damping)
            if self.settled is None:
                self.settled = self._negligible(system, solved, before)
            finite = torch.isfinite(solved[0]).flatten(before.dim()).all(-1) & torch.isfinite(solved[1]).all(-1)
            steps = layout.steps(problem, *(part.nan_to_num(0.0, 0.0, 0.0) for part in solved))
            candidate = unknowns.after(steps)
            energy = problem.values(candidate.posed_body(), fields, share, trial=True)
            better = finite & (energy < before) & ~done
            if better.any():
                unknowns = candidate if better.all() else candidate.where(better, self.problem.unknowns)
                self.problem = problem.at(unknowns)
                after = torch.where(better, energy, after)
            self.damping = torch.where(better, (self.damping / 4).clamp_min(1e-6), self.damping)
            done = done | better
            if done.all():
                break
            self.damping = torch.where(done, self.damping, (self.damping * 10).clamp_min(1e-3))
            unknowns = problem.unknowns
        return before, after

    def _negligible(self, system: NormalEquations, solved: tuple[Tensor, Tensor], before: Tensor) -> bool:
        """Return whether the whole step promises to lower the energy by less than single precision can tell."""
        batch = before.dim()
        slope = (system.gradient * solved[0]).flatten(batch).sum(-1) + (system.shared_gradient * solved[1]).sum(-1)
        return bool((-slope < 1e-6 * before.abs()).all())

    @property
    def stuck(self) -> bool:
        """Whether no clip can be moved any more."""
        return bool((self.damping > MAX_DAMPING).all())

    def _energy(self, found: list[Evaluation]) -> Tensor:
        total = torch.zeros_like(self.damping)
        for each in found:
            total = total + each.weight * self.problem.per_clip(each.robust)
        return total
