"""One problem, three optimisers: the same least energy, terms of one's own, and errors that name term and field."""

import math
from dataclasses import replace
from functools import cache

import pytest
import torch
from toy_body import turning_state

from fit_avatar.body import pose_body, rotation
from fit_avatar.capture import Camera
from fit_avatar.energies import (
    Annealed,
    GemanMcClure,
    Term,
    energy,
    keypoint_reprojection,
    laplacian,
    offset_prior,
    rotation_acceleration,
    shape_prior,
    symmetry,
)
from fit_avatar.errors import BadInputError
from fit_avatar.solvers import (
    LBFGS,
    Adam,
    ConjugateGradient,
    GaussNewton,
    Problem,
    SparseOffsets,
    Unknown,
    Unknowns,
    solve,
)

CAMERA = Camera(500.0, 500.0, 320.0, 240.0, 640, 480)
FRAMES = 5
POSE_NAMES = ("betas", "global_orient", "body_pose", "transl")
OPTIMISERS = [GaussNewton(20), LBFGS(300), Adam(800)]


@energy(observes=("distance",))
def feet_apart(x, distance):
    """A term of one's own: the distance of the feet was measured."""
    left, right = x.joints[..., 10, :], x.joints[..., 11, :]
    return (left - right).norm(dim=-1) - distance


@pytest.fixture(scope="module")
def truth(body):
    return turning_state(body, FRAMES)


@pytest.fixture(scope="module")
def observations(body, truth):
    posed = pose_body(body, truth)
    points = CAMERA.project(torch.einsum("kv,tvc->tkc", body.keypoint_regressor, posed.vertices))
    return {
        "keypoints": torch.cat([points, torch.ones(FRAMES, 25, 1)], -1),
        "camera": CAMERA,
        "frame_intervals_s": torch.full((FRAMES - 1,), 1 / 30),
        "distance": (posed.joints[:, 10] - posed.joints[:, 11]).norm(dim=-1),
    }


def disturbed(truth, seed=0):
    generator = torch.Generator().manual_seed(seed)
    turned = rotation.exp(truth.body_pose) @ rotation.exp(
        0.05 * torch.randn(truth.body_pose.shape, generator=generator)
    )
    return replace(
        truth,
        body_pose=rotation.log(turned),
        transl=truth.transl + 0.03,
        betas=torch.zeros_like(truth.betas),
        offsets=torch.zeros_like(truth.offsets),
    )


def terms():
    return [
        Term(keypoint_reprojection, 1.0, GemanMcClure(30.0)),
        Term(feet_apart, 1e4),
        Term(rotation_acceleration, 100.0),
        Term(shape_prior, 1.0),
    ]


def make(body, truth, observations, **more):
    """Return a problem, and where it starts."""
    return Problem(terms(), observations), Unknowns.of(body, disturbed(truth), **more)


@pytest.fixture(scope="module")
def solved(body, truth, observations):
    """Return a function that solves with an optimiser, once for all tests, and lists its progress."""

    @cache
    def solve_with(optimiser):
        problem, start = make(body, truth, observations)
        seen = []
        return solve(problem, start, optimiser, lambda done, total: seen.append((done, total))).summary, tuple(seen)

    return solve_with


@pytest.mark.parametrize("optimiser", OPTIMISERS, ids=lambda o: type(o).__name__)
def test_all_optimisers_lower_every_term(solved, optimiser):
    summary, seen = solved(optimiser)
    assert summary.energy_after < 0.01 * summary.energy_before
    feet = next(term for term in summary.after if term.name == "feet_apart")
    assert feet.raw < 1e-4
    assert feet.weighted == pytest.approx(1e4 * feet.robust)
    assert len(seen) > 0 and seen[-1][0] <= seen[-1][1]
    assert summary.trace[-1][1] < summary.trace[0][1]


def test_second_order_gets_lowest(solved):
    newton, lbfgs, adam = (solved(optimiser)[0] for optimiser in OPTIMISERS)
    assert newton.energy_after <= 1.02 * lbfgs.energy_after
    assert newton.energy_after <= 1.02 * adam.energy_after
    assert newton.iterations < lbfgs.iterations < adam.iterations


