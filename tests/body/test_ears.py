"""Without ears a head goes on smoothly over where they are."""

import numpy as np
import pytest
import torch

from fit_avatar.body import load_body
from fit_avatar.body.ears import ears_and_rim, even_over_ears, flat_ear_offsets
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


def lifted(rest: torch.Tensor) -> np.ndarray:
    """Return what hair adds all around: 3 cm at ears, less above and below. [V, 3]"""
    lift = 0.03 * torch.exp(-(((rest[:, 1:2] - rest[:, 1:2].mean()) / 0.5) ** 2))
    return (lift * torch.tensor([1.0, 0.0, 0.0]) * rest[:, :1].sign()).double().numpy()


def test_what_hair_adds_is_even_over_ears(body, rest, offsets):
    ears, smooth = ears_and_rim(body), offsets.double().numpy() + lifted(rest)
    assert ears.sum() == ((body.part("ears") > 0.5) & body.skin).sum() < ears_and_rim(body, 4).sum()
    noise = 0.001 * np.random.default_rng(0).standard_normal(smooth.shape) * ears[:, None]
    even = even_over_ears(body, BETAS, smooth + noise)
    assert np.abs(even - smooth)[ears].max() < 0.002 and np.abs(even - smooth)[ears].mean() < 0.0004
    assert (even == smooth)[~ears].all()
