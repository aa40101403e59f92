"""Gauss–Newton without a matrix, for many shared unknowns such as offsets: conjugate gradients on products.

A product with JᵀWJ is one forward and one backward sweep through the terms. Offsets are preconditioned by a
sparse approximation D + LᵀΛL (L the cotangent Laplacian), estimated from a few random products: smoothness terms
are what makes the problem stiff.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.sparse import csr_matrix, diags
from scipy.sparse.linalg import splu
from torch import Tensor

from fit_avatar.body.operators import cotangent_laplacian
from fit_avatar.solvers.problem import Evaluation, Fields, Problem

if TYPE_CHECKING:
    from fit_avatar.solvers.gauss_newton import GaussNewtonLoop

PROBES = 16
TOLERANCE = 1e-3
"""Conjugate gradients stop when the residual has shrunk to this part."""
MAX_PRODUCTS = 200

Steps = dict[str, Tensor]
Solve = Callable[[Steps], Steps]


class Products:
    """Products with J and Jᵀ of all terms at one place."""

    def __init__(self, problem: Problem, fields: Fields, found: list[Evaluation], share: float) -> None:
        squares = [problem.least_squares(t, f, share) for t, f in zip(problem.terms, found, strict=True)]
        self.weights = [weight for _, weight in squares]
        with torch.enable_grad():
            self.leaves = {n: u.zero_step().requires_grad_() for n, u in problem.unknowns.free.items()}
            x = problem.unknowns.posed_body_after(self.leaves)
            again = problem.evaluate(x, fields, share)
            self.outputs = [
                f.residual.reshape(w.shape)
                for f, w in zip(again, self.weights, strict=True)
                if f.residual.requires_grad
            ]
            self.weights = [w for f, w in zip(again, self.weights, strict=True) if f.residual.requires_grad]
            self.dummies = [torch.zeros_like(out, requires_grad=True) for out in self.outputs]
            slopes = torch.autograd.grad(
                self.outputs, list(self.leaves.values()), self.dummies, create_graph=True, allow_unused=True
            )
            self.slopes = {n: s for n, s in zip(self.leaves, slopes, strict=True) if s is not None}
        self.gradient = self._back([w * out.detach() for w, out in zip(self.weights, self.outputs, strict=True)])

    def normal(self, steps: Steps) -> Steps:
        """Return JᵀWJ steps."""
        along = [steps[name] for name in self.slopes]
        moved = torch.autograd.grad(
            list(self.slopes.values()), self.dummies, along, retain_graph=True, allow_unused=True
        )
        pulled = [
            torch.zeros_like(out) if m is None else w * m
            for out, m, w in zip(self.outputs, moved, self.weights, strict=True)
        ]
        return self._back(pulled)

    def _back(self, pulled: list[Tensor]) -> Steps:
        slopes = torch.autograd.grad(
            self.outputs, list(self.leaves.values()), pulled, retain_graph=True, allow_unused=True
        )
        return {
            n: torch.zeros_like(leaf) if s is None else s
            for (n, leaf), s in zip(self.leaves.items(), slopes, strict=True)
        }


def step_without_matrix(
    loop: GaussNewtonLoop, fields: Fields, found: list[Evaluation], share: float, before: Tensor
) -> Tensor:
    """Make one iteration of the loop for unknowns that are too many for a matrix; return the energies after it."""
    problem, unknowns = loop.problem, loop.problem.unknowns
    products = Products(problem, fields, found, share)
    diagonal, precondition = _preconditioner(problem, products)
    damping = float(loop.damping.amax())
    for _ in range(3):
        solution = _conjugate_gradients(products, diagonal, precondition, damping)
        steps = {n: unknowns.named[n].limited(s) for n, s in solution.items()}
        candidate = unknowns.after(steps)
        energy = problem.values(candidate.posed_body(), fields, share)
        if float(energy.sum()) < float(before.sum()):
            loop.problem = problem.at(candidate)
            loop.damping = (loop.damping / 4).clamp_min(1e-6)
            return energy
        damping = max(8 * damping, 1e-3)
        loop.damping = torch.full_like(loop.damping, damping)
    return before


def _conjugate_gradients(products: Products, diagonal: Steps, precondition: Solve, damping: float) -> Steps:
    """Solve (JᵀWJ + damping · diagonal) steps = −gradient."""
    residual = {n: -g for n, g in products.gradient.items()}
    solution = {n: torch.zeros_like(g) for n, g in residual.items()}
    direction = turned = precondition(residual)
    agreement = _dot(residual, turned)
    target = agreement * TOLERANCE**2
    for _ in range(MAX_PRODUCTS):
        if agreement <= target or agreement <= 0:
            break
        product = products.normal(direction)
        product = {n: p + damping * diagonal[n] * direction[n] for n, p in product.items()}
        length = agreement / max(_dot(direction, product), 1e-30)
        solution = {n: s + length * direction[n] for n, s in solution.items()}
        residual = {n: r - length * product[n] for n, r in residual.items()}
        turned = precondition(residual)
        last, agreement = agreement, _dot(residual, turned)
        direction = {n: t + agreement / last * direction[n] for n, t in turned.items()}
    return solution


def estimated_diagonal(products: Products) -> Steps:
    """Return an estimate of the diagonal of JᵀWJ from random products, even where it is nearly zero."""
    generator = torch.Generator().manual_seed(0)
    diagonal = {n: torch.zeros_like(leaf) for n, leaf in products.leaves.items()}
    for _ in range(PROBES):
        probe = {
            n: (torch.randint(0, 2, leaf.shape, generator=generator) * 2.0 - 1.0).to(leaf)
            for n, leaf in products.leaves.items()
        }
        product = products.normal(probe)
        diagonal = {n: d + probe[n] * product[n] / PROBES for n, d in diagonal.items()}
    return {n: d.clamp_min(1e-3 * float(d.abs().mean()) + 1e-12) for n, d in diagonal.items()}


def _preconditioner(problem: Problem, products: Products) -> tuple[Steps, Solve]:
    """Return an estimate of the diagonal of JᵀWJ, and an approximate inverse of it."""
    diagonal = estimated_diagonal(products)
    smooth = _smooth_inverse(problem, products, diagonal) if "offsets" in products.leaves else None

    def apply(residual: Steps) -> Steps:
        found = {n: r / diagonal[n] for n, r in residual.items()}
        if smooth is not None:
            found["offsets"] = smooth(residual["offsets"])
        return found

    return diagonal, apply


def _smooth_inverse(problem: Problem, products: Products, diagonal: Mapping[str, Tensor]) -> Callable[[Tensor], Tensor]:
    """Return the inverse of D + LᵀΛL, fitted to products: an even offset feels D alone, a rough one both."""
    body, leaf = problem.unknowns.body, products.leaves["offsets"]
    if leaf.shape[-1] != 3 * len(body.template):  # only some offsets are free
        return lambda residual: residual / diagonal["offsets"]
    even = {n: torch.ones_like(v) if n == "offsets" else torch.zeros_like(v) for n, v in products.leaves.items()}
    level = float((products.normal(even)["offsets"]).mean().clamp_min(1e-12))
    vertices, faces = body.template.double().cpu().numpy(), body.faces.cpu().numpy()
    operator, _ = cotangent_laplacian(vertices, faces)
    own = np.asarray(operator.multiply(operator).sum(axis=0)).ravel()
    measured = diagonal["offsets"].flatten(0, -2).mean(0).reshape(-1, 3).mean(-1).double().cpu().numpy()
    stiffness = np.maximum(measured - level, 0) / np.maximum(own, 1e-12)
    neighbours = csr_matrix(abs(operator))
    stiffness = (neighbours @ stiffness) / np.asarray(neighbours.sum(axis=1)).ravel()  # the estimate is noisy
    matrix = operator.T @ diags(stiffness) @ operator + diags(np.full(len(own), level))
    inverse = splu(matrix.tocsc(), permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})

    def apply(residual: Tensor) -> Tensor:
        flat = residual.reshape(-1, len(vertices), 3).double().cpu().numpy()
        solved = np.stack([inverse.solve(one) for one in flat])
        return torch.from_numpy(solved).to(residual).reshape(residual.shape)

    return apply


def _dot(a: Steps, b: Steps) -> float:
    return float(sum((a[n].double() * b[n].double()).sum() for n in a))
