"""Without ears a head goes on smoothly over where they are."""

import numpy as np
import pytest
import torch

from fit_avatar.body import load_body
from fit_avatar.body.ears import flat_ear_offsets
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.model import Body

BETAS = torch.tensor([0.5, -0.6, 0.4])


@pytest.fixture(scope="module")
def body() -> Body:
    """The default body: one with ears."""
    return load_body(3)


@pytest.fixture(scope="module")
def rest(body: Body) -> torch.Tensor:
    return body.template + body.shape_basis @ BETAS


@pytest.fixture(scope="module")
def offsets(body: Body) -> torch.Tensor:
    return flat_ear_offsets(body, BETAS)


def test_the_head_is_as_wide_at_the_ears_as_above_them(body, rest, offsets):
    ears = body.part("ears") > 0.5
    before, after = (float(np.ptp(some[ears, 0].numpy())) for some in (rest, rest + offsets))
    above = body.skin & (rest[:, 1] > rest[ears, 1].max()) & (rest[:, 1] < rest[ears, 1].max() + 0.02)
    wide = float(np.ptp(rest[above, 0].numpy()))
    assert before > wide + 0.02
    assert after < wide + 0.01


def test_nothing_else_moves(body, offsets):
    assert (offsets[body.part("ears") <= 0.5] == 0).all()


def test_no_triangle_is_turned_over(body, rest, offsets):
    moved = rest + offsets
    own = body.faces[(body.part("ears")[body.faces] > 0.5).all(1)]
    across = torch.linalg.cross(moved[own[:, 1]] - moved[own[:, 0]], moved[own[:, 2]] - moved[own[:, 0]])
    outwards = torch.nn.functional.normalize(across, dim=1)[:, 0] * moved[own].mean(1)[:, 0].sign()
    assert (outwards > 0).float().mean() > 0.99


def test_normals_go_on_over_the_rim(body, rest, offsets):
    ears = body.part("ears") > 0.5
    normals = vertex_normals(rest + offsets, body.faces)
    assert (normals[ears, 0].abs() > 0.6).float().mean() > 0.95


def test_both_sides_are_alike(body, rest, offsets):
    flip = torch.tensor([-1.0, 1.0, 1.0])
    assert (offsets[body.mirror] * flip - offsets).abs().max() < 0.002
