"""Holes are continued from their own rims, and islands beyond their edges."""

import numpy as np
from toy_body import toy_body

from fit_avatar.appearance.atlas import Atlas
from fit_avatar.body.operators import adjacency
from fit_avatar.texture.inpaint import (
    fill_holes,
    harmonic_interpolation,
    pad_islands,
    reflected_detail,
)
from fit_avatar.texture.texels import nearest_inside

BODY = toy_body()
ATLAS = Atlas.of(BODY, 128)
NEIGHBOURS = adjacency(ATLAS.arrays.faces, len(BODY.template))


def test_harmonic_continuation_stays_between_its_neighbours() -> None:
    known = (BODY.template[:, 1].abs() > 0.4).numpy() & BODY.skin.numpy()
    values = np.where(BODY.template[:, 1:2].numpy() > 0, 10.0, 2.0).astype(np.float32)
    filled = harmonic_interpolation(NEIGHBOURS, values, known)
    np.testing.assert_array_equal(filled[known], values[known])
    skin = BODY.skin.numpy()
    assert filled[skin].min() >= 2 - 1e-4 and filled[skin].max() <= 10 + 1e-4 and (filled[~skin] == 0).all()
    equator = skin & (BODY.template[:, 1].abs() < 0.06).numpy()
    np.testing.assert_allclose(filled[equator], 6, atol=1.0)


def test_a_hole_is_continued_from_its_own_rim() -> None:
    skin, height = BODY.skin.numpy(), BODY.template[:, 1].numpy()
    known = skin & (np.abs(height) > 0.25) & (height < 0.75)  # a belt and a cap are missing, and what lies loose
    values = np.where(height > 0.5, 200.0, np.where(height > 0, 90.0, 10.0))[:, None].astype(np.float32)
    filled = fill_holes(BODY.template.numpy(), NEIGHBOURS, values, known)
    np.testing.assert_array_equal(filled[known], values[known])
    np.testing.assert_allclose(filled[skin & (height > 0.75)], 200, atol=1e-3)
    belt = skin & (np.abs(height) < 0.25)
    assert filled[belt].min() >= 10 - 1e-3 and filled[belt].max() <= 90 + 1e-3
    assert filled[belt & (height > 0.15)].min() > 75 and filled[belt & (height < -0.15)].max() < 25
    loose = ~skin
    assert (filled[loose] < 0.6 * 200).all()


def test_stripes_go_straight_on_into_a_hole() -> None:
    stripes = np.broadcast_to(8 * np.sin(np.arange(128) * 2 * np.pi / 3)[None, :, None], (128, 128, 3)) + 100
    island = np.zeros((128, 128), np.int64)
    known = np.ones((128, 128), bool)
    known[60:70, 20:100] = False
    detail = reflected_detail(stripes.astype(np.float32), known, island)
    inner = (slice(60, 70), slice(30, 90))
    assert np.corrcoef(detail[inner].ravel(), (stripes[inner] - 100).ravel())[0, 1] > 0.95
    assert (detail[known] == 0).all() and np.abs(detail).max() <= 10
    halves = np.where(np.arange(128)[:, None] < 65, island, 1)
    known[65:] = False
    assert not reflected_detail(stripes.astype(np.float32), known, halves)[70:].any()  # no other island is copied


def test_the_nearest_pixel_inside() -> None:
    inside = np.zeros((9, 12), bool)
    inside[2, 3] = inside[7, 10] = True
    nearest = nearest_inside(inside)
    assert nearest[0, 0] == nearest[2, 3] == 2 * 12 + 3 and nearest[8, 11] == 7 * 12 + 10
    np.testing.assert_array_equal(nearest_inside(~inside & False), np.arange(108).reshape(9, 12))


def test_beside_an_island_are_its_own_colours() -> None:
    inside = np.zeros((64, 64), bool)
    inside[10:50, 10:30] = inside[10:50, 36:60] = True
    image = np.where(np.arange(64)[None, :, None] < 33, 20.0, 220.0).astype(np.float32).repeat(64, axis=0)
    image = image.reshape(64, 64, 1) * inside[..., None]
    around = pad_islands(image, inside)
    np.testing.assert_array_equal(around[inside], image[inside])
    np.testing.assert_array_equal(around[12:48, 30:33], 20)
    np.testing.assert_array_equal(around[12:48, 33:36], 220)
