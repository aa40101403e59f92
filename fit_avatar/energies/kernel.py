"""Robust kernels, as weights for iteratively re-weighted least squares."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class GemanMcClure:
    """ρ(r) = σ² r² / (σ² + r²): quadratic for small residuals, constant for outliers."""

    sigma: float

    def __call__(self, squared: Tensor) -> Tensor:
        """Return ρ from squared residuals."""
        return squared * self.sigma**2 / (self.sigma**2 + squared)

    def weight(self, squared: Tensor) -> Tensor:
        """Return dρ/d(r²), the weight of the equivalent least-squares problem."""
        return (self.sigma**2 / (self.sigma**2 + squared)) ** 2
