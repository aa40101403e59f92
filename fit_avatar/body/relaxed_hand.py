"""How the fingers of a relaxed hand are bent."""

from __future__ import annotations

import math

FINGERS_BENT_RAD = {
    "index": (0.25, 0.45, 0.25),
    "middle": (0.3, 0.5, 0.25),
    "ring": (0.35, 0.55, 0.25),
    "pinky": (0.4, 0.6, 0.25),
}
"""How far the three joints of each finger are bent, from the knuckle to the tip. Chosen by hand, between straight
fingers and what anatomy calls the position of rest (knuckles about 45°)."""

Matrix = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]


def bent_fingers() -> dict[str, Matrix]:
    """Return the local rotation of each joint that is bent, from fingers that point along ±x, palms down, by name."""
    bent = {}
    for side, sign in (("left", -1.0), ("right", 1.0)):
        for finger, angles in FINGERS_BENT_RAD.items():
            for k, angle in enumerate(angles, 1):
                cosine, sine = math.cos(angle), sign * math.sin(angle)
                bent[f"{side}_{finger}{k}"] = ((cosine, -sine, 0.0), (sine, cosine, 0.0), (0.0, 0.0, 1.0))
    return bent
