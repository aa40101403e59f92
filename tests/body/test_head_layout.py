"""The second layout of the default body's texture: a quarter is the head's, and no island touches another."""

import cv2
import numpy as np
import pytest
from toy_body import toy_body

from fit_avatar.body import load_body
from fit_avatar.body.garment import Garment, dressed
from fit_avatar.body.head_layout import island_of, on_head, with_larger_head
from fit_avatar.visibility.raster import rasterize_uv

SIZE = 1024
GAP = 3
"""Texels between islands at least, at this size."""


@pytest.fixture(scope="module")
def body():
    return load_body()


@pytest.fixture(scope="module")
def packed(body):
    return with_larger_head(body)


def sides(body):
    """Return two sides of every triangle in the texture. [F, 2, 2]"""
    corners = body.uvs.double().numpy()[body.uv_faces.numpy()]
    return corners[:, 1:] - corners[:, :1]


def areas(body):
    """Return the signed area of every triangle in the texture. [F]"""
    return np.linalg.det(sides(body)) / 2


def test_the_head_has_a_quarter_of_the_square(body, packed):
    head = on_head(body)
    assert areas(body)[head].sum() < 0.19
    assert areas(packed)[head].sum() >= 0.25
    assert packed.uvs.min() >= 0 and packed.uvs.max() <= 1


@pytest.mark.parametrize("wears", [False, True])
def test_islands_keep_apart(body, packed, wears):
    worn = dressed(packed, Garment(0.9, (0.0,) * body.num_betas)) if wears else packed
    island = island_of(worn) + 1
    face = rasterize_uv(worn.uvs, worn.uv_faces, SIZE).face_index.numpy()
    label = np.where(face < 0, 0, island[face]).astype(np.float32)
    assert (label > 0).mean() == pytest.approx(np.abs(areas(worn)).sum(), abs=2e-3)  # nothing is drawn twice
    around = np.ones((2 * GAP + 1, 2 * GAP + 1), np.uint8)
    last = cv2.dilate(label, around)
    first = -cv2.dilate(np.where(label > 0, -label, -np.float32(1e3)), around)
    assert np.array_equal(last[label > 0], label[label > 0]) and np.array_equal(first[label > 0], label[label > 0])


def test_every_island_keeps_its_shape_and_none_gets_smaller(body, packed):
    island = island_of(body)
    lengths = [np.linalg.norm(sides(each), axis=2) for each in (body, packed)]
    scale = lengths[1].sum(1) / lengths[0].sum(1)
    for each in range(island.max() + 1):
        assert np.ptp(scale[island == each]) < 2e-3
    assert scale.min() > 0.998
    assert (np.sign(areas(packed)) == np.sign(areas(body)))[np.abs(areas(body)) > 1e-9].all()  # none is turned over


def test_other_coordinates_stay(body, packed):
    assert with_larger_head(packed) is packed
    own = toy_body()
    assert with_larger_head(own) is own
    worn = dressed(body, Garment(0.9, (0.0,) * body.num_betas))
    assert with_larger_head(worn) is worn
    hands = with_larger_head(load_body(path="anny-hands"))
    assert np.array_equal(hands.uvs.numpy(), packed.uvs.numpy())
