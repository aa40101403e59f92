"""How a problem is solved, as data: three optimisers, and for the second-order one three linear solvers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BandedCholesky:
    """Assemble the normal equations of all frames and factorise them: a band over frames, bordered by what they share.

    Exact, and quickest for poses and a few shared unknowns. Rows of a residual may see up to three neighbouring frames.
    """


@dataclass(frozen=True)
class ConjugateGradient:
    """Solve by products JᵀWJ v from automatic differentiation, without a matrix: many shared unknowns, any terms."""

    tolerance: float = 1e-3
    """Stop when the preconditioned residual has shrunk to this part."""
    max_products: int = 200
    probes: int = 16
    """Random products from which the diagonal is estimated."""


@dataclass(frozen=True)
class SparseOffsets:
    """Assemble the sparse normal equations of one clip's offsets, and solve them by preconditioned conjugate gradients.

    Terms that declare their derivative to the offsets (``offset_jacobian``) are assembled; any other term joins by
    products, as in :class:`ConjugateGradient`.
    """

    tolerance: float = 1e-3
    """Stop when the residual has shrunk to this part of the right side for the offsets themselves."""
    max_products: int = 120


LinearSolver = BandedCholesky | ConjugateGradient | SparseOffsets


@dataclass(frozen=True)
class GaussNewton:
    """Gauss–Newton with Levenberg–Marquardt damping. Needs few iterations; terms must be least squares."""

    iterations: int = 20
    tolerance: float = 0.0
    """Stop when an iteration lowers the energy by less than this part of it."""
    damping: float = 1e-3
    """Damping of the first step; afterwards it follows the success of steps, for each clip of a batch on its own."""
    refresh: int = 1
    """Iterations after which what a term holds fixed (matches) is computed anew."""
    check: bool = True
    """Compare derivatives that are not the built-in ones with autograd, once."""
    linear_solver: LinearSolver | None = None
    """By default :class:`BandedCholesky`, or :class:`ConjugateGradient` where frames share thousands of unknowns."""


@dataclass(frozen=True)
class LBFGS:
    """L-BFGS with a strong-Wolfe line search. For terms that see many frames, or that are no least squares."""

    iterations: int = 200
    tolerance: float = 1e-7
    """Stop when a round of ``refresh`` iterations lowers the energy by less than this part of it."""
    history: int = 50
    """Steps from which the curvature is estimated."""
    refresh: int = 25
    """Iterations after which what a term holds fixed (matches) is computed anew."""


@dataclass(frozen=True)
class Adam:
    """Adam with a learning rate that falls along a cosine. Slow and robust."""

    iterations: int = 1000
    learning_rate: float = 0.02
    """Size of a step, in radians, metres or standard deviations."""
    tolerance: float = 0.0
    """Stop when a round of ``refresh`` iterations lowers the energy by less than this part of it."""
    refresh: int = 25
    """Iterations after which what a term holds fixed (matches) is computed anew."""


Optimiser = GaussNewton | LBFGS | Adam
