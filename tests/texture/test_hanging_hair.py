"""Hair that hangs keeps its own colour where frames show the shirt beside it."""

import numpy as np
import pytest

from fit_avatar.appearance.atlas import Atlas
from fit_avatar.body import load_body
from fit_avatar.body.hanging_hair import is_hair, with_hair
from fit_avatar.texture.hanging_hair import hair_outliers
from tests.body.test_hanging_hair import ponytail

BROWN, SHIRT = np.array([70, 45, 30], np.float32), np.array([60, 90, 150], np.float32)
SIZE = 256


@pytest.fixture(scope="module")
def haired():
    body = load_body(3)
    return with_hair(body, ponytail(body))


@pytest.fixture(scope="module")
def atlas(haired):
    return Atlas.of(haired, SIZE)


def painted(haired, atlas):
    """Return brown hair over a shirt, whose light goes from half to one and a half, and which texels are hair."""
    hair = is_hair(haired)[atlas.arrays.faces].all(axis=1)[atlas.arrays.face]
    light = np.random.default_rng(0).uniform(0.5, 1.5, (len(hair), 1)).astype(np.float32)
    return np.where(hair[:, None], BROWN * light, SHIRT), hair


def test_the_shirt_on_the_lower_end_is_an_outlier(haired, atlas):
    colours, hair = painted(haired, atlas)
    wrong = np.flatnonzero(hair)[::4]
    colours[wrong] = SHIRT
    support = np.where(np.isin(np.arange(len(hair)), wrong), 0.3, 1.0).astype(np.float32)
    marked = hair_outliers(haired, atlas, colours, support)
    assert marked[wrong].all() and marked.sum() < 1.02 * len(wrong)


def test_light_and_shade_are_no_outliers(haired, atlas):
    colours, hair = painted(haired, atlas)
    assert hair_outliers(haired, atlas, colours, np.ones(len(hair), np.float32)).sum() < 0.02 * hair.sum()


def test_what_nobody_sees_is_not_judged(haired, atlas):
    colours, hair = painted(haired, atlas)
    colours[hair] = SHIRT
    assert not hair_outliers(haired, atlas, colours, np.zeros(len(hair), np.float32)).any()


def test_a_body_without_hair_has_none():
    body = load_body(3)
    atlas = Atlas.of(body, SIZE)
    count = len(atlas.arrays.face)
    assert not hair_outliers(body, atlas, np.full((count, 3), 99, np.float32), np.ones(count, np.float32)).any()
