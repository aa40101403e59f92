"""A solve: terms, what is free, and how their energy is minimised."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeVar

from fit_avatar.body import Body
from fit_avatar.body.joints import FINGER_JOINTS
from fit_avatar.energies import Annealed, Term
from fit_avatar.energies.kernel import Value
from fit_avatar.errors import BadInputError
from fit_avatar.fitting.actions.action import Context
from fit_avatar.fitting.observations import Observations
from fit_avatar.fitting.state import FitState
from fit_avatar.solvers import GaussNewton, Optimiser, Problem, Solution, Unknowns, solve

logger = logging.getLogger(__name__)

POSE = ("global_orient", "body_pose", "transl")
POSE_AND_SHAPE = (*POSE, "betas", "mean_pose", "keypoint_bias")
AnySolve = TypeVar("AnySolve", bound="Solve")


@dataclass(frozen=True)
class Solve:
    """Minimise the sum of terms over what is free. Observed fields come from the capture.

    Fingers move only where a term looks at hands that were seen: nothing else says how they are bent.
    """

    name: str
    terms: tuple[Term, ...]
    free: tuple[str, ...] = POSE_AND_SHAPE
    """Names of unknowns; ``expression`` is passed over for a body without one."""
    optimiser: Optimiser = field(default=GaussNewton())
    frozen_joints: tuple[str, ...] = ()
    """Joints that keep their rotation."""
    moving_joints: tuple[str, ...] = ()
    """If any are named, all others keep theirs; the solve is left out for a body that has none of them."""
    needs: tuple[str, ...] = ()
    """Observations without which the solve is left out, such as ``surface_matches``."""

    def run(self, state: FitState, context: Context) -> FitState:
        """Return the state of least energy.

        Raises:
            BadInputError: a term cannot be evaluated; the message names it.
        """
        observations = state.observations(context.observations)
        missing = [name for name in self.needs if name not in observations]
        if missing:
            logger.info("%s is left out: there is no %s", self.name, ", ".join(missing))
            return state
        if self.moving_joints and not set(self.moving_joints) & set(context.body.joint_names):
            logger.info("%s is left out: the body has no such joints", self.name)
            return state
        solution = self.solved(state, observations, context)
        return replace(
            state,
            clip=solution.unknowns.clip_state(),
            outline_offsets=None if {"offsets", "surface_shift"} & set(self.free) else state.outline_offsets,
            solves=(*state.solves, (self.name, solution.summary)),
        )

    def solved(
        self, state: FitState, observations: Observations, context: Context, optimiser: Optimiser | None = None
    ) -> Solution:
        """Return where the solve ends, from a state and with given observations."""
        clip = state.clip.with_offsets(context.body) if "offsets" in self.free else state.clip
        free = [name for name in self.free if name != "expression" or clip.expression is not None]
        unknowns = Unknowns.of(context.body, clip, free, frozen_joints=self._still(context.body, observations))
        problem = Problem(self.terms, observations)
        return solve(problem, unknowns, optimiser or self.optimiser, context.on_step)

    def _still(self, body: Body, observations: Observations) -> tuple[str, ...]:
        """Return the joints that keep their rotation."""
        hands = any("hands" in term.energy.observes for term in self.terms) and "hands" in observations
        names = body.joint_names[1:]
        others = [name for name in names if self.moving_joints and name not in self.moving_joints]
        return (*self.frozen_joints, *others, *(name for name in names if name in FINGER_JOINTS and not hands))

    # -- editing ----------------------------------------------------------------------------------------------

    @property
    def moves_body(self) -> bool:
        """Whether poses or betas are free, rather than offsets alone."""
        return bool({*POSE, "betas"} & set(self.free))

    def term(self, name: str) -> Term:
        """Return a term by its name.

        Raises:
            BadInputError: there is none.
        """
        for term in self.terms:
            if term.name == name:
                return term
        raise BadInputError(f"{self.name!r} has no term {name!r}; it has {', '.join(term.name for term in self.terms)}")

    def with_weights(self: AnySolve, **weights: Value) -> AnySolve:
        """Return the solve with other weights for some terms, by the terms' names."""
        changed = {name: replace(self.term(name), weight=weight) for name, weight in weights.items()}
        return replace(self, terms=tuple(changed.get(term.name, term) for term in self.terms))

    def with_terms(self: AnySolve, *terms: Term) -> AnySolve:
        """Return the solve with further terms; one of the same name is replaced."""
        new = {term.name for term in terms}
        return replace(self, terms=(*(term for term in self.terms if term.name not in new), *terms))

    def without(self: AnySolve, *names: str) -> AnySolve:
        """Return the solve without some terms."""
        gone = {self.term(name).name for name in names}
        return replace(self, terms=tuple(term for term in self.terms if term.name not in gone))

    def __str__(self) -> str:
        given = {k: v for k, v in asdict(self.optimiser).items() if not isinstance(v, (bool, dict)) and v is not None}
        options = ", ".join(f"{k}={v:g}" for k, v in given.items())
        frozen = f", but not {', '.join(self.frozen_joints)}" if self.frozen_joints else ""
        frozen += f", only {', '.join(self.moving_joints)}" if self.moving_joints else ""
        lines = [
            f"{self.name}  [{type(self).__name__} by {type(self.optimiser).__name__}: {options}]",
            f"  free: {', '.join(self.free)}{frozen}",
        ]
        return "\n".join([*lines, *(f"  {term}{_options(term.data)}" for term in self.terms)])


def _options(data: Mapping[str, Any]) -> str:
    """Return a term's options in brackets: numbers and names, and lists and tables of them; arrays are left out."""
    shown = [f"{name}={value}" for name, value in data.items() if _is_short(value)]
    return f" ({', '.join(shown)})" if shown else ""


def _is_short(value: Any) -> bool:
    """Return whether a value says what it is in a few words."""
    if isinstance(value, Mapping):
        return all(map(_is_short, value.values()))
    if isinstance(value, (tuple, list)):
        return all(map(_is_short, value))
    return isinstance(value, (int, float, str, Annealed))
