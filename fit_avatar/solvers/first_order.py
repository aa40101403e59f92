"""L-BFGS and Adam: rounds of steps from one start, between which what terms hold fixed is computed anew."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import torch
from torch import Tensor

from fit_avatar.energies.posed_body import PosedBody
from fit_avatar.errors import BadInputError
from fit_avatar.solvers.conjugate_gradient import Products, estimated_diagonal
from fit_avatar.solvers.options import LBFGS, Adam
from fit_avatar.solvers.problem import Fields, Objective
from fit_avatar.solvers.unknowns import Unknowns

MAX_ENERGY = 1e300
"""What is not less is no energy: a problem's value at a trial step says so with a huge number."""


class LBFGSRounds:
    """Rounds of L-BFGS; what it has learnt of the curvature is kept from one to the next.

    Its line search halves a step that leads to where energy or derivative are no finite numbers.
    """

    def __init__(self, options: LBFGS) -> None:
        """Begin without any knowledge."""
        self.options = options
        self.optimiser: torch.optim.LBFGS | None = None

    def scales(self, objective: Objective, unknowns: Unknowns) -> dict[str, Tensor]:
        """Return the units of the unknowns in which this method moves."""
        return _scales(objective, unknowns)

    def run(self, steps: list[Tensor], closure: Callable[[], Tensor], count: int) -> int:
        """Make up to ``count`` iterations; return how many there were."""
        if self.optimiser is None:
            self.optimiser = torch.optim.LBFGS(
                steps, history_size=self.options.history, tolerance_grad=1e-12, tolerance_change=1e-14,
                line_search_fn="strong_wolfe",
            )  # fmt: skip
        state = self.optimiser.state[steps[0]]
        before = int(state.get("n_iter", 0))
        self.optimiser.param_groups[0].update(max_iter=count, max_eval=2 * count)
        self.optimiser.step(closure)
        return int(state["n_iter"]) - before


class AdamRounds:
    """Rounds of Adam with one memory and one learning-rate schedule over all of them.

    A step that leads to where energy or derivative are no finite numbers is taken back, and those after it are halved.
    A round is first made without looking, so that nothing waits for the device; if a step then turns out to have led
    there, the round is made again, step by step.
    """

    def __init__(self, options: Adam) -> None:
        """Begin without any memory."""
        self.options = options
        self.optimiser: torch.optim.Adam | None = None

    def scales(self, objective: Objective, unknowns: Unknowns) -> dict[str, Tensor]:
        """Return the units of the unknowns, which are as they are."""
        return {}

    def run(self, steps: list[Tensor], closure: Callable[[], Tensor], count: int) -> int:
        """Make ``count`` iterations; return how many there were."""
        if self.optimiser is None:
            self.optimiser = torch.optim.Adam(steps, lr=self.options.learning_rate)
            self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(
                self.optimiser, self.options.iterations, eta_min=self.options.learning_rate * 0.01
            )
        start = [leaf.detach().clone() for leaf in steps]
        memory = deepcopy((self.optimiser.state_dict(), self.schedule.state_dict()))
        finite = []
        for _ in range(count):
            finite.append(torch.isfinite(closure()))
            for leaf in steps:  # a round that will be made again goes on from finite numbers
                if leaf.grad is not None:
                    leaf.grad.nan_to_num_(0.0, 0.0, 0.0)
            self.optimiser.step()
            self.schedule.step()
        finite.append(torch.isfinite(closure()))
        if not bool(torch.stack(finite).all()):
            self.optimiser.load_state_dict(memory[0])
            self.schedule.load_state_dict(memory[1])
            self._run_carefully(steps, start, closure, count)
        return count

    def _run_carefully(
        self, steps: list[Tensor], start: list[Tensor], closure: Callable[[], Tensor], count: int
    ) -> None:
        """Make a round from its start, and look after every step where it has led."""
        assert self.optimiser is not None
        safe = start
        with torch.no_grad():
            for leaf, value in zip(steps, start, strict=True):
                leaf.copy_(value)
        for _ in range(count):
            if torch.isfinite(closure()):
                safe = [leaf.detach().clone() for leaf in steps]
            else:
                self._step_back(steps, safe)
                closure()
            self.optimiser.step()
            self.schedule.step()
        if not torch.isfinite(closure()):
            self._step_back(steps, safe)

    def _step_back(self, steps: list[Tensor], safe: list[Tensor]) -> None:
        """Return to the last place where the energy was a finite number, and go on with half as large steps."""
        assert self.optimiser is not None
        with torch.no_grad():
            for leaf, value in zip(steps, safe, strict=True):
                leaf.copy_(value)
        for group in self.optimiser.param_groups:
            group["lr"] /= 2