def test_a_start_is_not_changed_by_solving(body, truth, observations):
    problem, start = make(body, truth, observations)
    before = {name: value.clone() for name, value in start.values.items()}
    solve(problem, start, GaussNewton(2))
    assert all(torch.equal(before[name], value) for name, value in start.values.items())


def test_what_is_not_free_stays(body, truth, observations):
    problem, initial = make(body, truth, observations, free=("body_pose", "transl"), frozen_joints=("left_knee",))
    after = solve(problem, initial, GaussNewton(5)).unknowns
    start, knee = initial.values, body.joint_names.index("left_knee") - 1
    for name in ("global_orient", "betas", "offsets"):
        assert torch.equal(after.values[name], start[name])
    assert torch.equal(after.values["body_pose"][:, knee], start["body_pose"][:, knee])
    assert not torch.equal(after.values["body_pose"], start["body_pose"])


def test_a_batch_of_clips_is_solved_as_each_alone(body, truth, observations):
    starts = [disturbed(truth, seed) for seed in (1, 2)]
    batch = replace(
        starts[0], **{n: torch.stack([getattr(s, n) for s in starts]) for n in vars(starts[0]) if n != "expression"}
    )
    together = solve(Problem(terms(), observations), Unknowns.of(body, batch), GaussNewton(8)).unknowns
    assert together.batch == (2,)
    for c, start in enumerate(starts):
        alone = solve(Problem(terms(), observations), Unknowns.of(body, start), GaussNewton(8)).unknowns
        difference = pose_body(body, alone.body_state()).vertices - together.posed_body().vertices[c]
        assert difference.abs().max() < 1e-3


def test_an_unknown_of_ones_own(body, truth, observations):
    @energy(observes=("keypoints", "camera"))
    def focal_is_right(x, keypoints, camera):
        wider = replace(camera, fx=1.0, fy=1.0, cx=0.0, cy=0.0)
        focal = 400.0 * x.log_focal.exp()[..., None]  # [..., 1, 1]
        return (wider.project(x.keypoints) * focal + keypoints.new_tensor([camera.cx, camera.cy])) - keypoints[..., :2]

    unknowns = Unknowns.of(body, truth, free=("log_focal",), log_focal=Unknown(torch.zeros(1, 1), shared=True))
    found = solve(Problem([Term(focal_is_right)], observations), unknowns, GaussNewton(10)).unknowns
    assert 400 * found.values["log_focal"].exp().item() == pytest.approx(500.0, rel=1e-3)


def dressed(body, truth):
    """Return a problem of the offsets with a term of one's own, and where it starts."""
    chosen = torch.nonzero(body.skin)[::3, 0]
    given = {"index": chosen, "wanted": 0.02 * torch.sin(9 * body.template[chosen])}

    def pulled(x, index, wanted):
        return x.offsets[..., index, :] - wanted

    smooth = [Term(pulled, data=given), Term(laplacian, 0.5), Term(offset_prior, 1e-3), Term(symmetry, 1e-3)]
    start = replace(truth, offsets=torch.zeros_like(truth.offsets))
    return Problem(smooth), Unknowns.of(body, start, ("offsets",))


@pytest.mark.parametrize("solver", [None, SparseOffsets(tolerance=1e-6)], ids=["default", "SparseOffsets"])
def test_offsets_are_solved_without_a_dense_matrix(body, truth, solver):
    problem, start = dressed(body, truth)
    newton = solve(problem, start, GaussNewton(3, linear_solver=solver)).summary
    lbfgs = solve(problem, start, LBFGS(200)).summary
    assert newton.energy_after <= 1.001 * lbfgs.energy_after
    assert newton.energy_after < 0.2 * newton.energy_before


def test_some_offsets_are_free(body, truth):
    problem, start = dressed(body, truth)
    mask = torch.zeros_like(truth.offsets, dtype=torch.bool)
    mask[::2] = True
    some = replace(start.named["offsets"], free=mask.flatten())
    start = replace(start, named={**start.named, "offsets": some})
    found = [
        solve(problem, start, GaussNewton(3, linear_solver=solver)).unknowns.values["offsets"]
        for solver in (ConjugateGradient(tolerance=1e-5), SparseOffsets(tolerance=1e-7, max_products=500))
    ]
    assert found[0][0, 1::2].abs().max() == 0 < found[0].abs().max()
    torch.testing.assert_close(found[0], found[1], atol=2e-4, rtol=0)


