"""A problem: terms and observations; and the objective that they are for unknowns of a given size."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass
from dataclasses import fields as dataclass_fields
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fit_avatar.energies.posed_body import PosedBody
from fit_avatar.energies.term import Term
from fit_avatar.errors import BadInputError
from fit_avatar.solvers.unknowns import Unknowns

Fields = tuple[Mapping[str, Any], ...]
"""The data fields of every term."""


@dataclass(frozen=True)
class Problem:
    """Terms that are minimised together, and what was observed.

    A term's fields come from its ``data``; those that it declares as observed, from ``observations``.

    Raises:
        BadInputError: there are no terms, two have one name, or a weight is not a number from 0 up.
    """

    terms: Sequence[Term]
    observations: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.terms:
            raise BadInputError("a problem needs at least one term")
        names = [term.name for term in self.terms]
        for name in names:
            if names.count(name) > 1:
                raise BadInputError(f"two terms are called {name!r}: give one of them another name with Term(name=…)")
        for term in self.terms:
            ends = [term.weight_at(progress) for progress in (0.0, 1.0)]
            if not all(math.isfinite(end) and end >= 0 for end in ends):
                raise BadInputError(f"the weight of the term {term.name!r} is {term.weight}; it must be 0 or more")

    def bind(self, unknowns: Unknowns) -> Objective:
        """Return the objective for unknowns of this size and device, with every field checked.

        Raises:
            BadInputError: a field is missing, unknown, of a wrong shape or NaN; the message names term and field.
        """
        terms = tuple(term for term in self.terms if not self._left_out(term))
        sizes, like = _sizes(unknowns), unknowns.named["transl"].value
        fields = tuple(_bound(term, self.observations, like, dict(sizes)) for term in terms)
        return Objective(terms, fields, unknowns.batch, unknowns.frames)

    def _left_out(self, term: Term) -> bool:
        required = (name for name, needed in term.energy.fields().items() if needed)
        return term.optional and any(name not in term.data and name not in self.observations for name in required)


@dataclass(frozen=True)
class Evaluation:
    """One term at one place."""

    residual: Tensor  # [..., R, …]
    confidence: Tensor  # broadcasts to the squares
    squared: Tensor  # [..., R, …] of numbers, or of vectors
    robust: Tensor  # [..., R, …]
    weight: float


@dataclass(frozen=True)
class Objective:
    """The weighted sum of terms, as a function of the posed body."""

    terms: tuple[Term, ...]
    fields: Fields
    """The data fields of every term, on the unknowns' device."""
    batch: tuple[int, ...]
    frames: int

    def prepared(self, x: PosedBody, progress: float = 1.0) -> Fields:
        """Return all fields, with what is held fixed during a step (matches) computed at a posed body."""
        with torch.no_grad():
            return tuple(
                self._prepared(term, x, own, progress) for term, own in zip(self.terms, self.fields, strict=True)
            )

    def evaluate(self, x: PosedBody, fields: Fields, progress: float = 1.0, trial: bool = False) -> list[Evaluation]:
        """Return every term at a posed body; differentiable. At a trial, residuals may be infinite.

        Raises:
            BadInputError: a residual is not finite, or a residual function fails on its fields.
        """
        found = [self.evaluate_term(term, x, own, progress) for term, own in zip(self.terms, fields, strict=True)]
        if not trial:
            self._check_finite(found)
        return found

    def evaluate_term(self, term: Term, x: PosedBody, fields: Mapping[str, Any], progress: float = 1.0) -> Evaluation:
        """Return one term at a posed body; differentiable. Nothing here waits for the device."""
        residual, confidence = self._residual(term, x, fields)
        squared = residual.square().sum(-1) if term.energy.vector else residual.square()
        robust = squared if term.kernel is None else term.kernel.at(progress)(squared)
        return Evaluation(residual, confidence, squared, confidence * robust, term.weight_at(progress))

    def least_squares(self, term: Term, found: Evaluation, progress: float) -> tuple[Tensor, Tensor]:
        """Return residuals and the weights of the equivalent least-squares problem. [..., R, M] twice"""
        squared = found.squared.detach()
        slope = torch.ones_like(squared) if term.kernel is None else term.kernel.at(progress).weight(squared)
        weight = found.weight * found.confidence * slope
        if term.energy.vector:
            weight = weight[..., None]
        residual = found.residual.detach()
        return self.rows(residual), self.rows(weight.expand_as(residual))

    def rows(self, residual: Tensor) -> Tensor:
        """Return a residual with its trailing dimensions flattened to one. [..., R, …] → [..., R, M]"""
        lead = len(self.batch) + 1
        return residual[..., None] if residual.dim() == lead else residual.flatten(lead)

    def values(self, x: PosedBody, fields: Fields, progress: float = 1.0, trial: bool = False) -> Tensor:
        """Return the whole energy of every clip; differentiable. [...]

        At a trial step it is infinite where a residual is not a finite number; elsewhere that is an error.
        """
        return self.total(self.evaluate(x, fields, progress, trial), trial)

    def total(self, found: Sequence[Evaluation], trial: bool = False) -> Tensor:
        """Return the sum of terms that have been evaluated, for every clip. [...]"""
        total = torch.zeros(self.batch, dtype=torch.float64, device=found[0].robust.device)
        for each in found:
            total = total + each.weight * self.per_clip(each.robust)
        return total.nan_to_num(torch.inf) if trial else total

    def per_clip(self, robust: Tensor) -> Tensor:
        """Sum what belongs to each clip, in float64. [..., R, …] → [...]"""
        batch = len(self.batch)
        return robust.flatten(batch).sum(-1, dtype=torch.float64) if robust.dim() > batch else robust.double()

    def _prepared(self, term: Term, x: PosedBody, fields: Mapping[str, Any], progress: float) -> Mapping[str, Any]:
        prepare = term.energy.prepare
        if prepare is None:
            return fields
        wanted = term.energy.wants(prepare, {**fields, "progress": progress})
        try:
            return {**fields, **prepare(x, **wanted)}
        except BadInputError:
            raise
        except Exception as error:  # as for residual functions
            raise BadInputError(
                f"the preparation of the term {term.name!r} fails on {self._described(wanted)}: {_first_line(error)}"
            ) from error

    def _residual(self, term: Term, x: PosedBody, fields: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
        try:
            found = term.energy.residual(x, fields)
        except BadInputError:
            raise
        except Exception as error:  # whatever a function of the user's does wrong, the term is named
            raise BadInputError(
                f"the term {term.name!r} fails on {self._described(fields)}: {_first_line(error)}"
            ) from error
        residual, confidence = found if isinstance(found, tuple) else (found, None)
        if not isinstance(residual, Tensor):
            raise BadInputError(f"the term {term.name!r} returns a {type(residual).__name__} instead of a tensor")
        self._check_residual(term, residual)
        return residual, self._confidence(term, residual, confidence)

    def _confidence(self, term: Term, residual: Tensor, given: Tensor | None) -> Tensor:
        """Return the confidence of each residual, or of each vector of them."""
        confidence = residual.new_ones(()) if given is None else given.detach()
        shape = residual.shape[:-1] if term.energy.vector else residual.shape
        try:
            if term.confidence is not None:
                confidence = confidence * term.confidence.to(residual)
            confidence.expand(shape)
        except RuntimeError:
            raise BadInputError(
                f"the confidence of the term {term.name!r} has the shape {list(confidence.shape)}; "
                f"it must broadcast to {list(shape)}"
            ) from None
        return confidence

    def _check_finite(self, found: Sequence[Evaluation]) -> None:
        """Name a term that is not a finite number; one copy to the host tells whether any is."""
        fine = [torch.isfinite(part).all() for each in found for part in (each.residual, each.confidence)]
        if not fine or bool(torch.stack(fine).all()):
            return
        for term, each in zip(self.terms, found, strict=True):
            bad = torch.nonzero(~torch.isfinite(each.residual))
            if len(bad):
                raise BadInputError(
                    f"the residual of the term {term.name!r} is not a finite number at {bad[0].tolist()}"
                )
            if not torch.isfinite(each.confidence).all():
                raise BadInputError(f"the confidence of the term {term.name!r} is not a finite number everywhere")

    def _check_residual(self, term: Term, residual: Tensor) -> None:
        batch, frames, shape = self.batch, self.frames, tuple(residual.shape)
        rows = shape[len(batch)] if len(shape) > len(batch) else -1
        if shape[: len(batch)] != batch or rows not in (1, frames, frames - 1, frames - 2):
            raise BadInputError(
                f"the term {term.name!r} returns a residual of shape {list(shape)}; it must begin with "
                f"{[*batch, frames]} (a row for each frame), one or two rows less (neighbouring frames), or "
                f"{[*batch, 1]} (shared unknowns)"
            )
        if not residual.is_floating_point():
            raise BadInputError(
                f"the term {term.name!r} returns whole numbers ({residual.dtype}); it must return floats"
            )

    def _described(self, fields: Mapping[str, Any]) -> str:
        """Return fields and their shapes in words."""
        shapes = [f"{n} {list(v.shape)}" if isinstance(v, Tensor) else n for n, v in fields.items()]
        return f"the fields {', '.join(shapes)} with {self.frames} frames" if shapes else f"{self.frames} frames"


# -- binding --------------------------------------------------------------------------------------------------


def _bound(term: Term, observations: Mapping[str, Any], like: Tensor, sizes: dict[str, int]) -> Mapping[str, Any]:
    """Return a term's fields, checked and on the unknowns' device."""
    wanted = term.energy.fields()
    for name in term.data:
        if name not in wanted:
            near = difflib.get_close_matches(name, wanted, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"its fields are {', '.join(wanted) or 'none'}"
            raise BadInputError(f"the term {term.name!r} has no field {name!r}: {hint}")
    given = {name: observations[name] for name in term.energy.observes if name in observations}
    given |= term.data
    for name, required in wanted.items():
        if required and name not in given:
            declare = "" if name in term.energy.observes else f' or declare it with @energy(observes=("{name}",))'
            raise BadInputError(
                f"the term {term.name!r} needs the field {name!r}: give it in Term(data={{{name!r}: …}}){declare}"
            )
    fields = {name: _as_tensor(value, like) for name, value in given.items()}
    for name, value in fields.items():
        for i, tensor in enumerate(_tensors(value)):
            _check_field(term, name, tensor, sizes, i == 0)
    return fields


def _sizes(unknowns: Unknowns) -> dict[str, int]:
    body = unknowns.body
    return {
        "T": unknowns.frames,
        "V": len(body.template),
        "J": len(body.parents),
        "K": len(body.keypoint_regressor),
        "B": unknowns.named["betas"].value.shape[-1],
    }


def _as_tensor(value: Any, like: Tensor) -> Any:
    """Turn arrays and lists of numbers into tensors on the unknowns' device."""
    if isinstance(value, np.ndarray):
        value = torch.from_numpy(np.ascontiguousarray(value))
    if isinstance(value, list) and value and all(isinstance(v, (int, float)) for v in value):
        value = torch.tensor(value)
    if isinstance(value, Tensor):
        return value.to(like) if value.is_floating_point() else value.to(like.device)
    if hasattr(value, "to") and callable(value.to):
        return value.to(like.device)
    return value


def _tensors(value: Any) -> list[Tensor]:
    """Return a tensor, or those of a dataclass."""
    parts = [getattr(value, f.name) for f in dataclass_fields(value)] if is_dataclass(value) else [value]
    return [part for part in parts if isinstance(part, Tensor)]


def _check_field(term: Term, name: str, value: Tensor, sizes: dict[str, int], shaped: bool) -> None:
    expected = term.energy.shapes.get(name) if shaped else None
    if expected is not None:
        letters = expected.split()
        shape = tuple(value.shape)[max(0, value.dim() - len(letters)) :]
        if len(shape) != len(letters) or not all(_fits(s, n, sizes) for s, n in zip(letters, shape, strict=True)):
            meant = ", ".join(f"{s} = {sizes[s]}" for s in dict.fromkeys(re.findall("[A-Z]", expected)) if s in sizes)
            where = f" with {meant}" if meant else ""
            raise BadInputError(
                f"the field {name!r} of the term {term.name!r} has the shape {list(value.shape)}; "
                f"it must be [{', '.join(letters)}]{where}"
            )
    numbers = value.coalesce().values() if value.is_sparse else value
    if numbers.is_floating_point() and not torch.isfinite(numbers).all():
        bad = torch.nonzero(~torch.isfinite(numbers))[0].tolist()
        raise BadInputError(f"the field {name!r} of the term {term.name!r} is not a finite number at {bad}")


def _fits(expected: str, size: int, sizes: dict[str, int]) -> bool:
    """Return whether a dimension such as ``3``, ``T`` or ``T-1`` has this size; a new letter is remembered."""
    if expected.isdigit():
        return int(expected) == size
    letter, _, less = expected.partition("-")
    return sizes.setdefault(letter, size + int(less or 0)) - int(less or 0) == size


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