def minimise(
    objective: Objective,
    initial: Unknowns,
    rounds: LBFGSRounds | AdamRounds,
    scheduled: bool,
    on_step: Callable[[int, int], None] | None,
    record: Callable[[Tensor], None],
) -> tuple[Unknowns, Fields, int, str]:
    """Lower the energy by steps that follow its derivative.

    Args:
        objective: what is minimised.
        initial: where to start.
        rounds: the method.
        scheduled: a term changes as the solve goes on, so it runs to its end.
        on_step: called with iterations done and iterations in all.
        record: called with the energy at every place that was tried.

    Returns:
        The unknowns at the end, the fields that were prepared last, the iterations, and why they ended.

    Raises:
        BadInputError: energy or derivative are no finite numbers where a round begins; the message names the term.
    """
    options = rounds.options
    scales = rounds.scales(objective, initial)
    leaves = {name: unknown.zero_step().requires_grad_() for name, unknown in initial.free.items()}

    def steps() -> dict[str, Tensor]:
        return {name: leaf * scales.get(name, 1.0) for name, leaf in leaves.items()}

    def reached() -> Unknowns:
        return initial.after({name: step.detach() for name, step in steps().items()})

    unit, done, last, reason = 0.0, 0, float("inf"), "all iterations done"
    fields: Fields = objective.fields
    while done < options.iterations:
        progress = done / max(options.iterations - 1, 1)
        here = reached().posed_body()
        fields = objective.prepared(here, progress)
        energy_here = float(objective.values(here, fields, progress).sum())  # names a term that is not finite here
        unit = unit or 1 / max(energy_here, 1e-12)

        def closure() -> Tensor:
            for leaf in leaves.values():
                leaf.grad = None
            x = initial.posed_body_after(steps())
            energy = objective.values(x, fields, progress, trial=True).sum()  # noqa: B023
            (energy * unit).backward()  # noqa: B023
            usable = _usable(energy.detach(), leaves)
            for leaf in leaves.values():
                if leaf.grad is not None:  # NaN makes a line search halve its step
                    leaf.grad = torch.where(usable, leaf.grad, torch.nan)
            record(torch.where(usable, energy.detach(), torch.nan))
            return torch.where(usable, energy.detach() * unit, torch.inf)  # noqa: B023

        if not torch.isfinite(closure()):
            x = initial.posed_body_after(steps())
            _refuse_derivatives(objective, x, fields, progress, list(leaves.values()))
        made = rounds.run(list(leaves.values()), closure, min(options.refresh, options.iterations - done))
        done += max(made, 1)
        if on_step:
            on_step(min(done, options.iterations), options.iterations)
        energy = float(objective.values(reached().posed_body(), fields, progress).sum())
        gain = (last - energy) / max(abs(last), 1e-30) if last < float("inf") else float("inf")
        if not scheduled and made == 0:
            reason = "no step lowers the energy further"
            break
        if not scheduled and 0 <= gain < options.tolerance:
            reason = f"the last round lowered the energy by {gain:.1e} of it"
            break
        last = energy
    return reached(), fields, min(done, options.iterations), reason


def _usable(energy: Tensor, leaves: dict[str, Tensor]) -> Tensor:
    """Return whether an energy and its derivatives are finite numbers; nothing waits for the device. [] bool"""
    known = [torch.isfinite(leaf.grad).all() for leaf in leaves.values() if leaf.grad is not None]
    return torch.stack([energy < MAX_ENERGY, *known]).all()


def _refuse_derivatives(
    objective: Objective, x: PosedBody, fields: Fields, progress: float, leaves: list[Tensor]
) -> None:
    """Name the term whose derivative is not finite where the energy is.

    Raises:
        BadInputError: always.
    """
    guilty = []
    for term, own in zip(objective.terms, fields, strict=True):
        robust = objective.evaluate_term(term, x, own, progress).robust
        if robust.requires_grad:
            found = torch.autograd.grad(robust.sum(), leaves, retain_graph=True, allow_unused=True)
            if not all(bool(torch.isfinite(each).all()) for each in found if each is not None):
                guilty.append(repr(term.name))
    names = ", ".join(guilty) or "all terms together"
    raise BadInputError(f"the derivative of {names} is not a finite number where the solve begins: start elsewhere")


def _scales(objective: Objective, unknowns: Unknowns) -> dict[str, Tensor]:
    """Return how far each unknown is uncertain, so that L-BFGS sees them all alike; smooth on average over frames."""
    x = unknowns.posed_body()
    fields = objective.prepared(x, 0.0)
    with torch.no_grad():
        found = objective.evaluate(x, fields, 0.0)
    sizes = estimated_diagonal(Products(objective, unknowns, fields, found, 0.0))
    # The estimate is noisy: it is averaged over frames, and over all numbers of an unknown that frames share.
    return {
        name: (size.mean() if unknowns.named[name].shared else size.mean(-2, keepdim=True)).rsqrt()
        for name, size in sizes.items()
    }