def test_a_linear_solver_that_does_not_converge_is_told(body, truth):
    problem, start = dressed(body, truth)
    for solver in (ConjugateGradient(max_products=1), SparseOffsets(max_products=1)):
        summary = solve(problem, start, GaussNewton(2, linear_solver=solver)).summary
        assert "conjugate gradients did not converge" in summary.reason
        assert summary.energy_after < summary.energy_before  # it is a descent all the same


def test_sparse_offsets_are_for_the_offsets_of_one_clip(body, truth):
    problem, _ = dressed(body, truth)
    both = Unknowns.of(body, truth, ("offsets", "betas"))
    with pytest.raises(BadInputError, match=r"the offsets of one clip, but .*betas.* free"):
        solve(problem, both, GaussNewton(1, linear_solver=SparseOffsets()))


@pytest.mark.parametrize("solver", [None, SparseOffsets()], ids=["default", "SparseOffsets"])
def test_a_trial_of_offsets_may_leave_the_domain(body, truth, solver):
    def root(x):  # the whole first step would lead to the root of a negative number
        return (x.offsets[..., 0] + 0.3).sqrt() + 0.1

    start = Unknowns.of(body, replace(truth, offsets=torch.zeros_like(truth.offsets)), ("offsets",))
    problem = Problem([Term(root), Term(offset_prior, 1e-3)])
    summary = solve(problem, start, GaussNewton(10, linear_solver=solver)).summary
    assert summary.energy_after < summary.energy_before and math.isfinite(summary.energy_after)


def test_clips_of_a_batch_are_damped_each_on_its_own(body, truth):
    """One clip needs damping; the other is linear and must not be held back by it."""

    offsets = torch.zeros(2, len(body.template), 3)
    offsets[1, 0, 0] = -0.1
    batch = replace(
        truth, **{n: getattr(truth, n).expand(2, *getattr(truth, n).shape) for n in POSE_NAMES}, offsets=offsets
    )
    start = Unknowns.of(body, batch, ("offsets",))
    free = torch.zeros(offsets[0].numel(), dtype=torch.bool)
    free[0] = True  # one number, so that a step is exact
    start = replace(start, named={**start.named, "offsets": replace(start.named["offsets"], free=free)})

    def linear_and_steep(x, wanted):
        first = x.offsets[..., 0, 0, :1]  # [2, 1]
        return torch.stack([first[0] - wanted, (60 * first[1]).exp() - 1], 0)[..., None]

    problem = Problem([Term(linear_and_steep, data={"wanted": 1e-3})])
    solver = ConjugateGradient(tolerance=1e-6)
    found = solve(problem, start, GaussNewton(2, linear_solver=solver)).unknowns.values["offsets"][:, 0, 0, 0]
    assert found[0].item() == pytest.approx(1e-3, abs=1e-6)  # two steps that are hardly damped reach it
    assert -0.1 < found[1].item() < 0.05


def test_the_summary_is_a_table(body, truth, observations):
    summary = solve(*make(body, truth, observations), GaussNewton(3)).summary
    lines = str(summary).splitlines()
    assert lines[0].split()[0] == "term" and "robust" in lines[0]
    assert [line.split()[0] for line in lines[1:5]] == [term.name for term in terms()]
    assert lines[-1].startswith("GaussNewton: 3 iterations, ") and lines[-1].endswith("all iterations done")


def test_schedules_run_from_first_to_last(body, truth, observations):
    fractions = []

    def note(x, progress=0.0):
        fractions.append(round(progress, 2))
        return {"seen": None}

    @energy(prepare=note, makes=("seen",))
    def told(x, seen):
        return x.betas

    term = Term(told, Annealed(10.0, 0.1), kernel=GemanMcClure(Annealed(4.0, 1.0)))
    assert term.weight_at(0.0) == pytest.approx(10.0) and term.weight_at(1.0) == pytest.approx(0.1)
    solve(Problem([term]), Unknowns.of(body, truth), GaussNewton(3))
    assert fractions == [0.0, 0.5, 1.0]
    fractions.clear()
    solve(Problem([term]), Unknowns.of(body, truth), GaussNewton(4, refresh=2))
    assert fractions == [0.0, 0.67]  # what is held fixed is renewed after two iterations


