"""Slopes of a flat piece become heights: those that are known, and flat ones elsewhere."""

import numpy as np
from numpy.typing import NDArray

from fit_avatar.texture.displacement import integrate_slopes

SPACING_M = 0.003
SIZE = 96
CERTAIN = np.broadcast_to(1e4 * np.eye(2, dtype=np.float32), (SIZE * SIZE, 2, 2))
TO_SLOPE = np.broadcast_to(np.eye(2, dtype=np.float32) / SPACING_M, (SIZE * SIZE, 2, 2))


def pits() -> NDArray[np.float64]:
    """Heights in metres, 4 cm apart. [SIZE, SIZE]"""
    y, x = np.mgrid[:SIZE, :SIZE] * SPACING_M * 2 * np.pi / 0.04
    return 0.002 * np.cos(x) * np.cos(y)


def slopes(heights: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the slopes to the right and down. [SIZE², 2]"""
    right, down = np.zeros((2, SIZE, SIZE))
    right[:, :-1], down[:-1] = np.diff(heights, axis=1), np.diff(heights, axis=0)
    return (np.stack([right, down], axis=-1).reshape(-1, 2) / SPACING_M).astype(np.float32)


def integrated(pull: NDArray[np.float32], information: NDArray[np.float32] = CERTAIN) -> NDArray[np.float32]:
    mask = np.ones((SIZE, SIZE), bool)
    return integrate_slopes(mask, TO_SLOPE, information, pull, SPACING_M).reshape(mask.shape)


def test_known_slopes_give_their_heights() -> None:
    found = integrated(1e4 * slopes(pits()))
    inside = (slice(8, -8),) * 2
    assert np.abs(found - pits())[inside].max() < 0.1 * pits().max()


def test_one_slope_tells_of_the_other() -> None:
    one = CERTAIN * np.diag([1, 0]).astype(np.float32)
    found = integrated(1e4 * slopes(pits()) * [1, 0], one)
    assert np.corrcoef(found.ravel(), pits().ravel())[0, 1] > 0.95


def test_what_is_not_known_is_flat() -> None:
    known = (np.arange(SIZE * SIZE) // SIZE < SIZE // 2)[:, None]
    found = integrated(1e4 * slopes(pits()) * known, CERTAIN * known[..., None])
    assert np.abs(found[SIZE // 2 + 12 :]).max() < 0.1 * np.abs(found[: SIZE // 2]).max()
    assert not integrated(np.zeros((SIZE * SIZE, 2), np.float32)).any()
