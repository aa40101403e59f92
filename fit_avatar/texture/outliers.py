"""Values that differ from the usual ones by much more than those do among themselves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


def far_from_usual(
    values: FloatArray, usual: NDArray[np.bool_], max_deviation: float, min_deviation: float
) -> NDArray[np.bool_]:
    """Mark values [N, C] that differ from the usual ones' median in some channel. [N]

    Args:
        values: such as colours. [N, C]
        usual: which of them tell what is usual. [N]
        max_deviation: largest difference, in robust standard deviations (1.4826 times the median absolute deviation).
        min_deviation: added to the robust standard deviation.
    """
    centre = np.median(values[usual], axis=0)
    spread = 1.4826 * np.median(np.abs(values[usual] - centre), axis=0) + min_deviation
    return np.asarray((np.abs(values - centre) > max_deviation * spread).any(axis=1))
