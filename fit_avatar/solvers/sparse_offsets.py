"""Gauss–Newton steps of one clip's offsets, from sparse normal equations.

Un-posed outlines give 3 × 3 blocks, smoothness and symmetry couple neighbours: all of it is one sparse matrix, solved
by conjugate gradients with a Cholesky-like factor of the mean of its three axes as the preconditioner.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags, identity
from scipy.sparse.linalg import LinearOperator, cg, splu
from torch import Tensor

from fit_avatar.body.mesh import vertex_areas
from fit_avatar.body.model import Body
from fit_avatar.body.operators import adjacency
from fit_avatar.energies.posed_body import PosedBody
from fit_avatar.errors import BadInputError
from fit_avatar.solvers.conjugate_gradient import Products
from fit_avatar.solvers.linear_system import Steps
from fit_avatar.solvers.options import SparseOffsets
from fit_avatar.solvers.problem import Evaluation, Fields, Objective
from fit_avatar.solvers.unknowns import Unknowns

FloatArray = NDArray[np.float64]
Product = Callable[[FloatArray], FloatArray]


@dataclass
class SparseSystem:
    """Normal equations of V offsets: an assembled matrix, and products for the terms that are not in it."""

    matrix: csr_matrix  # [3V, 3V]
    gradient: FloatArray  # [3V]
    rest: Product | None
    precondition: Product
    tolerance: float
    """Absolute, in the norm of the gradient."""
    max_products: int
    like: Tensor
    warning: str = field(default="", init=False)

    def solve(self, damping: Tensor) -> Steps:
        """Return the step, as :class:`~fit_avatar.solvers.linear_system.LinearSystem` says."""
        added = float(damping) * self.matrix.diagonal()

        def product(flat: FloatArray) -> FloatArray:
            found = self.matrix @ flat + added * flat
            return np.asarray(found if self.rest is None else found + self.rest(flat))

        shape = self.matrix.shape
        step, failed = cg(
            LinearOperator(shape, product, dtype=np.float64), -self.gradient, rtol=0.0, atol=self.tolerance,
            maxiter=self.max_products, M=LinearOperator(shape, self.precondition, dtype=np.float64),
        )  # fmt: skip
        self.warning = ""
        if failed:
            left = float(np.linalg.norm(product(step) + self.gradient)) / float(np.linalg.norm(self.gradient))
            self.warning = f"conjugate gradients did not converge (residual {left:.0e})"
        return {"offsets": torch.from_numpy(step)[None].to(self.like.device)}

    def decrease(self, steps: Steps) -> Tensor:
        """Return the decrease of the energy that a step promises. []"""
        slope = self.gradient @ steps["offsets"][0].double().cpu().numpy()
        return torch.tensor(-slope, dtype=torch.float64, device=self.like.device)


class SparseAssembly:
    """Linearises an objective into :class:`SparseSystem`; the preconditioner is kept from one iteration to the next."""

    def __init__(self, objective: Objective, options: SparseOffsets) -> None:
        """Take the objective and the options of the solver."""
        self._objective, self._options = objective, options
        self._precondition: Product | None = None
        self._scale = 0.0
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
        size = 3 * len(unknowns.body.template)
        matrix = csr_matrix((size, size))
        gradient: NDArray[np.float64] = np.zeros(size)
        others = []
        for i, (term, own, evaluation) in enumerate(zip(self._objective.terms, fields, found, strict=True)):
            jacobian = term.energy.offset_jacobian(x, own)
            if jacobian is None:
                others.append(i)
                continue
            residual, weight = self._objective.least_squares(term, evaluation, progress)
            r, w = (part.flatten().double().cpu().numpy() for part in (residual, weight))
            matrix = matrix + jacobian.T @ diags(w) @ jacobian
            gradient = gradient + jacobian.T @ (w * r)
        rest = None
        if others:
            products = self._products_of(others, unknowns, fields, found, progress)
            gradient = gradient + _flat(products.gradient, unknowns)
            rest = _product(products, unknowns)
        free = unknowns.free["offsets"].free_index.cpu().numpy()
        matrix, gradient = matrix.tocsr()[free][:, free], gradient[free]
        if self._precondition is None:
            self._precondition = _mean_axis_factor(matrix, unknowns.body)
        offsets = unknowns.free["offsets"].value.double().cpu().numpy().ravel()[free]
        self._scale = max(self._scale, float(np.linalg.norm(matrix @ offsets - gradient)))
        return SparseSystem(
            matrix, gradient, rest, self._precondition, self._options.tolerance * self._scale,
            self._options.max_products, x.transl,
        )  # fmt: skip

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


def _flat(steps: Steps, unknowns: Unknowns) -> FloatArray:
    """Return a step of the free offsets among all of them. [3V]"""
    whole = np.zeros(unknowns.free["offsets"].dofs)
    whole[unknowns.free["offsets"].free_index.cpu().numpy()] = steps["offsets"][0].double().cpu().numpy()
    return whole


def _product(products: Products, unknowns: Unknowns) -> Product:
    like = unknowns.free["offsets"].value

    def product(flat: FloatArray) -> FloatArray:
        moved = products.normal({"offsets": torch.from_numpy(flat)[None].to(like)})
        return np.asarray(moved["offsets"][0].double().cpu().numpy())

    return product


def _mean_axis_factor(matrix: csr_matrix, body: Body) -> Product:
    """Return an approximate inverse: the mean of the blocks of x, y and z, one factor of V × V for all three.

    What holds single vertices (data, priors) is spread evenly over the surface: outlines pull a few vertices hard and
    only along their normals, which a factor that is the same for all axes would take for stiffness all around.
    Vertices that are more than two edges apart (mirror images) are not coupled, since that would fill the factor.
    """
    count = len(body.template)
    if matrix.shape[0] != 3 * count:  # only some offsets are free
        diagonal = np.maximum(matrix.diagonal(), 1e-300)
        return lambda flat: np.asarray(flat / diagonal)
    mean = sum((matrix[axis::3, axis::3] for axis in range(3)), start=csr_matrix((count, count)))
    near = adjacency(body.faces.cpu().numpy(), count) + identity(count, format="csr")
    approximate = (mean / 3).multiply(near @ near > 0).tocsr()
    held = np.asarray(approximate.sum(axis=1)).ravel()  # smoothness alone has rows that sum to zero
    area = vertex_areas(body.template, body.faces).double().cpu().numpy()
    even = area * (held.sum() / area.sum())
    inverse = splu(
        (approximate + diags(even - held)).tocsc(), permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}
    )
    return lambda flat: np.asarray(inverse.solve(flat.reshape(-1, 3))).ravel()
