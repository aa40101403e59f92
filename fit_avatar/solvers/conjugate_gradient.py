"""Gauss–Newton steps without a matrix, for many shared unknowns such as offsets: conjugate gradients on products.

A product with JᵀWJ is one forward and one backward sweep through the terms. Offsets are preconditioned by a
sparse approximation D + LᵀΛL (L the cotangent Laplacian), estimated from a few random products: smoothness terms
are what makes the problem stiff. Clips of a batch share sweeps, but each has step lengths of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from scipy.sparse import csr_matrix, diags
from torch import Tensor

from fit_avatar.body.operators import cotangent_laplacian
from fit_avatar.energies.posed_body import PosedBody
from fit_avatar.solvers.inverse import inverse_of
from fit_avatar.solvers.linear_system import Steps
from fit_avatar.solvers.options import ConjugateGradient
from fit_avatar.solvers.problem import Evaluation, Fields, Objective
from fit_avatar.solvers.unknowns import Unknowns

PROBES = 16
PRODUCTS_BETWEEN_CHECKS = 10
"""What has converged stands still, so that further products change nothing. Chosen by hand."""
Precondition = Callable[[Steps], Steps]


class Products:
    """Products with J and Jᵀ of all terms at one place."""

    def __init__(
        self, objective: Objective, unknowns: Unknowns, fields: Fields, found: list[Evaluation], progress: float
    ) -> None:
        weights = [objective.least_squares(t, f, progress)[1] for t, f in zip(objective.terms, found, strict=True)]
        with torch.enable_grad():
            self.leaves = {n: u.zero_step().requires_grad_() for n, u in unknowns.free.items()}
            again = objective.evaluate(unknowns.posed_body_after(self.leaves), fields, progress)
            moving = [(f.residual, w) for f, w in zip(again, weights, strict=True) if f.residual.requires_grad]
            self.outputs = [residual.reshape(weight.shape) for residual, weight in moving]
            self.weights = [weight for _, weight in moving]
            self.dummies = [torch.zeros_like(out, requires_grad=True) for out in self.outputs]
            slopes = (
                torch.autograd.grad(
                    self.outputs, list(self.leaves.values()), self.dummies, create_graph=True, allow_unused=True
                )
                if moving
                else ()
            )
            self.slopes = {n: s for n, s in zip(self.leaves, slopes, strict=False) if s is not None}
        self.gradient = self._back([w * out.detach() for w, out in zip(self.weights, self.outputs, strict=True)])

    def normal(self, steps: Steps) -> Steps:
        """Return JᵀWJ steps."""
        if not self.outputs:
            return {n: torch.zeros_like(leaf) for n, leaf in self.leaves.items()}
        along = [steps[name].to(slope) for name, slope in self.slopes.items()]
        moved = torch.autograd.grad(
            list(self.slopes.values()), self.dummies, along, retain_graph=True, allow_unused=True
        )
        pulled = [
            torch.zeros_like(out) if m is None else w * m
            for out, m, w in zip(self.outputs, moved, self.weights, strict=True)
        ]
        return self._back(pulled)

    def _back(self, pulled: list[Tensor]) -> Steps:
        slopes: tuple[Tensor | None, ...] = (None,) * len(self.leaves)
        if self.outputs:
            slopes = torch.autograd.grad(
                self.outputs, list(self.leaves.values()), pulled, retain_graph=True, allow_unused=True
            )
        return {
            n: torch.zeros_like(leaf) if s is None else s
            for (n, leaf), s in zip(self.leaves.items(), slopes, strict=True)
        }


@dataclass
class MatrixFreeSystem:
    """Normal equations of which only products are known."""

    products: Products
    diagonal: Steps
    precondition: Precondition
    options: ConjugateGradient
    batch: int
    warning: str = field(default="", init=False)

    def solve(self, damping: Tensor) -> Steps:
        """Solve (JᵀWJ + damping · diagonal) steps = −gradient, for each clip until its residual is small."""
        self.warning = ""
        residual = {n: -g for n, g in self.products.gradient.items()}
        solution = {n: torch.zeros_like(g) for n, g in residual.items()}
        direction = turned = self.precondition(residual)
        agreement = self._dot(residual, turned)
        target = agreement * self.options.tolerance**2
        every = products_between_checks(target.device)
        for i in range(self.options.max_products):
            going = (agreement > target) & (agreement > 0)
            if i % every == 0 and not bool(going.any()):
                return solution
            product = self.products.normal(direction)
            product = {n: p + self._scaled(damping, self.diagonal[n] * direction[n]) for n, p in product.items()}
            # A clip that has converged stands still while others go on.
            length = torch.where(going, agreement / self._dot(direction, product).clamp_min(1e-30), 0.0)
            solution = {n: s + self._scaled(length, direction[n]) for n, s in solution.items()}
            residual = {n: r - self._scaled(length, product[n]) for n, r in residual.items()}
            turned = self.precondition(residual)
            last, agreement = agreement, self._dot(residual, turned)
            ratio = torch.where(going, agreement / last.clamp_min(1e-300), 0.0)
            direction = {n: t + self._scaled(ratio, direction[n]) for n, t in turned.items()}
        left = float((agreement / target.clamp_min(1e-300)).amax().sqrt()) * self.options.tolerance
        if left > self.options.tolerance:
            self.warning = f"conjugate gradients did not converge (residual {left:.0e})"
        return solution

    def decrease(self, steps: Steps) -> Tensor:
        """Return the decrease of the energy that a step promises. [...]"""
        return -self._dot(self.products.gradient, steps)

    def _dot(self, a: Steps, b: Steps) -> Tensor:
        """Return the scalar product of each clip. [...]"""
        parts = [(a[n].double() * b[n].double()).flatten(self.batch).sum(-1) for n in a]
        return torch.stack(parts).sum(0)

    def _scaled(self, factor: Tensor, step: Tensor) -> Tensor:
        """Return a step times a factor for each clip."""
        return factor.to(step).reshape(*factor.shape, *[1] * (step.dim() - self.batch)) * step


def products_between_checks(device: torch.device) -> int:
    """Return how many products are made before it is asked whether all has converged, since to ask is to wait."""
    return 1 if device.type == "cpu" else PRODUCTS_BETWEEN_CHECKS


def conjugate_gradients(
    product: Callable[[Tensor], Tensor],
    precondition: Callable[[Tensor], Tensor],
    right: Tensor,
    tolerance: Tensor,
    max_products: int,
) -> tuple[Tensor, str]:
    """Solve A x = right for a positive definite A of which only products are known.

    Args:
        product: A times a vector. [n] → [n]
        precondition: about A⁻¹ times a vector. [n] → [n]
        right: the right side. float64 [n]
        tolerance: the norm of the residual at which the solve ends. []
        max_products: the most that are made.

    Returns:
        x [n], and a warning if it has not converged.
    """
    solution, residual = torch.zeros_like(right), right
    direction = turned = precondition(residual)
    agreement = residual @ turned
    every = products_between_checks(right.device)
    for i in range(max_products):
        going = residual.norm() >= tolerance  # what has converged stands still
        if i % every == 0 and not bool(going):
            return solution, ""
        moved = product(direction)
        length = torch.where(going, agreement / (direction @ moved).clamp_min(1e-300), 0.0)
        solution = torch.addcmul(solution, length, direction)
        residual = torch.addcmul(residual, length, moved, value=-1)
        turned = precondition(residual)
        last, agreement = agreement, residual @ turned
        direction = torch.addcmul(turned, torch.where(going, agreement / last.clamp_min(1e-300), 0.0), direction)
    left, allowed, size = torch.stack([residual.norm(), tolerance, right.norm()]).tolist()
    return solution, "" if left < allowed else f"conjugate gradients did not converge (residual {left / size:.0e})"


class MatrixFree:
    """Linearises an objective into :class:`MatrixFreeSystem`."""

    def __init__(self, objective: Objective, options: ConjugateGradient) -> None:
        """Take the objective and the options of the solver."""
        self._objective, self._options = objective, options

    def __call__(
        self, unknowns: Unknowns, x: PosedBody, fields: Fields, found: list[Evaluation], progress: float
    ) -> MatrixFreeSystem:
        """Sweep through the terms once, and estimate a preconditioner."""
        products = Products(self._objective, unknowns, fields, found, progress)
        diagonal = estimated_diagonal(products, self._options.probes)
        smooth = _smooth_inverse(unknowns, products, diagonal) if "offsets" in products.leaves else None

        def precondition(residual: Steps) -> Steps:
            found = {n: r / diagonal[n] for n, r in residual.items()}
            if smooth is not None:
                found["offsets"] = smooth(residual["offsets"])
            return found

        return MatrixFreeSystem(products, diagonal, precondition, self._options, len(unknowns.batch))


def estimated_diagonal(products: Products, probes: int = PROBES) -> Steps:
    """Return an estimate of the diagonal of JᵀWJ from random products, positive even where it is nearly zero.

    Source: Bekas et al. 2007 (An estimator for the diagonal of a matrix), section 2.
    """
    generator = torch.Generator().manual_seed(0)
    diagonal = {n: torch.zeros_like(leaf) for n, leaf in products.leaves.items()}
    for _ in range(probes):
        probe = {
            n: (torch.randint(0, 2, leaf.shape, generator=generator) * 2.0 - 1.0).to(leaf)
            for n, leaf in products.leaves.items()
        }
        product = products.normal(probe)
        diagonal = {n: d + probe[n] * product[n] / probes for n, d in diagonal.items()}
    return {n: torch.maximum(d, 1e-3 * d.abs().mean() + 1e-12) for n, d in diagonal.items()}


def _smooth_inverse(
    unknowns: Unknowns, products: Products, diagonal: Mapping[str, Tensor]
) -> Callable[[Tensor], Tensor]:
    """Return the inverse of D + LᵀΛL, fitted to products: an even offset feels D alone, a rough one both."""
    body, leaf = unknowns.body, products.leaves["offsets"]
    if leaf.shape[-1] != 3 * len(body.template):  # only some offsets are free
        return lambda residual: residual / diagonal["offsets"]
    even = {n: torch.ones_like(v) if n == "offsets" else torch.zeros_like(v) for n, v in products.leaves.items()}
    level = float(products.normal(even)["offsets"].mean().clamp_min(1e-12))
    vertices, faces = body.template.double().cpu().numpy(), body.faces.cpu().numpy()
    operator, _ = cotangent_laplacian(vertices, faces)
    own = np.asarray(operator.multiply(operator).sum(axis=0)).ravel()
    measured = diagonal["offsets"].flatten(0, -2).mean(0).reshape(-1, 3).mean(-1).double().cpu().numpy()
    stiffness = np.maximum(measured - level, 0) / np.maximum(own, 1e-12)
    neighbours = csr_matrix(abs(operator))
    stiffness = (neighbours @ stiffness) / np.asarray(neighbours.sum(axis=1)).ravel()  # the estimate is noisy
    matrix = operator.T @ diags(stiffness) @ operator + diags(np.full(len(own), level))
    inverse = inverse_of(matrix.tocsr(), leaf.device)

    def apply(residual: Tensor) -> Tensor:
        flat = residual.reshape(-1, len(vertices), 3).movedim(1, 0)  # [V, clips, 3]
        solved = inverse(flat.flatten(1).double()).view_as(flat).movedim(0, 1)
        return solved.to(residual).reshape(residual.shape)

    return apply