def test_mistakes_name_term_and_field(body, truth, observations):
    unknowns = Unknowns.of(body, truth)

    def complaint(term, given=observations):
        with pytest.raises(BadInputError) as caught:
            solve(Problem([term], given), unknowns)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert complaint(Term(feet_apart), {}).startswith("the term 'feet_apart' needs the field 'distance': give it in")
    near = complaint(Term(feet_apart, data={"distnace": 1.0}))
    assert near == "the term 'feet_apart' has no field 'distnace': did you mean 'distance'?"
    wrong = complaint(Term(feet_apart, data={"distance": torch.ones(3)}))
    assert "'feet_apart' fails on the fields distance [3] with 5 frames" in wrong
    missing = torch.tensor([1.0, 1.0, float("nan"), 1.0, 1.0])
    told = complaint(Term(feet_apart, data={"distance": missing}))
    assert told == "the field 'distance' of the term 'feet_apart' is not a finite number at [2]"
    rows = complaint(Term(lambda x: x.joints[:2, 0], name="short"))
    assert rows.startswith("the term 'short' returns a residual of shape [2, 3]; it must begin with [5]")
    root = complaint(Term(lambda x: (x.betas - 100.0).sqrt(), name="root"))
    assert root == "the residual of the term 'root' is not a finite number at [0, 0]"
    assert complaint(Term(lambda x: 3.0, name="number")) == "the term 'number' returns a float instead of a tensor"
    nameless = complaint(Term(lambda x: x.beta, name="typo"))
    assert "'typo' fails" in nameless and "there is no unknown beta" in nameless


def test_mistakes_of_confidence_weight_and_kind_are_told(body, truth):
    unknowns = Unknowns.of(body, truth)

    def complaint(**of_term):
        with pytest.raises(BadInputError) as caught:
            solve(Problem([Term(**{"residual": shape_prior, **of_term})]), unknowns)
        return str(caught.value)

    assert "the confidence of the term 'shape_prior' has the shape [7]" in complaint(confidence=torch.ones(7))
    assert complaint(weight=-1.0) == "the weight of the term 'shape_prior' is -1.0; it must be 0 or more"
    assert "'whole' returns whole numbers (torch.int64)" in complaint(
        residual=lambda x: (x.betas * 0).long(), name="whole"
    )
    assert "'lost' fails on 5 frames" in complaint(residual=lambda x: {}["key"], name="lost")

    @energy(prepare=lambda x: {"made": 1 / 0}, makes=("made",))
    def prepared(x, made):
        return x.betas * made

    assert complaint(residual=prepared).startswith("the preparation of the term 'prepared' fails on 5 frames")
    with pytest.raises(BadInputError, match="at least one term"):
        Problem([])


def one_beta(body, truth, beta):
    betas = torch.zeros_like(truth.betas)
    betas[0] = beta
    return Unknowns.of(body, replace(truth, betas=betas), ("betas",))


@pytest.mark.parametrize(
    "optimiser", [GaussNewton(3), LBFGS(3, refresh=1), Adam(3, refresh=1)], ids=lambda o: type(o).__name__
)
def test_start_and_end_are_compared_under_the_matches_of_the_end(body, truth, optimiser):
    anchors = []

    def anchored(x):
        anchors.append(0.5 * x.betas + 1.0)  # moves along, so the residual at the start halves with its own anchor
        return {"anchor": anchors[-1]}

    @energy(prepare=anchored, makes=("anchor",))
    def follows(x, anchor):
        return x.betas - anchor

    start = one_beta(body, truth, -2.0)
    solution = solve(Problem([Term(follows)]), start, optimiser)
    first, last = start.values["betas"], solution.unknowns.values["betas"]
    summary = solution.summary
    assert summary.energy_before == pytest.approx(float((first - anchors[-1]).square().sum()), rel=1e-5)
    assert summary.energy_after == pytest.approx(float((last - anchors[-1]).square().sum()), rel=1e-5)
    assert summary.energy_after < summary.energy_before


