"""The sparse solve minimises the sum of the terms as they are written in ``energies``."""

import numpy as np
import pytest
import torch
from toy_body import toy_body

from fit_avatar import energies
from fit_avatar.body.operators import cotangent_laplacian, skin_attachment
from fit_avatar.energies import PosedBody
from fit_avatar.fitting.consensus import ConsensusSolver, Constraints
from fit_avatar.fitting.stage import ConsensusStage
from fit_avatar.silhouettes import plane_distance


def test_solution_is_a_minimum_of_the_terms():
    body = toy_body()
    betas = torch.zeros(body.num_betas)
    stage = ConsensusStage("test")
    solver = ConsensusSolver(body, stage, betas)
    torch.manual_seed(0)
    skin = torch.nonzero(body.skin)[:, 0]
    vertices = skin[torch.randint(len(skin), (3000,))]
    planes = torch.nn.functional.normalize(body.template[vertices] * torch.tensor([1.0, 0.3, 1.0]), dim=-1)
    residual, weight = -0.01 - 0.005 * torch.rand(3000), torch.rand(3000)
    constraints = Constraints(vertices, planes, residual, weight)
    start = np.zeros((len(body.template), 3))
    offsets = torch.from_numpy(solver.solve(constraints, weight, residual, start))

    template = body.template.double().numpy()
    operator, areas = cotangent_laplacian(template, body.faces.numpy())
    areas = np.where(body.skin.numpy(), areas, areas.mean() * 1e-2)
    dense = torch.from_numpy(operator.toarray()).to_sparse()
    area = torch.from_numpy(areas)[:, None]
    total = area[body.skin].sum() / weight.sum()

    def energy(o):
        x = PosedBody(body, {"offsets": o[None]})
        data = plane_distance(o[vertices], planes.double(), residual.double())
        smooth = stage.smooth_m**4 * energies.laplacian(x, dense)[0].square() / area
        thin = stage.body * area * energies.offset_prior(x)[0].square()
        even = stage.symmetry * area * energies.symmetry(x)[0].square()
        return (total * weight * data.square()).sum() + (smooth + thin + even).sum()

    # The toy body has no stiff parts on its skin's trunk; compare there, against small steps either way.
    least = energy(offsets)
    assert least < energy(torch.zeros_like(offsets)) / 3
    for _ in range(5):
        bump = torch.zeros_like(offsets)
        bump[skin] = 2e-3 * torch.randn(len(skin), 3, dtype=torch.float64)
        assert energy(offsets + bump) > least


def test_clothes_of_even_thickness_are_found():
    body = toy_body()
    skin = torch.nonzero(body.skin)[:, 0]
    normals = torch.nn.functional.normalize(body.template[skin] / torch.tensor([0.28, 0.85, 0.2]) ** 2, dim=-1)
    constraints = Constraints(skin, normals, torch.zeros(len(skin)), torch.ones(len(skin)))
    solver = ConsensusSolver(body, ConsensusStage("test"), torch.zeros(body.num_betas))
    start = np.zeros((len(body.template), 3))
    offsets = solver.solve(constraints, constraints.trust, torch.full((len(skin),), -0.02), start)
    along = (torch.from_numpy(offsets)[skin] * normals).sum(-1)
    assert along.median().item() == pytest.approx(0.02, abs=0.002)


def test_eyes_move_with_the_skin_around_them():
    body = toy_body()
    carry = skin_attachment(body.template.double().numpy(), body.faces.numpy(), body.skin.numpy())
    shift = np.tile([0.0, 0.01, 0.0], (len(body.template), 1))
    shift[~body.skin.numpy()] = 0
    moved = carry @ shift
    assert np.allclose(moved, [0.0, 0.01, 0.0])
