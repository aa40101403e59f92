"""Where the feet are, by their keypoints."""

from __future__ import annotations

from fit_avatar.capture.person import MIN_CONFIDENCE
from fit_avatar.capture.points import Points

FEET = (19, 21, 22, 24)
"""BODY_25 big toe and heel of each foot."""


def lowest_of_feet(keypoints: Points, min_confidence: float) -> float | None:
    """Return the row of the lowest of toes and heels; ``None`` if one of them is unseen, or none is seen well.

    Args:
        keypoints: BODY_25 points. [25, 3]
        min_confidence: of the best of them; those of the far foot are often hidden.
    """
    feet = keypoints[FEET, :]
    seen = feet[:, 2].min() > MIN_CONFIDENCE and feet[:, 2].max() > min_confidence
    return float(feet[:, 1].max()) if seen else None
