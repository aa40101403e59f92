"""Robust kernels, and values that change while a problem is solved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from fit_avatar.errors import BadInputError


@dataclass(frozen=True)
class Annealed:
    """A value that goes geometrically from its first to its last while a problem is solved."""

    first: float
    last: float

    def __post_init__(self) -> None:
        if not (self.first > 0 and self.last > 0):
            raise BadInputError(f"an annealed value goes between numbers above 0, not from {self.first} to {self.last}")

    def at(self, progress: float) -> float:
        """Return the value at a fraction of the solve, 0…1."""
        return float(self.first * (self.last / self.first) ** progress)

    def __str__(self) -> str:
        return f"{self.first:.3g} → {self.last:.3g}"


Value = float | Annealed


def value_at(value: Value, progress: float) -> float:
    """Return a number, or an annealed value at a fraction of the solve, 0…1."""
    return value.at(progress) if isinstance(value, Annealed) else float(value)


class Kernel(Protocol):
    """A robust function of squared residuals, in the residual's own unit."""

    def at(self, progress: float) -> Kernel:
        """Return the kernel at a fraction of the solve, 0…1."""

    def __call__(self, squared: Tensor) -> Tensor:
        """Return ρ from squared residuals."""

    def weight(self, squared: Tensor) -> Tensor:
        """Return dρ/d(r²), the weight of the equivalent least-squares problem."""


@dataclass(frozen=True)
class GemanMcClure:
    """ρ(r) = σ² r² / (σ² + r²): quadratic for small residuals, σ² for outliers.

    Source: Geman and McClure 1987; the scale is in the residual's own unit.
    """

    sigma: Value

    def at(self, progress: float) -> GemanMcClure:
        """Return the kernel at a fraction of the solve, 0…1."""
        return GemanMcClure(value_at(self.sigma, progress))

    def __call__(self, squared: Tensor) -> Tensor:
        """Return ρ from squared residuals."""
        scale = value_at(self.sigma, 1.0) ** 2
        return squared * scale / (scale + squared)

    def weight(self, squared: Tensor) -> Tensor:
        """Return dρ/d(r²), the weight of the equivalent least-squares problem."""
        scale = value_at(self.sigma, 1.0) ** 2
        return (scale / (scale + squared)) ** 2

    def __str__(self) -> str:
        return (
            f"Geman–McClure σ {self.sigma}" if isinstance(self.sigma, Annealed) else f"Geman–McClure σ {self.sigma:.3g}"
        )


@dataclass(frozen=True)
class Huber:
    """ρ(r) = r² up to δ, 2δ|r| − δ² beyond: outliers pull with constant force.

    Source: Huber 1964.
    """

    delta: Value

    def at(self, progress: float) -> Huber:
        """Return the kernel at a fraction of the solve, 0…1."""
        return Huber(value_at(self.delta, progress))

    def __call__(self, squared: Tensor) -> Tensor:
        """Return ρ from squared residuals."""
        delta = value_at(self.delta, 1.0)
        beyond = squared > delta**2
        size = squared.where(beyond, squared.new_tensor(delta**2)).sqrt()
        return squared.where(~beyond, 2 * delta * size - delta**2)

    def weight(self, squared: Tensor) -> Tensor:
        """Return dρ/d(r²), the weight of the equivalent least-squares problem."""
        delta = value_at(self.delta, 1.0)
        return delta / squared.clamp_min(delta**2).sqrt()

    def __str__(self) -> str:
        return f"Huber δ {self.delta}" if isinstance(self.delta, Annealed) else f"Huber δ {self.delta:.3g}"
