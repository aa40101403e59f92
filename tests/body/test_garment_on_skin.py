"""A garment's edge lies on the skin, the skin that it covers below the cloth, and its inside follows both ends."""

import numpy as np
import pytest
import torch

from fit_avatar.body import load_body
from fit_avatar.body.garment import Garment, cloth, dressed, is_garment
from fit_avatar.body.garment_on_skin import closed, sealed, tucked
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.model import Body
from fit_avatar.body.tube import AROUND, LINED, LIP, outside

BETAS = (0.5, -0.6, 0.4)


@pytest.fixture(scope="module")
def skirted() -> Body:
    """The default body, which has legs, in a skirt."""
    return dressed(load_body(3), Garment(0.9, BETAS))


def test_it_goes_around_both_legs(skirted):
    """Without offsets, no covered skin is outside of the cloth."""
    shaped = skirted.template + skirted.shape_basis[..., :3] @ torch.tensor(BETAS)
    moved = tucked(skirted, shaped.double().numpy()) - shaped.double().numpy()
    assert np.linalg.norm(moved, axis=1).max() < 0.008


def test_skin_outside_the_cloth_is_tucked_in(skirted):
    shaped = (skirted.template + skirted.shape_basis[..., :3] @ torch.tensor(BETAS)).double().numpy()
    skin = skirted.covered.numpy() & ~is_garment(skirted)
    thick = shaped.copy()
    thick[skin] *= [1.3, 1, 1.3]
    moved = tucked(skirted, thick)
    normals = vertex_normals(thick, skirted.faces.numpy())
    at = cloth(skirted)
    nearest = at[((moved[skin][:, None] - thick[at][None]) ** 2).sum(-1).argmin(1)]
    outside = ((moved[skin] - thick[nearest]) * normals[nearest]).sum(1)
    assert np.quantile(outside, 0.99) < 0
    assert np.array_equal(moved[~skin], thick[~skin])


@pytest.mark.parametrize("waistband", [False, True])
def test_the_first_ring_is_drawn_below_the_skin_or_just_above(skirted, waistband):
    surface = (skirted.template + skirted.shape_basis[..., :3] @ torch.tensor(BETAS)).double().numpy()
    wide = surface.copy()
    wide[cloth(skirted)] *= [1.2, 1, 1.2]
    moved = sealed(skirted, wide, waistband)
    ring = cloth(skirted)[:AROUND]
    skin = np.flatnonzero(~is_garment(skirted))
    normals = vertex_normals(wide, skirted.faces.numpy())
    nearest = skin[((moved[ring][:, None] - wide[skin][None]) ** 2).sum(-1).argmin(1)]
    above = ((moved[ring] - wide[nearest]) * normals[nearest]).sum(1)
    if waistband:
        assert (above > 0.001).all()
        assert (above < 0.004).all()
    else:
        assert (above < 0.001).all()
    assert np.array_equal(moved[cloth(skirted)[4 * AROUND :]], wide[cloth(skirted)[4 * AROUND :]])
    assert np.array_equal(moved[skin], wide[skin])


def test_the_lining_follows_the_cloth(skirted):
    offsets = np.zeros(skirted.template.shape)
    offsets[cloth(skirted)] = [0.0, 0.05, 0.0]
    offsets[seen_by_outlines(skirted)] = [0.0, 0.05, 0.0]
    moved = closed(skirted, offsets)
    own = np.flatnonzero(is_garment(skirted))
    np.testing.assert_allclose(moved[own, 1], 0.05)
    assert not moved[~is_garment(skirted)].any()


def test_a_hem_drawn_in_has_its_lining_behind_it(skirted):
    """Where outlines draw the hem alone in, the lining gives way, and the top stays."""
    surface = (skirted.template + skirted.shape_basis[..., :3] @ torch.tensor(BETAS)).double().numpy()
    at, own = cloth(skirted), np.flatnonzero(is_garment(skirted))
    low = at[surface[at, 1] < surface[at[-AROUND:], 1].max() + 0.1]
    offsets = np.zeros(surface.shape)
    offsets[low] = surface[low] * [-0.1, 0, -0.1]
    moved = surface + closed(skirted, offsets)
    outer = moved[at]
    lining = moved[own[outside(len(own)).stop + LIP * AROUND :][: LINED * AROUND]]
    normals = vertex_normals(moved, skirted.faces.numpy())[at]
    nearest = ((lining[:, None] - outer[None]) ** 2).sum(-1).argmin(1)
    assert (((outer[nearest] - lining) * normals[nearest]).sum(1) > 0).all()
    np.testing.assert_array_equal(moved[own[-1]], surface[own[-1]])


def seen_by_outlines(skirted: Body) -> np.ndarray:
    """Return the garment's vertices that are not covered."""
    return np.flatnonzero(is_garment(skirted) & ~skirted.covered.numpy())
