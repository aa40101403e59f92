"""The key numbers of a run, for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LEAST_KNOWN = 3
"""Number of regions of lowest confidence that are named."""


def key_numbers(metrics: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return names and values of the most important results. ``metrics`` as in ``metrics.json``."""
    sizes = {each["name"]: each["metres"] for each in metrics["measurements"]}
    girths = [f"{name} {100 * metres:.0f}" for name, metres in sizes.items() if name != "height"]
    regions = sorted(metrics["regions"], key=lambda region: float(region["confidence"]))
    left_out = len(metrics["frames_left_out"])
    rows = [
        ("height", f"{metrics['height_m']:.2f} m" + (f"; in cm: {', '.join(girths)}" if girths else "")),
        ("frames", f"{metrics['frames_used']} used" + (f", {left_out} left out" if left_out else "")),
    ]
    if regions:
        least = (f"{region['name']} {100 * region['confidence']:.0f} %" for region in regions[:LEAST_KNOWN])
        rows.append(("least known", ", ".join(least)))
    return tuple(rows)
