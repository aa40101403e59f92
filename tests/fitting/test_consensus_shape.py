"""The consensus shape is a solve over terms: its own are met, and so is one of the user's."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toy_body import toy_body

from fit_avatar.body import BodyState, load_body
from fit_avatar.body.operators import skin_attachment
from fit_avatar.capture.types import Camera, Capture
from fit_avatar.energies import Term, cone_planes, pose_deviation, surface_shift_prior
from fit_avatar.errors import BadInputError
from fit_avatar.fitting import ConsensusShape, Context, FitState, Observations, Solve, video_avatar
from fit_avatar.fitting.actions.consensus_shape import consensus_terms, face_as_deep, with_loose_parts_carried
from fit_avatar.solvers import LBFGS, ClipState, GaussNewton, Problem, SparseOffsets, Unknowns, solve

BODY = toy_body()
SKIN = torch.nonzero(BODY.skin)[:, 0]
NORMALS = torch.nn.functional.normalize(BODY.template[SKIN] / torch.tensor([0.28, 0.85, 0.2]) ** 2, dim=-1)


def thickness(x, vertices, normals, thickness_m):
    """How far the surface is from where it was measured, along normals. [..., 1, N] metres"""
    return (x.offsets[..., vertices, :] * normals).sum(-1) - thickness_m


def measured(thickness_m: float) -> Term:
    weight = 0.003**-2 * 2.0 / len(SKIN)  # about the area of a vertex on two square metres
    return Term(thickness, weight, data={"vertices": SKIN, "normals": NORMALS, "thickness_m": thickness_m})


def start() -> Unknowns:
    zero = torch.zeros(1, 3)
    state = BodyState(torch.zeros(BODY.num_betas), torch.zeros_like(BODY.template), zero, torch.zeros(1, 23, 3), zero)
    return Unknowns.of(BODY, state, ("offsets",))


def regularisers() -> tuple[Term, ...]:
    return tuple(term for term in consensus_terms() if term.energy is not cone_planes)


def observed(frames: int) -> Observations:
    """Return frames that show nothing but a picture full of person."""
    capture = Capture(
        np.arange(frames), np.zeros((frames, 25, 3), np.float32), np.ones((frames, 8, 8), bool),
        Camera(8.0, 8.0, 4.0, 4.0, 8, 8), np.ones(frames, np.float32), 30.0,
    )  # fmt: skip
    return Observations.of(capture, torch.device("cpu"))


def test_clothes_of_even_thickness_are_found():
    """A term of one's own joins those of the shape, which are assembled."""
    optimiser = GaussNewton(2, damping=0.0, linear_solver=SparseOffsets())
    solution = solve(Problem([measured(0.02), *regularisers()]), start(), optimiser)
    along = (solution.unknowns.values["offsets"][0, SKIN] * NORMALS).sum(-1)
    assert along.median().item() == pytest.approx(0.02, abs=0.002)


def test_the_assembled_solve_finds_the_minimum():
    problem = Problem([measured(0.02), *regularisers()])
    sparse = GaussNewton(2, damping=0.0, linear_solver=SparseOffsets(tolerance=1e-6, max_products=1000))
    least = solve(problem, start(), sparse).summary.energy_after
    assert least <= 1.001 * solve(problem, start(), LBFGS(300)).summary.energy_after


def test_a_stiff_part_does_not_end_the_solve_for_the_rest():
    """As the toes in the cap of a shoe, which outlines would draw out of it."""
    stiff, rest = SKIN[:20], SKIN[20:]
    held = Term(thickness, 1e4, data={"vertices": stiff, "normals": NORMALS[:20], "thickness_m": 0.03}, name="held")

    def solved(linear_solver: SparseOffsets) -> torch.Tensor:
        problem = Problem([measured(0.02), held, *regularisers()])
        optimiser = GaussNewton(6, damping=0.0, linear_solver=linear_solver)
        return solve(problem, start(), optimiser).unknowns.values["offsets"][0, rest]

    exact = solved(SparseOffsets(tolerance=1e-12, max_products=3000))
    last = video_avatar().action("shape from every frame").optimiser.linear_solver
    assert (solved(last) - exact).norm(dim=-1).mean() < 1e-4


def test_priors_count_more_with_fewer_frames(monkeypatch):
    weights = {}
    monkeypatch.setattr(
        "fit_avatar.fitting.actions.solve.solve",
        lambda problem, *rest: weights.update({t.name: t.weight for t in problem.terms}),
    )
    action = ConsensusShape("shape")
    for frames, factor in ((30, 1.0), (15, 4.0), (60, 0.25)):
        seen = type("Seen", (), {"keypoints": torch.zeros(frames, 25, 3)})()
        clip = ClipState(
            torch.eye(3).expand(frames, 24, 3, 3), torch.zeros(frames, 3), torch.zeros(BODY.num_betas),
            torch.eye(3).expand(23, 3, 3), torch.zeros(25, 3),
        )  # fmt: skip
        state = type("State", (), {"clip": clip, "single": lambda self, name: None})()
        context = type("Context", (), {"body": BODY, "on_step": None})()
        action.solved(state, seen, context)
        for name in ("offset_prior", "symmetry"):
            assert weights[name] == pytest.approx(factor * action.term(name).weight)
        assert weights["laplacian"] == action.term("laplacian").weight


