"""Derivatives by blocks: right for every span, batch and sweep, and refused where blocks cannot hold them."""

from __future__ import annotations

import pytest
import torch
from toy_body import toy_body, turning_state

from fit_avatar.body import BodyState
from fit_avatar.energies import Blocks, Energy, PosedBody, Term, energy
from fit_avatar.errors import BadInputError
from fit_avatar.solvers import jacobian
from fit_avatar.solvers.gauss_newton import term_blocks
from fit_avatar.solvers.jacobian import autograd_blocks
from fit_avatar.solvers.optimisers import GaussNewton, solve
from fit_avatar.solvers.problem import Problem
from fit_avatar.solvers.unknowns import Unknowns

FREE = ("global_orient", "body_pose", "transl", "betas")
BODY = toy_body(8, 12).double()


def joints(x: PosedBody) -> torch.Tensor:
    """See one frame. [..., T, J, 3]"""
    return x.joints


def steps(x: PosedBody) -> torch.Tensor:
    """See two frames. [..., T−1, J, 3]"""
    return (x.joints[..., 1:, :, :] - x.joints[..., :-1, :, :]) ** 2


def bends(x: PosedBody) -> torch.Tensor:
    """See three frames. [..., T−2, J, 3]"""
    j = x.joints
    return j[..., 2:, :, :] * j[..., 1:-1, :, :] + j[..., :-2, :, :] ** 2


def turn(x: PosedBody) -> torch.Tensor:
    """See three frames, in few numbers. [..., T−2]"""
    j = x.joints[..., 15, 0]
    return j[..., 2:] * j[..., 1:-1] + j[..., :-2] ** 2


def heights(x: PosedBody) -> torch.Tensor:
    """See shared unknowns only. [..., 1, V]"""
    return x.naked[..., 1] ** 2


def ordinary(x: PosedBody) -> torch.Tensor:
    """See one frame, in a single number. [..., T]"""
    return (x.joints**2).sum((-2, -1))


def make_unknowns(frames: int, batch: tuple[int, ...] = (), free: tuple[str, ...] = FREE) -> Unknowns:
    state = turning_state(BODY, max(frames, 3), bend=0.3)
    parts = {
        n: getattr(state, n)[:frames].double().expand(*batch, frames, *getattr(state, n).shape[1:])
        for n in ("global_orient", "body_pose", "transl")
    }
    if batch:  # clips that differ
        parts["transl"] = parts["transl"] + 0.1 * torch.arange(*batch).double()[:, None, None]
    betas = state.betas.double().expand(*batch, -1)
    frozen = ("left_hand",) if "body_pose" in free else ()
    return Unknowns.of(
        BODY, BodyState(betas=betas, offsets=state.offsets.double(), **parts), free, frozen_joints=frozen
    )


def dense(problem: Problem, term: Term) -> dict[str, torch.Tensor]:
    """Return derivatives by plain autograd. [*batch, R, M] × [*batch, T or 1, d]"""
    unknowns = problem.unknowns
    names = list(unknowns.free)

    def residual(*zeros: torch.Tensor) -> torch.Tensor:
        x = unknowns.posed_body_after(dict(zip(names, zeros, strict=True)))
        found = problem.evaluate_term(term, x, {}, 1.0).residual
        lead = len(unknowns.batch) + 1
        return found[..., None] if found.dim() == lead else found.flatten(lead)

    zeros = tuple(unknowns.free[n].zero_step() for n in names)
    return dict(zip(names, torch.autograd.functional.jacobian(residual, zeros, vectorize=True), strict=True))


def compare(problem: Problem, blocks: Blocks, expected: dict[str, torch.Tensor]) -> float:
    """Return the largest difference relative to the largest entry."""
    unknowns, errors = problem.unknowns, []
    clips = [()] if not unknowns.batch else [(i,) for i in range(unknowns.batch[0])]
    largest = max(e.abs().amax() for e in expected.values())
    for name, whole in expected.items():
        unknown = unknowns.named[name]
        for one in clips:
            for other in clips:
                part = whole[one]  # [R, M, *batch, T or 1, d]
                part = part[:, :, other[0]] if other else part
                found = torch.zeros_like(part)
                block = (blocks.shared if unknown.shared else blocks.frames).get(name)
                if block is not None and one == other:
                    block = block[one][..., unknown.free_index]
                    if unknown.shared:
                        found[:, :, 0] = block
                    else:
                        for r in range(len(block)):
                            for i in range(block.shape[1]):
                                found[r, :, r + i] = block[r, i]
                errors.append(float((found - part).abs().amax() / largest))
    return max(errors)


