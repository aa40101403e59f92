"""A skirt, dress or coat: laid around the legs where the pictures show no gap between them."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import torch

from fit_avatar.body.garment import Garment
from fit_avatar.body.state import BodyState
from fit_avatar.energies import Term
from fit_avatar.errors import BadInputError
from fit_avatar.fitting.actions.action import Context
from fit_avatar.fitting.actions.solve import Solve
from fit_avatar.fitting.between_legs import beside_cloth, hem_slope, look_between_legs
from fit_avatar.fitting.observations import Observations
from fit_avatar.fitting.state import FitState
from fit_avatar.solvers import ClipState

logger = logging.getLogger(__name__)

KINDS = ("auto", "skirt", "none")
UNKNOWN_HEM = 1.0
"""Where a skirt ends that is known to be there, but not to be seen between legs that are close together: at the knees.
Chosen by hand."""
HIGHEST_HEM = 0.4
"""A skirt reaches at least so far down the thighs. Chosen by hand."""


@dataclass(frozen=True)
class LayGarment(Solve):
    """Decide whether the person wears a skirt, a dress or a long coat; the actions that follow fit a body with it.

    It compares the masks with the body that has no clothes yet, so it belongs before the first consensus shape. Where
    there is a garment, and if it has terms, it first solves for pose and shape again without the cloth's outlines,
    which have pulled the legs apart.
    """

    name: str = "look for a skirt"
    terms: tuple[Term, ...] = ()
    garment: str = "auto"
    """``auto``: where the pictures show one; ``skirt``: in any case; ``none``: never."""

    def run(self, state: FitState, context: Context) -> FitState:
        """Return the state with the garment, if there is one.

        Raises:
            BadInputError: there is no such kind.
        """
        if self.garment not in KINDS:
            raise BadInputError(f"there is no kind of garment {self.garment!r}: choose one of {', '.join(KINDS)}")
        if self.garment == "none" or state.garment is not None:
            return state
        clip = state.single(self.name)
        seen, naked = state.observations(context.observations), _naked(clip, context)
        found = look_between_legs(context.body, naked, seen)
        hem = found.hem
        if self.garment == "auto" and not found.is_skirt:
            logger.info("no skirt: the gap between the legs opens at %s", "an unknown place" if hem is None else hem)
            return state
        if self.moves_body and clip.offsets is None:
            end = UNKNOWN_HEM if hem is None else hem
            state = self._again(state, beside_cloth(context.body, naked, seen, end), context)
            clip, naked = state.clip, _naked(state.clip, context)
            found = look_between_legs(context.body, naked, seen)
            hem = found.hem if found.is_skirt else hem
        told: tuple[str, ...] = ()
        if hem is None:
            hem = UNKNOWN_HEM
            told = (
                "A skirt was asked for, but the legs are too close together to see where it ends: it ends at the "
                "knees.",
            )
        garment = Garment(
            round(max(hem, HIGHEST_HEM), 4), tuple(clip.betas.tolist()), round(hem_slope(context.body, naked), 4)
        )
        logger.info("a skirt that ends at %.2f (1: the knees, 2: the ankles)", garment.hem)
        dressed = replace(state, garment=garment, warnings=(*state.warnings, *told))
        if clip.offsets is None:
            return dressed
        body = dressed.worn(context.body)
        wider = torch.nn.functional.pad(clip.offsets, (0, 0, 0, len(body.template) - len(context.body.template)))
        return replace(dressed, clip=replace(clip, offsets=wider))

    def _again(self, state: FitState, seen: Observations, context: Context) -> FitState:
        """Return the state of least energy for what is seen beside the cloth."""
        solution = self.solved(state, seen, context)
        solves = (*state.solves, (self.name, solution.summary))
        return replace(state, clip=solution.unknowns.clip_state(), solves=solves)

    @property
    def moves_body(self) -> bool:
        """Whether it solves for poses: not without terms."""
        return bool(self.terms) and super().moves_body


def _naked(clip: ClipState, context: Context) -> BodyState:
    return replace(clip, offsets=None).body_state(context.body)
