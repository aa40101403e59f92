"""Decoding of the pose model's outputs into landmarks, in units of its input."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

INPUT = 256
"""Side of the model's input, in pixels."""
NUM_LANDMARKS = 33
"""Landmarks of the body; behind them come two for the next frame's region, and four that are not used."""
_KERNEL = 9
"""Side of the window of the heat map around a landmark in which it is refined, in its pixels."""
_MIN_HEAT = 0.5
"""A landmark is refined where the largest value of the heat map in its window is at least this."""


def sigmoid(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return 1 / (1 + exp(-values)), without overflow."""
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * values), np.float32)


def refine_with_heatmap(points: NDArray[np.float32], logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Move each landmark to the centre of mass of its heat map nearby, where the map is confident.

    Args:
        points: positions in 0..1 of the input. [N, 2]
        logits: a heat map for each landmark. [S, S, N]

    Returns:
        Positions [N, 2]; those outside the heat map stay.
    """
    size, reach = len(logits), _KERNEL // 2
    cells = np.trunc(points * size).astype(int)
    inside = ((cells >= 0) & (cells < size)).all(1)
    offsets = np.arange(-reach, reach + 1)
    columns = cells[inside, 0, None, None] + offsets[None, None, :]
    rows = cells[inside, 1, None, None] + offsets[None, :, None]
    padded = np.pad(logits, ((reach, reach), (reach, reach), (0, 0)), constant_values=-np.inf)
    heat = sigmoid(padded[rows + reach, columns + reach, np.flatnonzero(inside)[:, None, None]])
    total = heat.sum((1, 2))
    centres = np.stack([(heat * columns).sum((1, 2)), (heat * rows).sum((1, 2))], 1) / total[:, None] / size
    refined = points.copy()
    refined[inside] = np.where((heat.max((1, 2)) >= _MIN_HEAT)[:, None], centres, points[inside])
    return refined
