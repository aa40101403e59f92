"""Gauss–Newton steps of one clip's offsets, from sparse normal equations.

Un-posed outlines give 3 × 3 blocks, smoothness and symmetry couple neighbours: all of it is one sparse matrix, solved
by conjugate gradients with a Cholesky-like factor of the mean of its three axes as the preconditioner. On the CPU the
matrix JᵀWJ is assembled; elsewhere J is copied to the device after each matching, and multiplied there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags, identity, vstack
from torch import Tensor

from fit_avatar.body.mesh import vertex_areas
from fit_avatar.body.model import Body
from fit_avatar.body.operators import adjacency
from fit_avatar.energies.posed_body import PosedBody
from fit_avatar.errors import BadInputError
from fit_avatar.solvers.conjugate_gradient import Products, conjugate_gradients
from fit_avatar.solvers.inverse import inverse_of
from fit_avatar.solvers.linear_system import Steps
from fit_avatar.solvers.options import SparseOffsets
from fit_avatar.solvers.problem import Evaluation, Fields, Objective
from fit_avatar.solvers.unknowns import Unknowns

Product = Callable[[Tensor], Tensor]
"""A linear map of a flat step. float64 [n] → [n]"""


@dataclass
class SparseSystem:
    """Normal equations of n free numbers of the offsets, by the products that conjugate gradients take."""

    product: Product
    """JᵀWJ of all terms, undamped."""
    diagonal: Tensor  # [n] float64, of the terms that declare their derivative
    gradient: Tensor  # [n] float64
    precondition: Product
    tolerance: Tensor
    """Absolute, in the norm of the gradient. []"""
    max_products: int
    warning: str = field(default="", init=False)

    def solve(self, damping: Tensor) -> Steps:
        """Return the step, as :class:`~fit_avatar.solvers.linear_system.LinearSystem` says."""
        added = damping * self.diagonal
        step, self.warning = conjugate_gradients(
            lambda flat: self.product(flat) + added * flat,
            self.precondition,
            -self.gradient,
            self.tolerance,
            self.max_products,
        )
        return {"offsets": step[None]}

    def decrease(self, steps: Steps) -> Tensor:
        """Return the decrease of the energy that a step promises. []"""
        return -(self.gradient @ steps["offsets"][0].double())


@dataclass(frozen=True)
class Derivatives:
    """The derivatives of terms to the free offsets, one above the other."""

    matrix: csr_matrix  # J, [M, n]
    there: Tensor | None  # J on a device other than the CPU, sparse
    transposed: Tensor | None  # Jᵀ
    squared: Tensor | None  # (J ∘ J)ᵀ

    @classmethod
    def of(
        cls, jacobians: Sequence[csr_matrix], free: NDArray[np.int64], size: int, device: torch.device
    ) -> Derivatives:
        """Put derivatives to all offsets [M, 3V] together, of which some are free."""
        stacked = vstack([csr_matrix((0, size)), *jacobians]).tocsr()
        matrix = stacked if len(free) == size else stacked[:, free]
        if device.type == "cpu":
            return cls(matrix, None, None, None)
        turned = matrix.T.tocsr()
        return cls(matrix, _sparse(matrix, device), _sparse(turned, device), _sparse(turned.multiply(turned), device))

    def equations(self, weight: Tensor, residual: Tensor, normal: csr_matrix | None) -> tuple[Product, Tensor, Tensor]:
        """Return the product with JᵀWJ, its diagonal, and JᵀWr. [M] twice, and on the CPU :meth:`normal`"""
        if self.there is None or self.transposed is None or self.squared is None:
            assert normal is not None
            gradient = torch.from_numpy(self.matrix.T @ (weight * residual).numpy())
            return (lambda v: torch.from_numpy(normal @ v.numpy())), torch.from_numpy(normal.diagonal()), gradient
        there, transposed = self.there, self.transposed
        return (lambda v: transposed @ (weight * (there @ v))), self.squared @ weight, transposed @ (weight * residual)

    def normal(self, weight: Tensor) -> csr_matrix:
        """Return JᵀWJ, assembled on the CPU."""
        return (self.matrix.T @ diags(weight.cpu().numpy()) @ self.matrix).tocsr()


def _sparse(matrix: csr_matrix, device: torch.device) -> Tensor:
    rows = matrix.tocsr()
    starts, columns = (torch.from_numpy(index.astype(np.int64)) for index in (rows.indptr, rows.indices))
    values = torch.from_numpy(rows.data.astype(np.float64))
    return torch.sparse_csr_tensor(starts, columns, values, tuple(rows.shape)).to(device)


class SparseAssembly:
    """Linearises an objective into :class:`SparseSystem`; the preconditioner is kept from one iteration to the next."""

    def __init__(self, objective: Objective, options: SparseOffsets) -> None:
        """Take the objective and the options of the solver."""
        self._objective, self._options = objective, options
        self._precondition: Product | None = None
        self._known: tuple[Fields, Derivatives] | None = None
        self._scale: Tensor | None = None
        """Largest norm so far of the right side for the offsets themselves: a small step needs fewer digits."""

    def __call__(
        self, unknowns: Unknowns, x: PosedBody, fields: Fields, found: list[Evaluation], progress: float
    ) -> SparseSystem:
        """Assemble the terms that declare their derivative to the offsets; the others join by products.

        Raises:
            BadInputError: something else than the offsets of one clip is free.
        """
        if list(unknowns.free) != ["offsets"] or unknowns.batch:
            raise BadInputError(
                "SparseOffsets solves for the offsets of one clip, but "
                f"{'several clips are' if unknowns.batch else ', '.join(unknowns.free) + ' is'} free: use "
                "GaussNewton(linear_solver=ConjugateGradient()), or free=('offsets',)"
            )
        offsets = unknowns.free["offsets"]
        declared = [term.energy.jacobian_of_offsets is not None for term in self._objective.terms]
        derivatives = self._derivatives(unknowns, x, fields)
        both = [
            self._objective.least_squares(term, each, progress)
            for term, each, own in zip(self._objective.terms, found, declared, strict=True)
            if own
        ]
        none = x.transl.new_zeros(0, dtype=torch.float64)
        residual, weight = (torch.cat([none, *(pair[k].flatten().double() for pair in both)]) for k in (0, 1))
        normal = derivatives.normal(weight) if derivatives.there is None or self._precondition is None else None
        product, diagonal, gradient = derivatives.equations(weight, residual, normal)
        whole = offsets.value.double().flatten()[offsets.free_index]
        if self._precondition is None:
            assert normal is not None
            self._precondition = _mean_axis_inverse(normal, unknowns.body)
        assembled = product(whole)
        others = [i for i, own in enumerate(declared) if not own]
        if others:
            products = self._products_of(others, unknowns, fields, found, progress)
            gradient = gradient + products.gradient["offsets"][0].double()
            product = _sum(product, products, offsets.value)
        size = (assembled - gradient).norm()
        self._scale = size if self._scale is None else torch.maximum(self._scale, size)
        return SparseSystem(
            product, diagonal, gradient, self._precondition, self._options.tolerance * self._scale,
            self._options.max_products,
        )  # fmt: skip

    def _derivatives(self, unknowns: Unknowns, x: PosedBody, fields: Fields) -> Derivatives:
        """Return the derivatives of the terms that declare them; the package's own change with the matching alone."""
        if self._known is not None and self._known[0] is fields:
            return self._known[1]
        terms = self._objective.terms
        each = [term.energy.offset_jacobian(x, own) for term, own in zip(terms, fields, strict=True)]
        free = unknowns.free["offsets"].free_index.cpu().numpy()
        found = Derivatives.of(
            [one for one in each if one is not None], free, unknowns.free["offsets"].dofs, x.transl.device
        )
        if all(term.energy.checked for term, one in zip(terms, each, strict=True) if one is not None):
            self._known = fields, found
        return found

    def _products_of(
        self, chosen: list[int], unknowns: Unknowns, fields: Fields, found: list[Evaluation], progress: float
    ) -> Products:
        """Return products with the terms that are not assembled."""
        objective = replace(
            self._objective,
            terms=tuple(self._objective.terms[i] for i in chosen),
            fields=tuple(self._objective.fields[i] for i in chosen),
        )
        own = tuple(fields[i] for i in chosen)
        return Products(objective, unknowns, own, [found[i] for i in chosen], progress)


