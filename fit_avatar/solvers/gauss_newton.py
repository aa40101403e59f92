"""Gauss–Newton with Levenberg–Marquardt damping, for all frames and all clips of a batch together."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from fit_avatar.solvers.conjugate_gradient import MatrixFree
from fit_avatar.solvers.direct import Direct, Layout
from fit_avatar.solvers.linear_system import Linearise, LinearSystem, Steps
from fit_avatar.solvers.options import BandedCholesky, ConjugateGradient, GaussNewton, SparseOffsets
from fit_avatar.solvers.problem import Fields, Objective
from fit_avatar.solvers.sparse_offsets import SparseAssembly
from fit_avatar.solvers.unknowns import Unknowns

MAX_SHARED = 2000
"""With more shared unknowns than this (offsets), a linear solver without a dense matrix is the default."""
TRIES = 4
"""Dampings that are tried in an iteration."""
MAX_DAMPING = 1e7
"""More damping than this means that no step lowers the energy."""
LEAST_DAMPING = 1e-6
NEGLIGIBLE = 1e-6
"""A promised decrease below this part of the energy is less than single precision can tell."""


def minimise(
    objective: Objective,
    initial: Unknowns,
    options: GaussNewton,
    scheduled: bool,
    on_step: Callable[[int, int], None] | None,
    record: Callable[[Tensor], None],
) -> tuple[Unknowns, Fields, int, str]:
    """Lower the energy by Gauss–Newton steps.

    Args:
        objective: what is minimised.
        initial: where to start.
        options: of the method.
        scheduled: a term changes as the solve goes on, so it runs to its end.
        on_step: called with iterations done and iterations in all.
        record: called with the energies [...] after every iteration.

    Returns:
        The unknowns at the end, the fields that were prepared last, the iterations, and why they ended.
    """
    linearise = _linear_solver(objective, initial, options)
    unknowns, fields = initial, objective.prepared(initial.posed_body(), 0.0)
    damping = torch.full(
        initial.batch, options.damping, dtype=torch.float64, device=initial.named["transl"].value.device
    )
    trouble: list[str] = []
    reason, done = "all iterations done", 0
    for i in range(options.iterations):
        progress = i / max(options.iterations - 1, 1)
        x = unknowns.posed_body()
        if i and i % options.refresh == 0:
            fields = objective.prepared(x, progress)
        found = objective.evaluate(x, fields, progress)
        before = objective.total(found)
        system = linearise(unknowns, x, fields, found, progress)
        unknowns, after, damping, settled = _step(objective, system, unknowns, fields, progress, before, damping)
        if system.warning:
            trouble.append(system.warning)
        done = i + 1
        record(after)
        if on_step:
            on_step(done, options.iterations)
        if scheduled:
            continue
        gains = (before - after) / before.abs().clamp_min(1e-30)
        told = (gains.amax(), (damping > MAX_DAMPING).all(), settled)
        gain, hopeless, promised_nothing = torch.stack([each.double() for each in told]).tolist()  # one copy for all
        if hopeless or (gain <= 0 and promised_nothing):
            reason = "no step lowers the energy further"
            break
        if 0 < gain < options.tolerance:
            reason = f"the last step lowered the energy by {gain:.1e} of it"
            break
    if trouble:
        reason += f"; {trouble[-1]} in {len(trouble)} of {done} iterations"
    return unknowns, fields, done, reason


def _linear_solver(objective: Objective, unknowns: Unknowns, options: GaussNewton) -> Linearise:
    chosen = options.linear_solver
    if chosen is None:
        chosen = ConjugateGradient() if Layout.of(unknowns).shared_dofs > MAX_SHARED else BandedCholesky()
    if isinstance(chosen, BandedCholesky):
        return Direct(objective, options.check)
    if isinstance(chosen, ConjugateGradient):
        return MatrixFree(objective, chosen)
    assert isinstance(chosen, SparseOffsets)
    return SparseAssembly(objective, chosen)


def _step(
    objective: Objective,
    system: LinearSystem,
    unknowns: Unknowns,
    fields: Fields,
    progress: float,
    before: Tensor,
    damping: Tensor,
) -> tuple[Unknowns, Tensor, Tensor, Tensor]:
    """Take the step of each clip that lowers its energy, or damp it more and try again.

    Returns:
        The unknowns, their energies [...], the dampings for the next iteration [...], and whether the first
        linearisation promised no decrease worth having. [] bool
    """
    start, after, done = unknowns, before, torch.zeros_like(before, dtype=torch.bool)
    settled: Tensor | None = None
    for _ in range(TRIES):
        solved = system.solve(damping)
        finite = _finite(solved, before)
        solved = {name: step.nan_to_num(0.0, 0.0, 0.0) for name, step in solved.items()}
        if settled is None:
            settled = (system.decrease(solved) < NEGLIGIBLE * before.abs()).all()
        candidate = start.after({n: start.named[n].limited(s.to(start.named[n].value)) for n, s in solved.items()})
        energy = objective.values(candidate.posed_body(), fields, progress, trial=True)
        better = finite & (energy < before) & ~done
        unknowns = candidate.where(better, unknowns)
        after = torch.where(better, energy, after)
        damping = torch.where(better, (damping / 4).clamp_min(LEAST_DAMPING), damping)
        done = done | better
        if bool(done.all()):  # the only wait for the device
            break
        damping = torch.where(done, damping, (damping * 10).clamp_min(1e-3))
    assert settled is not None
    return unknowns, after, damping, settled


def _finite(steps: Steps, like: Tensor) -> Tensor:
    """Return for each clip whether all of its step is finite. [...] bool"""
    finite = torch.ones_like(like, dtype=torch.bool)
    for step in steps.values():
        finite = finite & torch.isfinite(step).flatten(like.dim()).all(-1)
    return finite
