"""Problems, their unknowns, and the optimisers that solve them."""

from fit_avatar.solvers.options import (
    LBFGS,
    Adam,
    BandedCholesky,
    ConjugateGradient,
    GaussNewton,
    Optimiser,
    SparseOffsets,
)
from fit_avatar.solvers.problem import Objective, Problem
from fit_avatar.solvers.solve import Solution, solve
from fit_avatar.solvers.state import ClipState
from fit_avatar.solvers.summary import SolveSummary
from fit_avatar.solvers.unknowns import Unknown, Unknowns

__all__ = [
    "LBFGS",
    "Adam",
    "BandedCholesky",
    "ClipState",
    "ConjugateGradient",
    "GaussNewton",
    "Objective",
    "Optimiser",
    "Problem",
    "Solution",
    "SolveSummary",
    "SparseOffsets",
    "Unknown",
    "Unknowns",
    "solve",
]