def _sum(product: Product, others: Products, like: Tensor) -> Product:
    """Return a product with further terms added to it."""

    def both(flat: Tensor) -> Tensor:
        return product(flat) + others.normal({"offsets": flat[None].to(like)})["offsets"][0].double()

    return both


def _mean_axis_inverse(matrix: csr_matrix, body: Body) -> Product:
    """Return an approximate inverse: the mean of the blocks of x, y and z, one factor of V × V for all three.

    What holds single vertices (data, priors) is spread evenly over the surface: outlines pull a few vertices hard and
    only along their normals, which a factor that is the same for all axes would take for stiffness all around.
    Vertices that are more than two edges apart (mirror images) are not coupled, since that would fill the factor.
    """
    count, device = len(body.template), body.template.device
    if matrix.shape[0] != 3 * count:  # only some offsets are free
        diagonal = torch.from_numpy(np.maximum(matrix.diagonal(), 1e-300)).to(device)
        return lambda flat: flat / diagonal
    mean = sum((matrix[axis::3, axis::3] for axis in range(3)), start=csr_matrix((count, count)))
    near = adjacency(body.faces.cpu().numpy(), count) + identity(count, format="csr")
    approximate = (mean / 3).multiply(near @ near > 0).tocsr()
    held = np.asarray(approximate.sum(axis=1)).ravel()  # smoothness alone has rows that sum to zero
    area = vertex_areas(body.template, body.faces).double().cpu().numpy()
    even = area * (held.sum() / area.sum())
    inverse = inverse_of((approximate + diags(even - held)).tocsr(), device)
    return lambda flat: inverse(flat.view(-1, 3)).flatten()