@pytest.mark.parametrize("function", [joints, steps, bends, turn, ordinary, heights], ids=lambda f: f.__name__)
@pytest.mark.parametrize("batch", [(), (2,)], ids=["clip", "clips"])
@pytest.mark.parametrize("sweep", ["by rows", "by columns", "whichever is cheaper"])
def test_blocks_agree_with_autograd(function, batch, sweep, monkeypatch):
    if sweep != "whichever is cheaper":
        chosen = jacobian._by_rows if sweep == "by rows" else jacobian._by_columns
        monkeypatch.setattr(jacobian, "_by_rows", chosen)
        monkeypatch.setattr(jacobian, "_by_columns", chosen)
    term = Term(function)
    for frames in (5,) if batch else (1, 2, 3, 5):
        problem = Problem([term], make_unknowns(frames, batch))
        rows = problem.evaluate(problem.unknowns.posed_body(), problem.fields)[0].residual.shape[len(batch)]
        if rows:
            blocks = autograd_blocks(problem, term, {}, rows)
            assert compare(problem, blocks, dense(problem, term)) < 1e-9


def test_offsets_are_shared_unknowns():
    @energy
    def raised(x):
        return x.surface[..., 1] ** 2

    problem = Problem([Term(raised)], make_unknowns(4, (2,), ("offsets", "betas")))
    blocks = autograd_blocks(problem, problem.terms[0], {}, 1)
    assert not blocks.frames and set(blocks.shared) == {"offsets", "betas"}
    assert compare(problem, blocks, dense(problem, problem.terms[0])) < 1e-9


def test_unknowns_that_are_not_seen_have_no_block():
    def moved(x):
        return x.transl**2

    problem = Problem([Term(moved)], make_unknowns(4))
    assert set(autograd_blocks(problem, problem.terms[0], {}, 4).frames) == {"transl"}

    def nothing(x):
        return torch.ones(4, 2, dtype=torch.float64)

    problem = Problem([Term(nothing)], make_unknowns(4))
    blocks = autograd_blocks(problem, problem.terms[0], {}, 4)
    assert not blocks.frames and not blocks.shared


# -- what is refused ------------------------------------------------------------------------------------------


def test_a_row_for_all_frames_is_refused_by_name():
    def centred(x):
        return x.transl.mean(-2, keepdim=True)

    problem = Problem([Term(centred)], make_unknowns(6))
    with pytest.raises(BadInputError, match=r"'centred' sees 6 frames at once.*LBFGS or Adam"):
        autograd_blocks(problem, problem.terms[0], {}, 1)


def test_rows_that_see_other_frames_are_refused_by_name():
    def from_first(x):
        return x.transl - x.transl[..., :1, :]

    problem = Problem([Term(from_first)], make_unknowns(6))
    with pytest.raises(BadInputError, match="a row of the term 'from_first' sees other frames"):
        solve(problem, GaussNewton(2))


def _squares(factor: float) -> Energy:
    def slopes(x):
        return Blocks({"transl": torch.diag_embed(factor * x.transl)})

    @energy(jacobian=slopes)
    def squares(x):
        return x.transl**2

    return squares


def test_a_wrong_attached_derivative_is_refused():
    assert solve(Problem([Term(_squares(2.0))], make_unknowns(4)), GaussNewton(1)).summary
    with pytest.raises(BadInputError, match="derivative attached to the term 'squares' is not that of its residual"):
        solve(Problem([Term(_squares(3.0))], make_unknowns(4)), GaussNewton(1))


def test_a_derivative_that_leaves_out_an_unknown_gives_way_to_autograd():
    def slopes(x):
        whole = torch.zeros(*x.transl.shape[:-1], 5, 3, dtype=torch.float64)
        whole[..., 1] = 1
        return Blocks({"transl": whole}, missing=("offsets", "betas"))

    @energy(jacobian=slopes)
    def lifted(x):
        return x.surface[..., :5, 1] + x.transl[..., 1:2]

    def blocks(*free):
        problem = Problem([Term(lifted)], make_unknowns(4, free=free))
        return term_blocks(problem, problem.terms[0], problem.unknowns.posed_body(), {}, 4, True)

    assert not blocks("transl").shared
    assert set(blocks("transl", "offsets").shared) == {"offsets"}
