"""What every term must pass."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, is_dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from world import POINTS, SPACING, World, make_body

from fit_avatar.energies import Blocks, Energy, GemanMcClure, Huber, Term, fit_capsules
from fit_avatar.energies.surface import neighbours
from fit_avatar.errors import BadInputError
from fit_avatar.solvers.derivatives import autograd_blocks
from fit_avatar.solvers.problem import Objective, Problem
from fit_avatar.solvers.unknowns import POSE, Unknowns

Given = Callable[[World], Mapping[str, Any]]
POSE_AND_SHAPE = (*POSE, "betas")
TOLERANCE = 1e-9
"""Largest difference of a derivative from dense autograd, relative to the largest entry."""


@dataclass(frozen=True)
class Case:
    """A term, what it is given, and what is known about it."""

    energy: Energy
    shape: str
    """The residual's shape behind the batch dimensions, such as ``T K 2``."""
    given: Given = lambda world: {}
    """The data fields at the truth."""
    zero: float | None = 1e-9
    """Largest residual at the truth; None: it does not vanish there."""
    free: tuple[str, ...] = POSE_AND_SHAPE
    kind: str = "egg"
    bend: float = 0.1
    """Size of the joints' rotations at the truth."""
    away: float = 0.05
    """Size of the step at whose end derivatives are compared."""
    least_frames: int = 1
    """With fewer, the term says nothing."""
    least_clips: int = 0
    """The term is on several clips of a batch; with fewer, it says nothing."""
    name: str = ""

    def __str__(self) -> str:
        return self.name or self.energy.__name__

    def world(self, batch: tuple[int, ...], frames: int) -> World:
        return _world(self.kind, batch, frames, self.bend, self.free)

    def objective(self, world: World, unknowns: Unknowns, **changes: Any) -> Objective:
        observed, data = self.split(self.given(world))
        return Problem([replace(Term(self.energy, 2.5, data=data), **changes)], observed).bind(unknowns)

    def split(self, given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what the energy observes, and the other fields."""
        observed = {n: v for n, v in given.items() if n in self.energy.observes}
        return observed, {n: v for n, v in given.items() if n not in observed}


_worlds: dict[tuple[Any, ...], World] = {}


def _world(kind: str, batch: tuple[int, ...], frames: int, bend: float, free: tuple[str, ...]) -> World:
    """Worlds that differ in nothing are made once: drawing masks takes a while."""
    key = (kind, batch, frames, bend, free)
    if key not in _worlds:
        _worlds[key] = World(make_body(kind), batch, frames, bend, free)
    return _worlds[key]


class EnergyTester:
    """Checks of one term, for one batch shape and number of frames."""

    def __init__(self, case: Case, batch: tuple[int, ...], frames: int) -> None:
        self.case, self.batch, self.frames = case, batch, frames
        self.world = case.world(batch, frames)

    def check_truth(self) -> None:
        """The residual has the shape that is promised, and vanishes at the truth."""
        objective, x = self.case.objective(self.world, self.world.truth), self.world.posed_body
        with torch.no_grad():
            (found,) = objective.evaluate(x, objective.prepared(x))
        assert tuple(found.residual.shape) == (*self.batch, *self._shape())
        assert tuple(found.squared.shape) == tuple(found.robust.shape)
        if self.case.zero is not None and found.residual.numel():
            counted = _confident(found.residual, found.confidence)
            assert counted.abs().amax() <= self.case.zero

    def check_derivatives(self) -> float:
        """Finite differences, dense autograd, and the blocks of Gauss–Newton agree; return the largest difference."""
        unknowns = self.world.away(self.case.away)
        objective = self.case.objective(self.world, unknowns)
        (term,), (fields,) = objective.terms, objective.prepared(unknowns.posed_body())
        names = list(unknowns.free)
        zeros = [unknowns.free[n].zero_step().requires_grad_() for n in names]

        def residual(*steps: Tensor) -> Tensor:
            x = unknowns.posed_body_after(dict(zip(names, steps, strict=True)))
            return objective.evaluate_term(term, x, fields).residual

        out = residual(*zeros)
        few = math.prod(self.batch) * bool(self.batch) < self.case.least_clips
        if not out.numel() or self.frames < self.case.least_frames or few:
            return 0.0
        dense = _dense(out, zeros)
        assert max(d.abs().amax() for d in dense) > 0, "the derivative is zero: nothing is tested"
        assert torch.autograd.gradcheck(residual, zeros, fast_mode=True, atol=1e-4, rtol=1e-3)
        rows = out.shape[len(self.batch)]
        found = [autograd_blocks(objective, unknowns, term, fields, rows)]
        closed = term.energy.derivative(unknowns.posed_body(), fields)
        assert (closed is None) == (term.energy.jacobian is None and term.energy.reads is None)
        if closed is not None and unknowns.free.keys().isdisjoint(closed.missing):
            found.append(closed)
        largest = max(d.abs().amax() for d in dense)
        errors = []
        for blocks in found:
            for name, expected in zip(names, dense, strict=True):
                errors.append(float((_spread(blocks, name, unknowns, out) - expected).abs().amax() / largest))
        assert max(errors) <= TOLERANCE
        self._check_kernels(unknowns, names, zeros, dense)
        return max(errors)

    def _check_kernels(self, unknowns: Unknowns, names: list[str], zeros: list[Tensor], dense: list[Tensor]) -> None:
        """The gradient of the robust energy is that of the re-weighted squares."""
        plain, here = self.case.objective(self.world, unknowns), unknowns.posed_body()
        (fields,) = plain.prepared(here)
        size = float(plain.evaluate(here, (fields,))[0].squared.detach().mean().sqrt())
        for kernel in (None, GemanMcClure(size + 1e-3), Huber(size + 1e-3)):
            robust = self.case.objective(self.world, unknowns, kernel=kernel)
            x = unknowns.posed_body_after(dict(zip(names, zeros, strict=True)))
            value = robust.values(x, (fields,)).sum()
            slopes = torch.autograd.grad(value, zeros, allow_unused=True)
            (found,) = robust.evaluate(here, (fields,))
            residual, weight = robust.least_squares(robust.terms[0], found, 1.0)
            pulled = 2 * (weight * residual).flatten()
            for slope, jacobian in zip(slopes, dense, strict=True):
                expected = (pulled @ jacobian.reshape(len(pulled), -1)).reshape(jacobian.shape[2:])
                actual = torch.zeros_like(expected) if slope is None else slope.reshape(expected.shape)
                torch.testing.assert_close(actual, expected, rtol=1e-6, atol=1e-8 * float(pulled.abs().amax() + 1))

    def check_offset_jacobian(self) -> None:
        """The sparse derivative to the offsets is that of dense autograd."""
        unknowns = self.world.away(self.case.away)
        objective = self.case.objective(self.world, unknowns)
        (term,), (fields,) = objective.terms, objective.prepared(unknowns.posed_body())
        found = term.energy.offset_jacobian(unknowns.posed_body(), fields)
        assert (found is None) == (term.energy.jacobian_of_offsets is None)
        if found is None:
            return
        zero = unknowns.named["offsets"].zero_step().requires_grad_()
        out = objective.evaluate_term(term, unknowns.posed_body_after({"offsets": zero}), fields).residual
        (dense,) = _dense(out, [zero])
        assert found.dtype == np.float64
        assert found.shape == (out.numel(), 3 * len(self.world.body.template))
        difference = torch.from_numpy(found.toarray()) - dense.reshape(found.shape)
        assert float(difference.abs().amax() / dense.abs().amax()) <= TOLERANCE

    def check_bad_input(self) -> None:
        """A missing, misshapen or broken field is named together with the term."""
        given = dict(self.case.given(self.world))
        for name, required in self.case.energy.fields().items():
            if name not in given:
                assert not required, f"the case gives no {name}"
                continue
            value = given[name]
            if required:
                _refused(self.case, self.world, {n: v for n, v in given.items() if n != name}, name)
            tensor, around = _first_tensor(value)
            if tensor is not None and tensor.is_floating_point():
                broken = tensor.clone()
                broken.view(-1)[broken.numel() // 2] = math.nan
                _refused(self.case, self.world, {**given, name: around(broken)}, name)
                letters = self.case.energy.shapes.get(name, "").split()
                if letters:
                    cut = tensor.narrow(-len(letters), 0, tensor.shape[-len(letters)] - 1)
                    _refused(self.case, self.world, {**given, name: around(cut)}, *self.case.energy.shapes)
        observed, data = self.case.split(given)
        wrong = Term(self.case.energy, data={**data, "nonsense": 1.0})
        with pytest.raises(BadInputError, match=f"{self.case.energy.__name__}.*nonsense"):
            Problem([wrong], observed).bind(self.world.truth)

    def _shape(self) -> list[int]:
        body, mesh = self.world.body, neighbours(self.world.body.faces)
        sizes = {
            "T": self.frames, "J": len(body.parents), "K": 25, "V": len(body.template), "B": body.num_betas,
            "C": POINTS, "M": POINTS * self.frames,
            "E": len(mesh.edges), "I": len(mesh.inner),
            "P": len(fit_capsules(body).pairs), "L": len(fit_capsules(body)), "N": len(body.spread_vertices(SPACING)),
        }  # fmt: skip
        shape = []
        for letter in self.case.shape.split():
            name, _, less = letter.partition("-")
            shape.append(max(0, (int(name) if name.isdigit() else sizes[name]) - int(less or 0)))
        return shape


def _first_tensor(value: Any) -> tuple[Tensor | None, Callable[[Tensor], Any]]:
    """Return a tensor, or the first of a dataclass, and what puts another one in its place."""
    if isinstance(value, Tensor):
        return value, lambda tensor: tensor
    if is_dataclass(value):
        name, first = next(iter(vars(value).items()))
        if isinstance(first, Tensor):
            return first, lambda tensor: replace(value, **{name: tensor})
    return None, lambda tensor: tensor


def _refused(case: Case, world: World, fields: Mapping[str, Any], *names: str) -> None:
    observed, data = case.split(fields)
    with pytest.raises(BadInputError) as caught:
        Problem([Term(case.energy, data=data)], observed).bind(world.truth)
    message = str(caught.value)
    assert case.energy.__name__ in message and any(f"'{name}'" in message for name in names), message


def _confident(residual: Tensor, confidence: Tensor) -> Tensor:
    """Set residuals to zero whose confidence is 0."""
    while confidence.dim() and confidence.dim() < residual.dim():
        confidence = confidence[..., None]
    return residual * (confidence > 0)


def _dense(out: Tensor, inputs: list[Tensor]) -> list[Tensor]:
    """Return derivatives of everything to everything. [clips · R, M, clips, T or 1, d] for each input"""
    flat = out.flatten()

    def back(rows: Tensor) -> tuple[Tensor | None, ...]:
        try:
            return torch.autograd.grad(flat, inputs, rows, retain_graph=True, is_grads_batched=True, allow_unused=True)
        except RuntimeError:  # sparse products cannot be batched
            each = [torch.autograd.grad(flat, inputs, row, retain_graph=True, allow_unused=True) for row in rows]
            return tuple(None if one[0] is None else torch.stack(one) for one in zip(*each, strict=True))

    pieces = [back(part) for part in torch.eye(out.numel(), dtype=out.dtype).split(256)]
    dense = []
    for i, one in enumerate(inputs):
        found = [p[i] for p in pieces]
        whole = torch.zeros(out.numel(), *one.shape) if found[0] is None else torch.cat(found)
        dense.append(whole.to(out).reshape(out.numel(), 1, -1, *one.shape[-2:]))
    return dense


def _spread(blocks: Blocks, name: str, unknowns: Unknowns, out: Tensor) -> Tensor:
    """Return a block as a dense derivative, zero where it has none. [all residuals, 1, clips, T or 1, d]"""
    unknown = unknowns.named[name]
    lead = len(unknowns.batch)
    rows = out.shape[lead]
    clips = math.prod(unknowns.batch)
    step = unknown.zero_step()
    flat = out.reshape(clips, rows, -1)
    dense = out.new_zeros(clips, rows, flat.shape[-1], clips, *step.shape[-2:])
    clip = torch.arange(clips)
    own = blocks.shared.get(name) if unknown.shared else blocks.frames.get(name)
    if own is not None:
        own = own[..., unknown.free_index]
        if unknown.shared:
            own = own.expand(*unknowns.batch, *own.shape[-3:]).reshape(clips, *own.shape[-3:])
            dense[clip, :, :, clip, 0] = own
        else:
            own = own if own.dim() == lead + 4 else own.unsqueeze(-3)
            own = own.reshape(clips, *own.shape[-4:])
            for r in range(rows):
                for i in range(own.shape[2]):
                    dense[clip, r, :, clip, r + i] = own[:, r, i]
    return dense.reshape(out.numel(), 1, clips, *step.shape[-2:])
