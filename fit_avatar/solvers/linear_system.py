"""What Gauss–Newton asks of a linear solver."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from torch import Tensor

from fit_avatar.energies.posed_body import PosedBody
from fit_avatar.solvers.problem import Evaluation, Fields
from fit_avatar.solvers.unknowns import Unknowns

Steps = Mapping[str, Tensor]
"""A step of every free unknown, by its name. [..., T or 1, free d]"""


class LinearSystem(Protocol):
    """The normal equations ``JᵀWJ step = −JᵀWr`` of all terms at one place, for a batch of clips."""

    @property
    def warning(self) -> str:
        """What went wrong in the last solve, in a few words; nothing if all went well."""

    def solve(self, damping: Tensor) -> Steps:
        """Return the step; not a finite number where a clip's system cannot be solved.

        ``damping`` [...] scales the diagonal by 1 + damping (Levenberg–Marquardt).
        """

    def decrease(self, steps: Steps) -> Tensor:
        """Return the decrease of the energy that the linearisation promises of an undamped step, −gᵀ step. [...]"""


Linearise = Callable[[Unknowns, PosedBody, Fields, list[Evaluation], float], LinearSystem]
"""Makes the system at unknowns: takes the posed body, the terms' fields, their evaluations, and the progress."""
