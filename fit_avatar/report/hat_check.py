"""Whether the person wears a hat, of which the avatar has only a part."""

from __future__ import annotations

import torch

from fit_avatar.capture.types import Capture
from fit_avatar.silhouettes import extract_contours, has_brim

FRAMES, POINTS = 20, 400
"""So many frames are looked at, at outlines of so many points. Chosen by hand."""


def hat_warnings(capture: Capture) -> tuple[str, ...]:
    """Return a warning if the person wears a hat with a brim; none for one without a brim, which is not told from hair.

    Args:
        capture: keypoints and masks.
    """
    some = slice(None, None, max(1, len(capture.masks) // FRAMES))
    keypoints = torch.from_numpy(capture.keypoints[some]).nan_to_num(0, 0, 0)
    if not has_brim(keypoints, extract_contours(capture.masks[some], POINTS)):
        return ()
    return (
        "The person wears a hat: the avatar's head has the form of its crown, but no brim, and since the hat hides "
        "the skull, the head may be tipped wrongly by some degrees. Film without a hat for a head that is right.",
    )