def test_damping_grows_until_a_step_helps(body, truth):
    def steep(x):  # the first steps of Gauss-Newton overshoot by far
        return torch.cat([(10 * x.betas[..., :1]).exp() - 1e-3, 0.01 * x.betas[..., :1], x.betas[..., 1:]], -1)

    summary = solve(Problem([Term(steep)]), one_beta(body, truth, -1.2), GaussNewton(60)).summary
    assert summary.energy_after < 4e-5 < summary.energy_before


# A learning rate of 0.5 takes Adam out of the domain in its first step.
@pytest.mark.parametrize("optimiser", [GaussNewton(10), LBFGS(10), Adam(60, 0.5)], ids=lambda o: type(o).__name__)
def test_a_trial_step_may_leave_the_domain(body, truth, optimiser):
    left = []

    def root(x):  # the whole first step would lead to the root of a negative number
        left.append(bool((x.betas[..., 0] < -1.3).any()))
        return torch.cat([(x.betas[..., :1] + 1.3).sqrt() + 0.1, x.betas[..., 1:]], -1)

    solution = solve(Problem([Term(root)]), one_beta(body, truth, -1.0), optimiser)
    assert any(left)
    assert solution.summary.energy_after < solution.summary.energy_before
    assert all(torch.isfinite(value).all() for value in solution.unknowns.values.values())
    assert all(math.isfinite(energy) for _, energy in solution.summary.trace)


@pytest.mark.parametrize("optimiser", [LBFGS(10), Adam(10)], ids=lambda o: type(o).__name__)
def test_a_start_without_energy_or_derivative_is_told(body, truth, optimiser):
    def complaint(function, beta):
        with pytest.raises(BadInputError) as caught:
            solve(Problem([Term(shape_prior), Term(function, name="root")]), one_beta(body, truth, beta), optimiser)
        return str(caught.value)

    def root(x):
        return x.betas[..., :1].sqrt()

    assert complaint(root, -1.0) == "the residual of the term 'root' is not a finite number at [0, 0]"
    steep = complaint(root, 0.0)  # zero, with an infinite slope
    assert steep == "the derivative of 'root' is not a finite number where the solve begins: start elsewhere"


def test_two_terms_of_one_name_are_refused(body, truth):
    with pytest.raises(BadInputError, match="two terms are called 'shape_prior'"):
        Problem([Term(shape_prior), Term(shape_prior)])


def test_an_optional_term_waits_for_its_data(body, truth, observations):
    objective = Problem([Term(feet_apart, optional=True), Term(shape_prior)]).bind(Unknowns.of(body, truth))
    assert [term.name for term in objective.terms] == ["shape_prior"]


def test_unknown_names_are_refused(body, truth):
    with pytest.raises(BadInputError, match="there is no unknown 'pose' to free"):
        Unknowns.of(body, truth, free=("pose",))
    with pytest.raises(BadInputError, match="there is no joint 'left_toe' to freeze"):
        Unknowns.of(body, truth, frozen_joints=("left_toe",))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_gives_the_same(body, truth, observations):
    problem, here = make(body, truth, observations)
    start = disturbed(truth)
    moved = replace(start, **{n: v.cuda() for n, v in vars(start).items() if v is not None})
    there = Unknowns.of(body.to("cuda"), moved)
    one, other = (solve(problem, at, GaussNewton(8)).unknowns.posed_body().vertices.cpu() for at in (here, there))
    assert (one - other).abs().max() < 1e-3


def test_a_letter_of_a_shape_means_one_number_within_a_term(body, truth):
    @energy(points="T N 3")
    def first(x, points):
        return points - x.transl[..., None, :]

    @energy(points="T N 3", others="T N 3")
    def second(x, points, others):
        return points - others + x.transl[..., None, :]

    many, few = torch.zeros(FRAMES, 7, 3), torch.zeros(FRAMES, 4, 3)
    start = Unknowns.of(body, truth)
    terms = [Term(first, data={"points": many}), Term(second, data={"points": few, "others": few})]
    assert len(Problem(terms).bind(start).terms) == 2
    with pytest.raises(BadInputError, match=r"it must be \[T, N, 3\] with T = 5, N = 4"):
        Problem([Term(second, data={"points": few, "others": many})]).bind(start)