def test_eyes_move_with_the_skin_around_them():
    carry = skin_attachment(BODY.template.double().numpy(), BODY.faces.numpy(), BODY.skin.numpy())
    shift = torch.tensor([0.0, 0.01, 0.0]) * BODY.skin[:, None]
    clip = ClipState(
        torch.eye(3).expand(1, 24, 3, 3), torch.zeros(1, 3), torch.zeros(BODY.num_betas),
        torch.eye(3).expand(23, 3, 3), torch.zeros(25, 3), shift,
    )  # fmt: skip
    moved = with_loose_parts_carried(BODY, clip).offsets
    torch.testing.assert_close(moved, torch.tensor([0.0, 0.01, 0.0]).expand_as(moved))
    assert carry.shape == (len(BODY.template),) * 2
    with pytest.raises(BadInputError, match="without offsets"):
        with_loose_parts_carried(BODY, replace(clip, offsets=None))


def test_a_face_lies_as_deep_in_the_head_as_its_profile():
    body = load_body()
    face = body.part("face")
    followed = torch.zeros_like(body.template)
    followed[:, 1] = -0.01
    followed[face > 0.5, 2] = 0.006
    followed[(face > 0.5) & (body.template[:, 0].abs() > 0.025), 2] = 0.02  # as hair beside it
    moved = face_as_deep(body, followed)
    assert not moved[:, :2].any() and not moved[face == 0].any()
    torch.testing.assert_close(moved[:, 2], 0.006 * face)
    assert not face_as_deep(BODY, torch.ones_like(BODY.template)).any(), "a body without a face"


def test_a_shape_that_holds_the_face_leaves_it_as_deep_as_it_was():
    """Without outlines nothing but the prior says where a face is."""
    body = load_body()
    face = body.part("face")
    context = Context(body, lambda: observed(2))
    start = FitState.upright(body, 2)
    followed = face[:, None] * torch.tensor([0.0, 0.004, 0.008])
    start = replace(start, clip=replace(start.clip, offsets=followed))
    terms = tuple(term for term in consensus_terms(face=80.0) if term.energy is not cone_planes)
    inside = (face > 0.99) & body.skin
    for holds_face, depth in ((True, 0.008), (False, 0.0)):
        after = ConsensusShape("shape", terms, holds_face=holds_face).run(start, context).clip.offsets
        expected = torch.tensor([0.0, 0.0, depth]).expand_as(after)[inside]
        torch.testing.assert_close(after[inside], expected, rtol=0, atol=1e-3)


@pytest.mark.parametrize("holds_face", [False, True])
def test_offsets_that_follow_the_outlines_are_kept_where_a_shape_holds_the_face(holds_face):
    seen, zero = observed(2), torch.zeros_like(BODY.template)
    start = FitState.upright(BODY, 2)
    start = replace(start, clip=replace(start.clip, offsets=zero))
    context = Context(BODY, lambda: seen)
    own = (measured(0.02), *regularisers())
    after = ConsensusShape("shape", own, holds_face=holds_face).run(start, context)
    assert after.clip.offsets.abs().max() > 0.01
    if not holds_face:
        assert after.outline_offsets is None
        return
    assert torch.equal(after.outline_offsets, zero)
    assert torch.equal(after.observations(context.observations)["outline_offsets"], zero)
    shift = Solve("poses", (Term(surface_shift_prior, 1.0),), free=("transl", "surface_shift"))
    assert shift.run(after, context).outline_offsets is None, "it moves the offsets"
    pose = Solve("poses", (Term(pose_deviation, 1.0),), free=("body_pose",))
    assert torch.equal(pose.run(after, context).outline_offsets, zero)
    again = ConsensusShape("shape", own, holds_face=True).run(after, context)
    assert torch.equal(again.outline_offsets, zero)
    assert ConsensusShape("shape", own).run(again, context).outline_offsets is None


def test_the_last_shape_of_the_default_method_holds_face_and_toes():
    shapes = [action for action in video_avatar().actions if isinstance(action, ConsensusShape)]
    held = [action.term("offset_prior").data["multipliers"] for action in shapes]
    assert held[-1].face > 10 * held[0].face
    assert {multipliers.face for multipliers in held[:-1]} == {held[0].face}
    assert held[-1].toes > 5 * held[0].toes
    assert replace(held[-1], face=held[0].face, toes=held[0].toes) == held[0]
    fast = [action for action in video_avatar("fast").actions if isinstance(action, ConsensusShape)]
    assert fast[-1].term("laplacian").data["multipliers"].toes == held[-1].toes
