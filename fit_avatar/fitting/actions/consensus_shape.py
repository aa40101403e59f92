"""The consensus shape: one surface for the clip, from the un-posed viewing cones of all frames."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from fit_avatar.body.garment_on_skin import closed, sealed, tucked
from fit_avatar.body.model import Body
from fit_avatar.body.operators import skin_attachment
from fit_avatar.body.part_multipliers import CONSENSUS_LAPLACIAN, CONSENSUS_OFFSETS
from fit_avatar.body.skinning import shaped
from fit_avatar.energies import Annealed, GemanMcClure, Term, cone_planes, laplacian, offset_prior, symmetry
from fit_avatar.errors import BadInputError
from fit_avatar.fitting.actions.action import Context
from fit_avatar.fitting.actions.solve import Solve
from fit_avatar.fitting.observations import Observations
from fit_avatar.fitting.state import FitState
from fit_avatar.solvers import ClipState, GaussNewton, Optimiser, Solution, SparseOffsets

OUTLINE_SIGMA_M = 0.003
"""Noise of an outline, as far as the consensus of all frames is concerned."""
SMOOTH_M = 0.012
"""Offsets are smooth over about this distance."""
OFFSET_SIGMA_M = 0.095
"""How far clothes usually stand off."""
ASYMMETRY_SIGMA_M = 0.0173
"""How far the two sides usually differ."""
OF_FACE, FACE_MIDDLE_M = 0.9, 0.02
"""The profile of a face is what belongs to it at least so much, and lies so near to the middle. Chosen by hand."""


def consensus_terms(
    toes: float = 1.0,
    face: float = CONSENSUS_OFFSETS.face,
    toe_box: bool = False,
    may_hide_ears: bool = False,
    face_below_hair: float | None = None,
    may_hang_behind: bool = False,
    crown: bool = True,
) -> tuple[Term, ...]:
    """Return the default terms: integrals over the surface, so that their sigmas mean the same for any mesh.

    Args:
        toes: multiplies how strongly toes are held.
        face: multiplies how near the face is held to the body's.
        toe_box: shoes are as high at their tips as true ones. For a last shape: poses are no better with it, and one
            person's feet worse.
        may_hide_ears: ears that hair is observed to cover are flat. For a last shape: poses rely on a head with ears.
        face_below_hair: the same as ``face`` where hair is observed to cover the ears; None: no other.
        may_hang_behind: long hair that is observed to hang behind the neck leaves front and sides of it as they are.
            For a last shape, too.
        crown: the top of the head follows the crown of a hat. Without it the outlines of a hat pull nothing: poses are
            found without them, too, and in early rounds they would follow a head that the brim has drawn out.
    """
    by_area = {"by_area": True}
    worn = {**by_area, "may_wear_shoes": True, "toe_box": toe_box, "may_hide_ears": may_hide_ears}
    smooth, near = replace(CONSENSUS_LAPLACIAN, toes=toes), replace(CONSENSUS_OFFSETS, toes=toes, face=face)
    below_hair = {} if face_below_hair is None else {"below_hair": replace(near, face=face_below_hair)}
    return (
        Term(
            cone_planes,
            OUTLINE_SIGMA_M**-2,
            GemanMcClure(Annealed(10 * OUTLINE_SIGMA_M, 3 * OUTLINE_SIGMA_M)),
            data={**by_area, "may_hang_behind": may_hang_behind, "may_wear_hat": True, "crown": crown},
        ),
        Term(laplacian, (SMOOTH_M**2 / OUTLINE_SIGMA_M) ** 2, data={**worn, "multipliers": smooth}),
        Term(offset_prior, OFFSET_SIGMA_M**-2, data={**worn, **below_hair, "multipliers": near}),
        Term(symmetry, ASYMMETRY_SIGMA_M**-2, data=by_area),
    )


def consensus_optimiser(matchings: int, tolerance: float = 1e-3) -> GaussNewton:
    """Return the optimiser of the offsets: three robust re-weightings after each matching of the outlines.

    ``tolerance``: of the linear solver, see :class:`~fit_avatar.solvers.SparseOffsets`.
    """
    return GaussNewton(3 * matchings, damping=0.0, refresh=3, linear_solver=SparseOffsets(tolerance))


@dataclass(frozen=True)
class ConsensusShape(Solve):
    """Fit offsets to the outlines of all frames, by terms like any others; poses and betas stay.

    Every outline point pulls its rim vertex onto the plane through the camera's centre that touches the outline there.
    Un-posed by the vertex's own skinning, the planes of all frames meet in the bind pose. Afterwards loose parts (eyes,
    teeth) are carried along by the skin around them.

    Source: Alldieck et al. 2018, section 3.2, with planes instead of rays.
    """

    terms: tuple[Term, ...] = field(default_factory=consensus_terms)
    free: tuple[str, ...] = ("offsets",)
    optimiser: Optimiser = field(default=consensus_optimiser(2))
    priors: tuple[str, ...] = ("offset_prior", "symmetry")
    """Terms that count more where fewer frames leave wider gaps between outlines: times (prior_frames / T)²."""
    prior_frames: int = 30
    """Number of frames for which the weights of the priors are given; chosen on the rendered clips."""
    holds_face: bool = False
    """Whether the terms hold the face's form against the outlines, as deep in the head as the shape before has it
    (:func:`face_as_deep`): solves after it compare the outlines with that shape."""
    waistband: bool = False
    """Whether a garment's upper edge lies just above the skin, for a last shape, or is hidden below it."""

    def solved(
        self, state: FitState, observations: Observations, context: Context, optimiser: Optimiser | None = None
    ) -> Solution:
        """Return where the solve ends, with the priors weighed against the frames there are."""
        state.single(self.name)
        gaps = (self.prior_frames / len(observations.keypoints)) ** 2
        weighed = tuple(replace(t, weight=_scaled(t, gaps)) if t.name in self.priors else t for t in self.terms)
        if self.holds_face and (followed := _that_follow_outlines(state)) is not None:
            at = face_as_deep(state.worn(context.body), followed)
            weighed = tuple(
                replace(t, data={**t.data, "held_at": at}) if t.energy is offset_prior else t for t in weighed
            )
        return Solve.solved(replace(self, terms=weighed), state, observations, context, optimiser)

    def run(self, state: FitState, context: Context) -> FitState:
        """Return the state with new offsets."""
        after = super().run(state, context)
        carried = with_loose_parts_carried(context.body, after.clip)
        return replace(
            after,
            clip=with_skin_below_cloth(context.body, carried, self.waistband),
            outline_offsets=_that_follow_outlines(state) if self.holds_face else None,
        )


