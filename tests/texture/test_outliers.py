"""Values far from the usual ones, against numbers worked out by hand."""

import numpy as np

from fit_avatar.texture.outliers import far_from_usual

VALUES = np.array([[1, 0], [2, 0], [3, 0], [4, 0], [5, 0], [9, 0], [3, 2]], np.float32)
USUAL = np.array([True] * 5 + [False] * 2)
"""Median (3, 0), median absolute deviation (1, 0)."""


def test_what_is_farther_in_one_channel_is_marked():
    assert far_from_usual(VALUES, USUAL, 2.0, 0.5).tolist() == [False] * 5 + [True, True]


def test_the_least_deviation_is_added():
    assert far_from_usual(VALUES, USUAL, 2.0, 1.1).tolist() == [False] * 5 + [True, False]
    assert not far_from_usual(VALUES, USUAL, 2.0, 2.0).any()
