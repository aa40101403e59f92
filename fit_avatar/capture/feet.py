"""Where the feet are, by their keypoints."""

from __future__ import annotations

from fit_avatar.capture.points import Points

FEET = ((19, 21), (22, 24))
"""BODY_25 big toe and heel of each foot."""


def lowest_of_feet(keypoints: Points, min_confidence: float) -> float | None:
    """Return the row of the lowest of toes and heels; ``None`` if one is unseen, or neither of a foot seen well.

    Args:
        keypoints: BODY_25 points. [25, 3]
        min_confidence: of the better of a foot's two points.
    """
    feet = keypoints[FEET, :]  # [2, 2, 3]
    seen = feet[..., 2].min() > 0 and feet[..., 2].max(1).min() > min_confidence
    return float(feet[..., 1].max()) if seen else None
