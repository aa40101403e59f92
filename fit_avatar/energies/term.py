"""An energy term: a residual function, and around it what the optimiser makes of the residual.

A residual function is an ordinary function. Its first argument is the posed body
(:class:`~fit_avatar.energies.posed_body.PosedBody`), the others are its data fields, found by their names:

    def feet_apart(x, distance):
        left, right = x.joints[..., 10, :], x.joints[..., 11, :]
        return (left - right).norm(dim=-1) - distance  # [..., T] metres

It returns residuals [..., R, …], unweighted and unreduced. R is T (a row for each frame), T − 1 or T − 2 (rows that
see two or three neighbouring frames), or 1 (unknowns that all frames share). A pair (residual, confidence) says how
far each residual is trusted; the confidence is not differentiated.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, overload

from torch import Tensor

from fit_avatar.energies.kernel import Annealed, Kernel, Value, value_at
from fit_avatar.energies.posed_body import PosedBody

Residual = Callable[..., Tensor | tuple[Tensor, Tensor]]
Preparation = Callable[..., Mapping[str, Any]]


@dataclass(frozen=True)
class Blocks:
    """A residual's derivative to the unknowns that it depends on, by their names.

    The residual's trailing dimensions are flattened to M; d counts an unknown's degrees of freedom. A rotation R
    moves by R exp(ω).
    """

    frames: Mapping[str, Tensor] = field(default_factory=dict)
    """Of unknowns of each frame: [..., R, M, d], or [..., R, n, M, d] where a row sees n neighbouring frames."""
    shared: Mapping[str, Tensor] = field(default_factory=dict)
    """Of unknowns that all frames share. [..., R, M, d]"""
    missing: tuple[str, ...] = ()
    """Unknowns whose derivative is not in closed form: where one of them is free, autograd is used."""


class Energy:
    """A residual function, with what may be known about it beyond its values."""

    def __init__(self, function: Residual, vector: bool, shapes: Mapping[str, str]) -> None:
        self.function, self.vector, self.shapes = function, vector, dict(shapes)
        self.jacobian: Callable[..., Blocks] | None = None
        self.prepare: Preparation | None = None
        self.made: tuple[str, ...] = ()
        self.checked = function.__module__.startswith("fit_avatar.energies.")
        """Whether its derivative has been compared with autograd's before: those of this package, by their tests."""
        self.__name__ = function.__name__
        self.__doc__ = function.__doc__
        self.__wrapped__ = function

    def __call__(self, x: PosedBody, *args: Any, **fields: Any) -> Any:
        """Return the residual, or the residual and its confidence."""
        return self.function(x, *args, **fields)

    def with_jacobian(self, function: Callable[..., Blocks]) -> Callable[..., Blocks]:
        """Attach the derivative in closed form (a decorator). It takes the same arguments and returns blocks."""
        self.jacobian = function
        return function

    def with_preparation(self, *made: str) -> Callable[[Preparation], Preparation]:
        """Attach what is computed before a step and held fixed during it, such as matches (a decorator).

        The preparation takes the posed body, ``share`` (how much of the solve is done, 0…1) if it likes, and any data
        fields; it returns the fields named ``made``, which the residual function then finds.
        """

        def attach(function: Preparation) -> Preparation:
            self.prepare, self.made = function, made
            return function

        return attach

    def fields(self) -> dict[str, bool]:
        """Return the names of the data fields, and whether each must be given."""
        names = {name: required for name, required in _parameters(self.function) if name != "share"}
        if self.prepare is not None:
            names = {name: required for name, required in names.items() if name not in self.made}
            names |= {n: r for n, r in _parameters(self.prepare) if n != "share" and n not in names}
        return names

    def wants(self, function: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
        """Return those of the given fields that a function takes."""
        return {name: given[name] for name, _ in _parameters(function) if name in given}


@overload
def energy(function: Residual, /) -> Energy: ...
@overload
def energy(function: None = None, /, *, vector: bool = False, **shapes: str) -> Callable[[Residual], Energy]: ...
def energy(
    function: Residual | None = None, /, *, vector: bool = False, **shapes: str
) -> Energy | Callable[[Residual], Energy]:
    """Make a residual function an energy (a decorator, with or without arguments).

    Args:
        function: the residual function.
        vector: the residual's last dimension holds vectors whose length the robust kernel sees.
        shapes: expected shape of data fields, such as ``keypoints="T K 3"``. T, V, J, K and B are the numbers of
            frames, vertices, joints, keypoints and betas; another letter is any number, the same in all fields;
            batch dimensions may precede. It makes a wrong shape an error that names the field.
    """
    if function is not None:
        return Energy(function, vector, shapes)
    return lambda decorated: Energy(decorated, vector, shapes)


@dataclass(frozen=True)
class Term:
    """One summand of the energy: weight · Σ confidence · ρ(‖residual‖²).

    The weight multiplies the squared residual: for noise of standard deviation σ it is 1/σ².
    """

    residual: Energy | Residual
    weight: Value = 1.0
    kernel: Kernel | None = None
    """Robust function ρ, in the residual's own unit; None means squares."""
    schedule: Annealed | None = None
    """Multiplies the weight, from its first value at the start of a solve to its last at the end."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """Data fields by name; those that are not here come from the problem's observations."""
    confidence: Tensor | None = None
    """Further trust in each residual; broadcast to them (to the vectors, for an energy of vectors)."""
    name: str = ""
    """Name in reports; by default the function's."""
    optional: bool = False
    """Leave the term out where an observation that it needs is missing, such as a height that was not given."""

    def __post_init__(self) -> None:
        if not isinstance(self.residual, Energy):
            object.__setattr__(self, "residual", Energy(self.residual, False, {}))
        if not self.name:
            object.__setattr__(self, "name", self.energy.__name__)

    @property
    def energy(self) -> Energy:
        """Return the residual function with what is known about it."""
        assert isinstance(self.residual, Energy)
        return self.residual

    def weight_at(self, share: float) -> float:
        """Return the weight after ``share`` of a solve."""
        return value_at(self.weight, share) * (1.0 if self.schedule is None else self.schedule.at(share))

    def __str__(self) -> str:
        weight = str(self.weight) if isinstance(self.weight, Annealed) else f"{self.weight:.4g}"
        scheduled = f" × {self.schedule}" if self.schedule else ""
        kernel = f", {self.kernel}" if self.kernel else ""
        return f"{self.name}: weight {weight}{scheduled}{kernel}"


def _parameters(function: Callable[..., Any]) -> list[tuple[str, bool]]:
    """Return the names of a function's arguments after the first, and whether each is required."""
    parameters = list(inspect.signature(function).parameters.values())[1:]
    return [
        (p.name, p.default is inspect.Parameter.empty)
        for p in parameters
        if p.kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    ]
