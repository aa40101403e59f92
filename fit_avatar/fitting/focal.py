"""The focal length of a camera that nobody measured, from the clip itself.

A longer lens farther away shows the same person with less perspective: limbs that turn towards the camera grow less,
feet rise less. So the keypoints of a person who turns around tell the focal length. A solve is run with a few focal
lengths, each from the same start, and the lowest point of a parabola through their energies is the best one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from fit_avatar.capture.camera import FULL_FRAME_DIAGONAL_MM
from fit_avatar.capture.types import Capture
from fit_avatar.solvers.state import ClipState

TRIALS = (1.25, 1.0, 0.8, 0.6)
"""Perspectives that are tried, against that of the guess: reciprocals of the factor on its focal length."""
STEP, MOST_TRIALS = 0.8, 8
"""Where the strongest or weakest perspective of the trials is the best, go on by this factor, to so many trials."""
LEAST_SIGMA = 0.03
"""What is told of the estimate's error is never less: the body's own shape allows no more."""


@dataclass(frozen=True)
class Focal:
    """A focal length, relative to the guess."""

    factor: float
    sigma: float
    """Relative standard deviation."""


def estimate_focal(energy: Callable[[float], float], guess_sigma: float) -> Focal:
    """Return the focal length that explains a clip best.

    Args:
        energy: of the clip, with the guess times a factor; in squared standard deviations.
        guess_sigma: relative standard deviation of the guess.
    """

    def cost(inverse: float) -> float:
        return energy(1 / inverse) + ((inverse - 1) / guess_sigma) ** 2

    found = {inverse: cost(inverse) for inverse in TRIALS}
    while len(found) < MOST_TRIALS:
        best = min(found, key=found.__getitem__)
        if best == max(found):
            found[best / STEP] = cost(best / STEP)
        elif best == min(found):
            found[best * STEP] = cost(best * STEP)
        else:
            break
    best = min(found, key=found.__getitem__)
    near = sorted(found, key=lambda inverse: abs(math.log(inverse / best)))[: len(TRIALS)]
    curve, slope, _ = np.polyfit(near, [found[inverse] for inverse in near], 2)
    if curve <= 0:
        return Focal(1 / best, guess_sigma)
    inverse = min(max(-slope / (2 * curve), min(near)), max(near))
    return Focal(1 / inverse, max(1 / (inverse * math.sqrt(curve)), LEAST_SIGMA))


def scale_depth(state: ClipState, factor: float) -> ClipState:
    """Return the state with the person where a focal length times a factor shows the same size."""
    return replace(state, transl=state.transl * state.transl.new_tensor([1.0, 1.0, factor]))


def calibrated(capture: Capture, state: ClipState) -> Capture:
    """Return the capture with the camera of the fit, and what the user should know of it."""
    if state.focal is None:
        return capture
    factor, sigma = state.focal.tolist()
    camera = capture.camera.zoomed(factor)
    equivalent = camera.fx / math.hypot(camera.width, camera.height) * FULL_FRAME_DIAGONAL_MM
    told = (
        f"The focal length was estimated from the clip: {camera.fx:.0f} px ({equivalent:.0f} mm equivalent), to about "
        f"{sigma:.0%}; pass --focal-35mm or --camera if you know it."
    )
    camera = replace(camera, source="estimated from the clip", focal_sigma=sigma)
    return replace(capture, camera=camera, warnings=(*capture.warnings, told))