def _that_follow_outlines(state: FitState) -> Tensor | None:
    """Return the offsets that follow the outlines everywhere, those of the face, too. [V, 3]"""
    return state.clip.offsets if state.outline_offsets is None else state.outline_offsets


def face_as_deep(body: Body, offsets: Tensor) -> Tensor:
    """Return the offsets of a face that keeps the body's form and lies as deep in the head as its profile shows it.

    Outlines tell the depth of a profile well, and little of a face's form. The back of a head is hair for the most
    part, so that a body whose head fits between both has its face too far behind: by up to 11 mm for rendered people.
    How high the face is follows from its points instead: with the outlines' height the faces of five of eight rendered
    people had their form .1 to .6 mm worse.

    Args:
        body: with a part ``face``, or nothing moves.
        offsets: that follow the outlines. [V, 3] metres

    Returns:
        [V, 3] metres, to the front.
    """
    moved = torch.zeros_like(offsets)
    if "face" not in body.part_names:
        return moved
    face = body.part("face")
    profile = (face > OF_FACE) & (body.template[:, 0].abs() < FACE_MIDDLE_M) & body.skin
    if profile.any():
        moved[:, 2] = face * offsets[profile, 2].median()
    return moved


def _scaled(term: Term, factor: float) -> float | Annealed:
    """Return a term's weight times a factor."""
    weight = term.weight
    return Annealed(weight.first * factor, weight.last * factor) if isinstance(weight, Annealed) else weight * factor


def with_loose_parts_carried(body: Body, clip: ClipState) -> ClipState:
    """Return the clip with loose components of the mesh moved rigidly with the skin around them."""
    if clip.offsets is None:
        raise BadInputError("a state without offsets has no loose parts to carry: put a consensus shape before it")
    faces, skin = body.faces.cpu().numpy(), body.skin.cpu().numpy()
    carry = skin_attachment(shaped(body, clip.betas).double().cpu().numpy(), faces, skin)
    moved = torch.from_numpy(carry @ clip.offsets.double().cpu().numpy())
    return replace(clip, offsets=moved.to(clip.offsets))


def with_skin_below_cloth(body: Body, clip: ClipState, waistband: bool = False) -> ClipState:
    """Return the clip with the skin that a garment covers below the cloth; the same one where there is no garment.

    ``waistband``: the upper edge of the garment lies just above the skin.
    """
    if body.covered is None or clip.offsets is None:
        return clip
    naked = shaped(body, clip.betas).double().cpu().numpy()
    cloth = sealed(body, naked + clip.offsets.double().cpu().numpy(), waistband) - naked
    moved = tucked(body, naked + closed(body, cloth))
    return replace(clip, offsets=torch.from_numpy(moved - naked).to(clip.offsets))
