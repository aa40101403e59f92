"""A schedule: a named list of actions, as data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from fit_avatar.energies import Term
from fit_avatar.energies.kernel import Value
from fit_avatar.errors import BadInputError
from fit_avatar.fitting.actions import Action, ConsensusShape, Context, Initialise, LayGarment, LayHair, Solve
from fit_avatar.fitting.actions.lay_garment import KINDS
from fit_avatar.fitting.state import FitState


@dataclass(frozen=True)
class Schedule:
    """Actions that are run one after the other, each from the state that the one before it left."""

    name: str
    about: str
    """What it is for, in a few words."""
    actions: tuple[Action, ...]
    partial: bool = False
    """Whether frames that show the person in part are fitted, too, where they are seen. Else they are left out: an
    outline that the border of the picture cuts has no end."""

    def __post_init__(self) -> None:
        names = [action.name for action in self.actions]
        for name in names:
            if names.count(name) > 1:
                raise BadInputError(f"two actions of the schedule {self.name} are called {name!r}: rename one of them")

    def run(
        self,
        state: FitState,
        context: Context,
        run_action: Callable[[Action, FitState, Context], FitState] | None = None,
    ) -> FitState:
        """Run all actions and return the state on all frames of the clip.

        Args:
            state: where to start, see :meth:`FitState.upright`.
            context: body and observations.
            run_action: runs one action, such as through a cache; by default its own ``run``.
        """
        for action in self.actions:
            context = context.wearing(state)
            state = action.run(state, context) if run_action is None else run_action(action, state, context)
        return state if state.key_frames is None else state.on_all_frames(context.observations.times_s)

    # -- editing ----------------------------------------------------------------------------------------------

    @property
    def solves(self) -> tuple[Solve, ...]:
        """Return the actions that minimise terms."""
        return tuple(action for action in self.actions if isinstance(action, Solve))

    def observes(self, name: str) -> bool:
        """Return whether a term reads an observation, by the observation's name."""
        return any(name in term.energy.observes for solve in self.solves for term in solve.terms)

    def action(self, name: str) -> Action:
        """Return an action by its name.

        Raises:
            BadInputError: there is none.
        """
        for action in self.actions:
            if action.name == name:
                return action
        known = ", ".join(action.name for action in self.actions)
        raise BadInputError(f"the schedule {self.name} has no action {name!r}; it has {known}")

    def with_action(self, name: str, *actions: Action) -> Schedule:
        """Return the schedule with one action, by its name, replaced by others (or by none)."""
        place = self.actions.index(self.action(name))
        return replace(self, actions=(*self.actions[:place], *actions, *self.actions[place + 1 :]))

    def started_by(self, start: Action) -> Schedule:
        """Return the schedule with an action after the first one that gives every frame its first pose.

        ``Initialise`` still chooses the frames, and follows one hypothesis.
        """
        kept = [action for action in self.actions if not isinstance(action, type(start))]
        place = next((i for i, action in enumerate(kept) if isinstance(action, Initialise)), -1)
        if place >= 0 and isinstance(first := kept[place], Initialise):
            kept[place] = replace(first, both_ways=False)
        kept.insert(place + 1, start)
        return replace(self, actions=tuple(kept))

    def with_garment(self, kind: str) -> Schedule:
        """Return the schedule with another decision on skirts, dresses and coats.

        Args:
            kind: ``auto`` leaves it as it is; ``skirt`` and ``none`` as in :class:`LayGarment`. Where there is no such
                action, ``skirt`` puts one before the first consensus shape.

        Raises:
            BadInputError: there is no such kind, or the schedule has no consensus shape, which fits the cloth.
        """
        if kind not in KINDS:
            raise BadInputError(f"there is no kind of garment {kind!r}: choose one of {', '.join(KINDS)}")
        if kind == "auto":
            return self
        decided = [isinstance(action, LayGarment) for action in self.actions]
        if any(decided):
            changed = (
                replace(a, garment=kind) if isinstance(a, LayGarment) and a.garment != kind else a for a in self.actions
            )
            return replace(self, actions=tuple(changed))
        if kind != "skirt":
            return self
        place = next((i for i, action in enumerate(self.actions) if isinstance(action, ConsensusShape)), None)
        if place is None:
            raise BadInputError(
                f"garment {kind} needs a method that fits clothes, which {self.name} is not: leave it out, or take "
                "the preset video-avatar or motion"
            )
        return replace(self, actions=(*self.actions[:place], LayGarment(garment=kind), *self.actions[place:]))

    def with_hair(self, kind: str) -> Schedule:
        """Return the schedule with or without the search for hair that hangs.

        Args:
            kind: ``auto`` leaves it as it is, ``none`` takes :class:`LayHair` out.

        Raises:
            BadInputError: there is no such kind.
        """
        if kind not in ("auto", "none"):
            raise BadInputError(f"there is no kind of hair {kind!r}: choose one of auto, none")
        if kind == "auto":
            return self
        return replace(self, actions=tuple(action for action in self.actions if not isinstance(action, LayHair)))

    def with_weights(self, **weights: Value) -> Schedule:
        """Return the schedule with other weights for some terms, in every solve that has them.

        Raises:
            BadInputError: no solve has such a term.
        """
        known = {term.name for solve in self.solves for term in solve.terms}
        for name in weights:
            if name not in known:
                raise BadInputError(f"the schedule {self.name} has no term {name!r}; it has {', '.join(sorted(known))}")

        def changed(solve: Solve) -> Solve:
            own = {term.name for term in solve.terms}
            return solve.with_weights(**{name: weight for name, weight in weights.items() if name in own})

        return self.with_each(Solve, changed)

    def with_terms(self, *terms: Term, to: type[Solve] | None = None) -> Schedule:
        """Return the schedule with further terms.

        Args:
            terms: they join a solve's own; one of the same name is replaced.
            to: the kind of solve that they join, such as :class:`ConsensusShape`; by default every solve for poses or
                betas.
        """

        def changed(solve: Solve) -> Solve:
            return solve.with_terms(*terms) if to is not None or solve.moves_body else solve

        return self.with_each(to or Solve, changed)

    def with_each(self, kind: type[Solve], change: Callable[[Solve], Solve]) -> Schedule:
        """Return the schedule with every action of a kind changed."""
        return replace(self, actions=tuple(change(a) if isinstance(a, kind) else a for a in self.actions))

    def __str__(self) -> str:
        return "\n".join([f"{self.name}: {self.about}", *map(_described, self.actions)])


def _described(action: Action) -> str:
    """Return an action in words: a solve as its table, any other with the options that are not the default."""
    if isinstance(action, Solve):
        return str(action)
    usual = {name: getattr(type(action), name, None) for name in vars(action)}
    options = [f"{n}={v}" for n, v in vars(action).items() if n not in ("name", "terms") and v != usual[n]]
    return f"{action.name}  [{type(action).__name__}{': ' if options else ''}{', '.join(options)}]"
