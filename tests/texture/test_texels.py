"""Means of known texels are the same for some places and for all, and so is the nearest one."""

import numpy as np

from fit_avatar.texture.texels import local_mean, mean_around, nearest_inside, nearest_of

SIZE = 32


def test_the_mean_around_some_texels_is_that_of_all() -> None:
    generator = np.random.default_rng(0)
    image, known = generator.random((SIZE**2, 3), np.float32), generator.random(SIZE**2) < 0.4
    inner = np.add.outer(np.arange(4, 28) * SIZE, np.arange(4, 28)).ravel()
    expected = local_mean(image, known, SIZE, 3 / SIZE)[inner]
    np.testing.assert_allclose(mean_around(image, known, inner, 3 / SIZE), expected, atol=1e-5)


def test_at_the_border_only_texels_of_the_image_count() -> None:
    image, known = np.arange(SIZE**2, dtype=np.float32)[:, None], np.ones(SIZE**2, bool)
    corner = mean_around(image, known, np.array([0]), 1 / SIZE)
    np.testing.assert_allclose(corner, [[(0 + 1 + SIZE + SIZE + 1) / 4]])
    assert mean_around(image, ~known, np.array([0]), 1 / SIZE) == 0


def test_the_nearest_of_some_places_is_that_of_all() -> None:
    inside = np.random.default_rng(1).random((SIZE, SIZE)) < 0.1
    places = np.array([0, 77, SIZE**2 - 1])
    np.testing.assert_array_equal(nearest_of(inside, places), nearest_inside(inside).ravel()[places])
