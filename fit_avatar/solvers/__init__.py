"""Problems, their unknowns, and the optimisers that solve them."""

from fit_avatar.solvers.optimisers import LBFGS, Adam, GaussNewton, Solution, solve
from fit_avatar.solvers.problem import Problem
from fit_avatar.solvers.state import ClipState
from fit_avatar.solvers.summary import Summary
from fit_avatar.solvers.unknowns import Unknown, Unknowns

__all__ = [
    "LBFGS",
    "Adam",
    "ClipState",
    "GaussNewton",
    "Problem",
    "Solution",
    "Summary",
    "Unknown",
    "Unknowns",
    "solve",
]
