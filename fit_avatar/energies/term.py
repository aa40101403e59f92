"""An energy term: a residual function, and around it what the optimiser makes of the residual.

A residual function is an ordinary function. Its first argument is the posed body
(:class:`~fit_avatar.energies.posed_body.PosedBody`), the others are its data fields, found by their names:

    def feet_apart(x, distance):
        left, right = x.joints[..., 10, :], x.joints[..., 11, :]
        return (left - right).norm(dim=-1) - distance  # [..., T] metres

It returns residuals [..., R, …], unweighted and unreduced. R is T (a row for each frame), T − 1 or T − 2 (rows that
see two or three neighbouring frames), or 1 (unknowns that all frames share). A pair (residual, confidence) gives each
residual a confidence, which is not differentiated.

:func:`energy` declares what else is known about it: which fields are observations, which points it reads, what is
computed before a step, and its derivative.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, overload

import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from fit_avatar.energies.blocks import Blocks, point_blocks
from fit_avatar.energies.kernel import Annealed, Kernel, Value, value_at
from fit_avatar.energies.points import PosedPoints
from fit_avatar.energies.posed_body import PosedBody
from fit_avatar.errors import BadInputError

Residual = Callable[..., Tensor | tuple[Tensor, Tensor]]
Preparation = Callable[..., Mapping[str, Any]]

PROGRESS = "progress"
"""The argument of a preparation that is no data field: the fraction of the solve that is done, 0…1."""


@dataclass(frozen=True, eq=False)
class Energy:
    """A residual function with what is known about it, as :func:`energy` makes it. It never changes."""

    function: Residual
    vector: bool = False
    shapes: Mapping[str, str] = field(default_factory=dict)
    observes: tuple[str, ...] = ()
    """Names of the data fields that a problem's observations provide."""
    reads: Callable[..., PosedPoints] | None = None
    prepare: Preparation | None = None
    makes: tuple[str, ...] = ()
    """Names of the fields that the preparation makes."""
    jacobian: Callable[..., Blocks] | None = None
    jacobian_of_offsets: Callable[..., csr_matrix] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "__doc__", self.function.__doc__)
        object.__setattr__(self, "__wrapped__", self.function)
        taken = {name for function in self._functions for name in _parameters(function)}
        for name in self.observes:
            if name not in taken:
                raise BadInputError(
                    f"the energy {self.__name__!r} observes {name!r}, but none of its functions takes an argument of "
                    "that name: add the argument, or take the name out of observes"
                )

    @property
    def __name__(self) -> str:
        return getattr(self.function, "__name__", type(self.function).__name__)

    @property
    def checked(self) -> bool:
        """Whether its derivative needs no comparison with autograd: tests of this package cover its own energies."""
        return all(getattr(f, "__module__", "").startswith("fit_avatar.") for f in self._functions)

    def __call__(self, x: PosedBody, *args: Any, **fields: Any) -> Any:
        """Return the residual at a posed body, or the residual and its confidence.

        Raises:
            TypeError: a field is missing, or none of that name is taken.
        """
        if self.reads is None:
            return self.function(x, *args, **fields)
        names = _parameters(self.function)
        given = dict(zip(names, args, strict=False)) | fields
        for name in given:
            if name not in names and name not in _parameters(self.reads):
                raise TypeError(f"{self.__name__}() takes no field {name!r}")
        return self.residual(x, given)

    def residual(self, x: PosedBody, fields: Mapping[str, Any]) -> Any:
        """Return the same; fields that the energy does not take are passed over."""
        seen = x if self.reads is None else self.reads(x, **self.wants(self.reads, fields)).posed
        return self.function(seen, **self.wants(self.function, fields))

    def derivative(self, x: PosedBody, fields: Mapping[str, Any]) -> Blocks | None:
        """Return the derivative in closed form, or that of the points that are read; None where neither is known."""
        if self.jacobian is None and self.reads is None:
            return None
        with torch.no_grad():
            if self.jacobian is not None:
                return self.jacobian(x, **self.wants(self.jacobian, fields))
            assert self.reads is not None
            read = self.reads(x, **self.wants(self.reads, fields))
            slopes, rows = self._slopes(read.posed, fields)
            return point_blocks(x, read, slopes, rows)

    def offset_jacobian(self, x: PosedBody, fields: Mapping[str, Any]) -> csr_matrix | None:
        """Return the derivative of one clip's residual to the offsets, in float64; None where it is not known.

        Rows are the residual flattened, columns the offsets flattened: 3 v + c is component c of vertex v.
        """
        function = self.jacobian_of_offsets
        return None if function is None else function(x, **self.wants(function, fields))

    def fields(self) -> dict[str, bool]:
        """Return the names of the data fields, and whether each must be given."""
        names: dict[str, bool] = {}
        for function in self._functions:
            for name, required in _parameters(function).items():
                if name not in self.makes and not (function is self.prepare and name == PROGRESS):
                    names.setdefault(name, required)
        return names

    def wants(self, function: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
        """Return those of the given fields that a function takes."""
        return {name: given[name] for name in _parameters(function) if name in given}

    @property
    def _functions(self) -> tuple[Callable[..., Any], ...]:
        every = (self.function, self.reads, self.prepare, self.jacobian, self.jacobian_of_offsets)
        return tuple(function for function in every if function is not None)

    def _slopes(self, posed: Tensor, fields: Mapping[str, Any]) -> tuple[Tensor, int]:
        """Differentiate the residual by the points alone. [..., T, N, 3] → [..., T, N, C, 3], and the rows of a frame

        Row i depends on its own N / rows points only, so one sweep gives the derivative of a component of all rows.
        """
        with torch.enable_grad():
            points = posed.detach().requires_grad_()
            found = self.function(points, **self.wants(self.function, fields))
            residual = found[0] if isinstance(found, tuple) else found
            frames = points.dim() - 2
            rows, count = residual.shape[frames], points.shape[-2]
            if rows and count % rows:
                raise BadInputError(
                    f"the energy {self.__name__!r} reads {count} points of a frame but returns {rows} rows for it: "
                    "each row must depend on equally many points"
                )
            components = residual[..., None].flatten(frames + 1).sum(tuple(range(frames + 1)))
            slopes = [torch.autograd.grad(part, points, retain_graph=True)[0] for part in components]
        return torch.stack(slopes, -2), int(rows)


@overload
def energy(function: Residual, /) -> Energy: ...
@overload
def energy(
    function: None = None,
    /,
    *,
    vector: bool = False,
    observes: Sequence[str] = (),
    reads: Callable[..., PosedPoints] | None = None,
    prepare: Preparation | None = None,
    makes: Sequence[str] = (),
    jacobian: Callable[..., Blocks] | None = None,
    offset_jacobian: Callable[..., csr_matrix] | None = None,
    **shapes: str,
) -> Callable[[Residual], Energy]: ...
def energy(
    function: Residual | None = None,
    /,
    *,
    vector: bool = False,
    observes: Sequence[str] = (),
    reads: Callable[..., PosedPoints] | None = None,
    prepare: Preparation | None = None,
    makes: Sequence[str] = (),
    jacobian: Callable[..., Blocks] | None = None,
    offset_jacobian: Callable[..., csr_matrix] | None = None,
    **shapes: str,
) -> Energy | Callable[[Residual], Energy]:
    """Make a residual function an energy (a decorator, with or without arguments).

    All functions take the posed body first, and by their names any data fields of the term.

    Args:
        function: the residual function.
        vector: the residual's last dimension holds vectors whose length the robust kernel sees.
        observes: names of the fields that come from a problem's observations, such as ``keypoints`` and ``camera``.
            All other fields come from :attr:`Term.data` or have their default.
        reads: returns the N points that the residual depends on, such as ``PosedBody.read_keypoints``. The residual
            function then takes their positions [..., T, N, 3] instead of the posed body, and its derivative to all
            unknowns is known. Its row i [..., T, i, …] must depend on points k i … k i + k − 1 only, with k = N / rows.
        prepare: computes before each step what is held fixed during it, such as matches. It takes ``progress``, the
            fraction of the solve that is done, if it likes, and returns the fields ``makes``.
        makes: names of the fields that the preparation makes; they need not be given.
        jacobian: returns the derivative in closed form.
        offset_jacobian: returns the derivative to the offsets as a sparse matrix; see :meth:`Energy.offset_jacobian`.
        shapes: expected shape of data fields, such as ``keypoints="T K 3"``. T, V, J, K and B are the numbers of
            frames, vertices, joints, keypoints and betas; another letter is any number, the same in all fields;
            batch dimensions may precede. It makes a wrong shape an error that names the field. Of a dataclass, it is
            the shape of the first tensor.

    Raises:
        BadInputError: an observation is declared that none of the functions takes.
    """

    def made(decorated: Residual) -> Energy:
        return Energy(
            decorated, vector, shapes, tuple(observes), reads, prepare, tuple(makes), jacobian, offset_jacobian
        )

    return made if function is None else made(function)


@dataclass(frozen=True)
class Term:
    """One summand of the energy: weight · Σ confidence · ρ(‖residual‖²).

    The weight multiplies the squared residual: for noise of standard deviation σ it is 1/σ².
    """

    residual: Energy | Residual
    weight: Value = 1.0
    kernel: Kernel | None = None
    """Robust function ρ, in the residual's own unit; None means squares."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """Data fields by name. What the energy observes comes from the problem's observations where it is not here."""
    confidence: Tensor | None = None
    """Multiplies the confidence of each residual (of each vector, for an energy of vectors); broadcast to them."""
    name: str = ""
    """Name in reports; by default the function's."""
    optional: bool = False
    """Leave the term out where an observation that it needs is missing, such as a height that was not given."""

    def __post_init__(self) -> None:
        if not isinstance(self.residual, Energy):
            object.__setattr__(self, "residual", Energy(self.residual))
        if not self.name:
            object.__setattr__(self, "name", self.energy.__name__)

    @property
    def energy(self) -> Energy:
        """Return the residual function with what is known about it."""
        assert isinstance(self.residual, Energy)
        return self.residual

    def weight_at(self, progress: float) -> float:
        """Return the weight at a fraction of the solve, 0…1."""
        return value_at(self.weight, progress)

    def __str__(self) -> str:
        weight = str(self.weight) if isinstance(self.weight, Annealed) else f"{self.weight:.4g}"
        kernel = f", {self.kernel}" if self.kernel else ""
        return f"{self.name}: weight {weight}{kernel}"


@lru_cache(maxsize=1024)
def _parameters(function: Callable[..., Any]) -> Mapping[str, bool]:
    """Return the names of a function's arguments after the first, and whether each is required."""
    parameters = list(inspect.signature(function).parameters.values())[1:]
    return {
        p.name: p.default is inspect.Parameter.empty
        for p in parameters
        if p.kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    }
